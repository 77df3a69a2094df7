"""`deptr experiment detector`: what a detector reaches, on photos it never saw and on synthetic scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from deptr.detector.inference import Detector
from deptr.evaluation.depth_metrics import LAPLACE_WITHIN_ONE_STD, DepthFigures, depth_figures
from deptr.evaluation.tables import Table
from deptr.records import BoolArray, LabelledFrame
from deptr.training.evaluate import MatchedDepths, average_precision, match_depths

DEPTH_HEADS = (
    "rel. error",
    "δ<1.25",
    "rank corr.",
    "order at overlaps",
    "pairs",
    "within 1 std",
    "std rank corr.",
)
DEPTH_FIELDS = (
    "relative_error",
    "within_quarter",
    "rank_correlation",
    "order_accuracy",
    "pairs",
    "within_one_std",
    "std_rank_correlation",
)


# (set, figure) -> what the bundled detector was to reach, and whether larger is better
TARGETS = {
    ("street", "AP50"): (0.90, True),
    ("varied", "AP50"): (0.40, True),
    ("composite", "AP50"): (0.90, True),
    ("composite", "relative_error"): (0.07, False),
    ("composite", "order_accuracy"): (0.88, True),
    ("crowd", "AP50"): (0.90, True),
    ("crowd", "relative_error"): (0.07, False),
    ("crowd", "order_accuracy"): (0.88, True),
}


def _target_table(reached: Mapping[tuple[str, str], float]) -> Table:
    table = Table(
        "Targets and what was reached",
        ["set", "figure", "target", "reached", "short by"],
        note="The targets of the issue, measured here on the held-out sets below.",
        words=2,
    )
    for (name, figure), (target, larger) in TARGETS.items():
        value = reached.get((name, figure), float("nan"))
        if np.isnan(value):
            continue
        gap = target - value if larger else value - target
        word = f"{gap:.3f}" if gap > 0 else "reached"
        table.rows.append([name, figure.replace("_", " "), f"{target:.2f}", _cell(value), word])
    return table


def detector_tables(
    detector: Detector, sets: Mapping[str, Sequence[LabelledFrame]], *, min_score: float = 0.01
) -> list[Table]:
    """AP per set, depth per set, and depth by size, visibility and distance over all sets with depth."""
    boxes = Table(
        "Boxes",
        ["set", "images", "objects", "AP", "AP50", "AP75", "AP small", "AP medium", "AP large"],
        note="faster-coco-eval, persons, regions to ignore left out; small < 32², large > 96² pixels.",
    )
    depth = Table(
        "Depth of detections (score ≥ 0.3, IoU ≥ 0.5)",
        ["set", "objects", *DEPTH_HEADS],
        note="Errors of a Laplace distribution are below one standard deviation in "
        f"{LAPLACE_WITHIN_ONE_STD:.3f} of cases.",
    )
    matched: list[MatchedDepths] = []
    reached: dict[tuple[str, str], float] = {}
    for name, frames in sets.items():
        found = [detector(frame.image, min_score=min_score, focal_px=frame.focal_px) for frame in frames]
        figures = average_precision(frames, found)
        count = sum(len(frame.boxes_xyxy) for frame in frames)
        boxes.rows.append([name, str(len(frames)), str(count), *(_cell(value) for value in figures.values())])
        reached[name, "AP50"] = figures["AP50"]
        own = match_depths(frames, found)
        if len(own.true):
            matched.append(own)
            measured = _figures(own)
            reached[name, "relative_error"] = measured.relative_error
            reached[name, "order_accuracy"] = measured.order_accuracy
            depth.rows.append([name, str(len(own.true)), *_depth_cells(measured)])
    return [_target_table(reached), boxes, depth, *([_slices(_joined(matched))] if matched else [])]


def _figures(own: MatchedDepths, chosen: BoolArray | None = None) -> DepthFigures:
    keep = np.ones(len(own.true), bool) if chosen is None else chosen
    return depth_figures(own.predicted[keep], own.std[keep], own.true[keep], own.image[keep], own.boxes[keep])


def _joined(parts: Sequence[MatchedDepths]) -> MatchedDepths:
    columns = {item.name: [getattr(part, item.name) for part in parts] for item in fields(MatchedDepths)}
    columns["image"] = [part.image + 1_000_000 * index for index, part in enumerate(parts)]
    return MatchedDepths(**{name: np.concatenate(values) for name, values in columns.items()})


def _slices(own: MatchedDepths) -> Table:
    height = own.boxes[:, 3] - own.boxes[:, 1]
    near, far = np.quantile(own.true, [1 / 3, 2 / 3])
    groups = {
        "height < 64 px": height < 64,
        "64 to 160 px": (height >= 64) & (height < 160),
        "≥ 160 px": height >= 160,
        "visible < 50 %": own.visibility < 0.5,
        "50 to 90 %": (own.visibility >= 0.5) & (own.visibility < 0.9),
        "≥ 90 %": own.visibility >= 0.9,
        f"nearer than {near:.1f} m": own.true < near,
        f"{near:.1f} to {far:.1f} m": (own.true >= near) & (own.true < far),
        f"beyond {far:.1f} m": own.true >= far,
    }
    table = Table("Depth by size, visibility and distance", ["objects that are", "objects", *DEPTH_HEADS])
    for name, chosen in groups.items():
        if chosen.any():
            table.rows.append([name, str(int(chosen.sum())), *_depth_cells(_figures(own, chosen))])
    return table


def _depth_cells(figures: DepthFigures) -> list[str]:
    return [_cell(getattr(figures, name)) for name in DEPTH_FIELDS]


def _cell(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "-" if np.isnan(value) else f"{value:.3f}"
