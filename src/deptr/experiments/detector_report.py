"""`deptr experiment detector`: what a detector reaches, on photos it never saw and on synthetic scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from deptr.detector.inference import Detector
from deptr.evaluation.depth_metrics import LAPLACE_WITHIN_ONE_STD, DepthFigures, depth_figures
from deptr.evaluation.tables import Table
from deptr.experiments.depth_rules import relative_errors
from deptr.records import BoolArray, FloatArray, LabelledFrame
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
    rules = Table(
        "Depth beside what the box alone says",
        ["objects that are", "objects", "detector", "height rule", "ground plane", "detector / height rule"],
        note="Mean relative error on the same detections. Height rule: 1.70 m x focal length / height of the "
        "box. Ground plane: guessed from foot points, each image's scale set to fit the truth best.",
    )
    matched: list[MatchedDepths] = []
    errors: list[Mapping[str, FloatArray]] = []
    for name, frames in sets.items():
        found = [detector(frame.image, min_score=min_score, focal_px=frame.focal_px) for frame in frames]
        figures = average_precision(frames, found)
        count = sum(len(frame.boxes_xyxy) for frame in frames)
        boxes.rows.append([name, str(len(frames)), str(count), *(_cell(value) for value in figures.values())])
        own = match_depths(frames, found)
        if len(own.true):
            matched.append(own)
            errors.append(relative_errors(own, frames, found))
            depth.rows.append([name, str(len(own.true)), *_depth_cells(_figures(own))])
            rules.rows.append(_rule_row(name, errors[-1], np.ones(len(own.true), bool)))
    if not matched:
        return [boxes]
    whole = _joined(matched)
    together = {name: np.concatenate([part[name] for part in errors]) for name in errors[0]}
    rules.rows.extend(_rule_row(name, together, chosen) for name, chosen in _groups(whole).items())
    return [boxes, depth, rules, _slices(whole)]


def _rule_row(name: str, errors: Mapping[str, FloatArray], chosen: BoolArray) -> list[str]:
    means = [float(np.nanmean(error[chosen])) if chosen.any() else float("nan") for error in errors.values()]
    return [name, str(int(chosen.sum())), *(_cell(mean) for mean in means), f"{means[0] / means[1]:.2f}"]


def _figures(own: MatchedDepths, chosen: BoolArray | None = None) -> DepthFigures:
    keep = np.ones(len(own.true), bool) if chosen is None else chosen
    return depth_figures(own.predicted[keep], own.std[keep], own.true[keep], own.image[keep], own.boxes[keep])


def _joined(parts: Sequence[MatchedDepths]) -> MatchedDepths:
    columns = {item.name: [getattr(part, item.name) for part in parts] for item in fields(MatchedDepths)}
    columns["image"] = [part.image + 1_000_000 * index for index, part in enumerate(parts)]
    return MatchedDepths(**{name: np.concatenate(values) for name, values in columns.items()})


def _groups(own: MatchedDepths) -> dict[str, BoolArray]:
    """Objects by what makes their depth hard to tell."""
    height = own.boxes[:, 3] - own.boxes[:, 1]
    body = own.true * height / own.focal_px  # metres, if the whole body is in the box
    near, far = np.quantile(own.true, [1 / 3, 2 / 3])
    return {
        "height < 64 px": height < 64,
        "64 to 160 px": (height >= 64) & (height < 160),
        "≥ 160 px": height >= 160,
        "visible < 50 %": own.visibility < 0.5,
        "50 to 90 %": (own.visibility >= 0.5) & (own.visibility < 0.9),
        "≥ 90 %": own.visibility >= 0.9,
        "shorter than 1.5 m in the picture": body < 1.5,
        "1.5 m or taller in the picture": body >= 1.5,
        f"nearer than {near:.1f} m": own.true < near,
        f"{near:.1f} to {far:.1f} m": (own.true >= near) & (own.true < far),
        f"beyond {far:.1f} m": own.true >= far,
    }


def _slices(own: MatchedDepths) -> Table:
    table = Table("Depth by size, visibility and distance", ["objects that are", "objects", *DEPTH_HEADS])
    for name, chosen in _groups(own).items():
        if chosen.any():
            table.rows.append([name, str(int(chosen.sum())), *_depth_cells(_figures(own, chosen))])
    return table


def _depth_cells(figures: DepthFigures) -> list[str]:
    return [_cell(getattr(figures, name)) for name in DEPTH_FIELDS]


def _cell(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "-" if np.isnan(value) else f"{value:.3f}"
