"""What a box alone says about depth: the two rules that a detector's depth has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deptr.records import FloatArray, LabelledFrame
from deptr.tracking.pseudo_depth import PseudoDepth
from deptr.training.evaluate import MatchedDepths

if TYPE_CHECKING:
    import supervision as sv

BODY_M = 1.70  # what the height rule takes everybody for


def height_rule(own: MatchedDepths) -> FloatArray:
    """Metres if everybody were 1.70 m tall and the detection's box showed all of them, ``(N,)``."""
    return BODY_M * own.focal_px / np.maximum(own.found_boxes[:, 3] - own.found_boxes[:, 1], 1.0)


def ground_rule(
    own: MatchedDepths, frames: Sequence[LabelledFrame], detections: Sequence[sv.Detections]
) -> FloatArray:
    """Depth guessed from the foot points of each image's own boxes, ``(N,)``, NaN where there is none.

    Its scale is free: each image's is set to fit the truth best, which no tracker could know.
    """
    guess = np.full(len(own.true), np.nan)
    for number in np.unique(own.image):
        rows = own.image == number
        height, width = frames[number].image.shape[:2]
        depth = PseudoDepth((width, height)).update(detections[number]).data["depth"][own.detection[rows]]
        with np.errstate(invalid="ignore"):
            ratio = own.true[rows] / depth
        known = np.isfinite(ratio)
        guess[rows] = depth * np.median(ratio[known]) if known.any() else np.nan
    return guess


def relative_errors(
    own: MatchedDepths, frames: Sequence[LabelledFrame], detections: Sequence[sv.Detections]
) -> Mapping[str, FloatArray]:
    """``|z - z*| / z*`` of the detector and of both rules on the same boxes, by name."""
    guesses = {
        "detector": own.predicted,
        "height rule": height_rule(own),
        "ground plane": ground_rule(own, frames, detections),
    }
    return {name: np.abs(guess - own.true) / own.true for name, guess in guesses.items()}
