"""Whose depth is whose: from samples of each box to the depth of its object, where boxes hide one another."""

from __future__ import annotations

import numpy as np

from deptr.depth.box_depths import BoxDepthState
from deptr.depth.explain import CANDIDATES, FULL, SHARED, THICKNESS, Samples, Scene, silhouette
from deptr.depth.layers import Layers
from deptr.records import BoolArray, FloatArray, IntArray

LEAST_KNOWN = 0.12  # of the weight: less is no depth
LEAST_LEFT = 0.1  # of what is known: less beside what stands in front says little
DOUBT = 0.2  # probability of another depth from which an answer is unsure
FLOOR = 0.006  # in the coordinate of depth: smallest deviation
SPREAD_SHARE = 0.4  # of the spread of an object's samples: deviation of their median
COVERED_STD = 0.25  # in the coordinate of depth: deviation of a box that is hardly seen
BORDER = 0.006  # of the image's height: a box that ends this close to the border is cut


def border_cuts(boxes: FloatArray, image_height: float) -> BoolArray:
    """Which boxes end at the upper or lower border, ``(N,)``."""
    margin = BORDER * image_height
    return np.asarray((boxes[:, 1] <= margin) | (boxes[:, 3] >= image_height - margin))


def resolve(samples: Samples) -> tuple[FloatArray, FloatArray, IntArray]:
    """Depth of each box's object.

    Args:
        samples: Of all boxes of a moment; where they have weights, boxes hold nothing of one another.

    Returns:
        Coordinate of depth, its deviation and the state of each box, ``(N,)`` each.
    """
    masked = samples.weights is not None
    if samples.weights is None:
        cover = silhouette(samples.x, samples.y, samples.boxes)
    else:
        cover = FULL * samples.weights
    known = np.where(np.isfinite(samples.values), cover, 0.0)
    scene = Scene(samples, cover, overlapping=not masked)
    looked_at = known if masked else known * (scene.alone() + SHARED)
    layers = Layers(samples.values, looked_at)
    found = scene.explain(layers.heaviest(CANDIDATES, THICKNESS))
    layers.weigh(known)
    value, spread = layers.around(found.values)
    covered = found.left < LEAST_LEFT
    empty = np.isnan(found.values) | (known.sum(1) < LEAST_KNOWN * np.maximum(cover.sum(1), 1e-12))
    own = np.where(covered, COVERED_STD, np.hypot(SPREAD_SHARE * spread, FLOOR))
    state = np.where(found.other >= DOUBT, BoxDepthState.UNSURE, BoxDepthState.KNOWN)
    state = np.where(covered, BoxDepthState.COVERED, state)
    state = np.where(empty, BoxDepthState.EMPTY, state).astype(np.int8)
    return np.where(empty, np.nan, value), np.where(empty, np.nan, np.hypot(own, found.spread)), state
