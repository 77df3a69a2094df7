"""Scores that mean what they say: a network's scores fitted to how often its boxes are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from deptr.boxes import intersections, paired_iou
from deptr.detector.fusing import LEAST_SCORE
from deptr.detector.plugin import DepthNetwork
from deptr.detector.preprocess import preprocessing_of
from deptr.errors import DataError
from deptr.records import BoolArray, FloatArray, LabelledFrame
from deptr.training.evaluate import detections_of, network_answers

MATCH_IOU = 0.5
LEAST = 20  # right boxes below which a fit says nothing
ROUNDS = 5  # of fitting scores of fused boxes, which follow those of their parts; the last changes nothing


def calibrate(model: DepthNetwork, frames: Sequence[LabelledFrame]) -> tuple[float, float]:
    """Fit the network's scores, so that those of its detections are the share of such boxes that are right.

    Args:
        model: Its configuration is changed.
        frames: Held-out frames.

    Returns:
        Scale and shift of its logits.

    Raises:
        DataError: Too few detections are right for a fit.
    """
    config = model.config
    config.score_scale, config.score_shift = 1.0, 0.0
    settings = preprocessing_of(config)
    answers = list(network_answers(model, frames, settings))
    logits = [logit(np.clip(answer.raw.scores, 1e-7, 1 - 1e-7)) for answer in answers]
    scale, shift = 1.0, 0.0
    for _ in range(ROUNDS):
        fitted = [
            replace(answer, raw=replace(answer.raw, scores=expit(scale * values + shift)))
            for answer, values in zip(answers, logits, strict=True)
        ]
        found = [
            detections_of(frame, answer, min_score=LEAST_SCORE)
            for frame, answer in zip(frames, fitted, strict=True)
        ]
        more, further = fit_scores(frames, found)
        scale, shift = scale * more, shift * more + further
    config.score_scale, config.score_shift = scale, shift
    return scale, shift


def right_or_wrong(frame: LabelledFrame, found: Any) -> tuple[FloatArray, BoolArray]:
    """Scores of detections and whether each is the best one on a labelled object.

    Detections that lie mostly in a region to ignore are left out.

    Args:
        frame: With labels.
        found: `supervision.Detections`, best first.
    """
    taken = np.zeros(len(frame.boxes_xyxy), dtype=bool)
    scores, right = [], []
    for box, score in zip(found.xyxy, found.confidence, strict=True):
        overlap = paired_iou(box, frame.boxes_xyxy)
        overlap[taken] = 0
        place = int(overlap.argmax()) if len(overlap) else 0
        matched = len(overlap) > 0 and overlap[place] >= MATCH_IOU
        if matched:
            taken[place] = True
        elif (_shares_of(box, frame.ignore_boxes_xyxy) > 0.5).any():
            continue
        scores.append(float(score))
        right.append(matched)
    return np.array(scores), np.array(right, dtype=bool)


def _shares_of(box: FloatArray, regions: FloatArray) -> FloatArray:
    """Share of a box that lies in each region, ``(R,)``."""
    area = max(float((box[2:] - box[:2]).prod()), 1e-9)
    return np.asarray(intersections(box[None], regions)[0] / area)


def fit_scores(frames: Sequence[LabelledFrame], detections: Sequence[Any]) -> tuple[float, float]:
    """Scale and shift of the logit under which the given scores are probabilities (Platt's method).

    Args:
        frames: Held-out frames.
        detections: What the uncalibrated network finds in them, down to low scores.

    Raises:
        DataError: Too few detections are right for a fit.

    Example:
        >>> fit_scores([], [])
        Traceback (most recent call last):
        ...
        deptr.errors.DataError: calibration: too few right detections: expected at least 20, found 0
    """
    parts = [right_or_wrong(frame, found) for frame, found in zip(frames, detections, strict=True)]
    scores = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0)
    right = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, bool)
    if right.sum() < LEAST:
        expected, found = f"at least {LEAST}", str(int(right.sum()))
        raise DataError("calibration", "too few right detections", expected=expected, found=found)
    values = logit(np.clip(scores, 1e-6, 1 - 1e-6))

    def cost(parameters: FloatArray) -> float:
        probability = np.clip(expit(np.exp(parameters[0]) * values + parameters[1]), 1e-9, 1 - 1e-9)
        return float(-np.mean(np.where(right, np.log(probability), np.log1p(-probability))))

    best = minimize(cost, np.zeros(2), method="Nelder-Mead").x
    return float(np.exp(best[0])), float(best[1])
