"""Figures of a detector on labelled frames: AP from faster-coco-eval, and depth of the matched detections."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from faster_coco_eval import COCO, COCOeval_faster

from deptr.boxes import paired_iou
from deptr.detector.outputs import named_outputs
from deptr.detector.plugin import DepthNetwork
from deptr.detector.postprocess import Preprocessing, RawOutput, to_detections, to_input
from deptr.detector.preprocess import preprocessing_of
from deptr.records import BoolArray, DepthKind, FloatArray, LabelledFrame

MATCH_IOU = 0.5


@dataclass(frozen=True)
class MatchedDepths:
    """Depths of detections that found a labelled object.

    Attributes:
        predicted: ``(N,)`` in the labels' unit.
        std: ``(N,)``, NaN when not predicted.
        true: ``(N,)``.
        image: ``(N,)`` number of the image.
        boxes: ``(N, 4)`` true boxes.
        visibility: ``(N,)``, NaN = unknown.
        found_boxes: ``(N, 4)`` boxes of the detections.
        focal_px: ``(N,)`` focal length of the image, NaN = unknown.
        detection: ``(N,)`` number of the detection in its image.
    """

    predicted: FloatArray
    std: FloatArray
    true: FloatArray
    image: Any
    boxes: FloatArray
    visibility: FloatArray
    found_boxes: FloatArray
    focal_px: FloatArray
    detection: Any


@dataclass(frozen=True)
class Answer:
    """What a network says of a frame.

    Attributes:
        raw: Its outputs.
        scale: Of the frame's letterbox.
        settings: How the frame became its input.
    """

    raw: RawOutput
    scale: float
    settings: Preprocessing


def detect_frames(
    model: DepthNetwork,
    frames: Sequence[LabelledFrame],
    *,
    size: tuple[int, int] | None = None,
    min_score: float = 0.01,
) -> list[Any]:
    """Detections (`supervision.Detections`) of each frame, metric where the frame's focal length is known."""
    settings = preprocessing_of(model.config)
    answers = network_answers(model, frames, settings if size is None else settings.at(size))
    return [
        detections_of(frame, answer, min_score=min_score)
        for frame, answer in zip(frames, answers, strict=True)
    ]


@torch.no_grad()
def network_answers(
    model: DepthNetwork, frames: Sequence[LabelledFrame], settings: Preprocessing
) -> Iterator[Answer]:
    """What the network says of each frame, in the input that it is looked at in."""
    model.eval()
    for frame in frames:
        own = settings.fitted((frame.image.shape[0], frame.image.shape[1]))
        batch, (scale,) = to_input([frame.image], own)
        output = named_outputs(model(torch.from_numpy(batch)), model.config)
        yield Answer(RawOutput(*(value[0].cpu().numpy() for value in output)), scale, own)


def detections_of(frame: LabelledFrame, answer: Answer, *, min_score: float) -> Any:
    """`supervision.Detections` of a frame from what the network says of it."""
    shape = frame.image.shape[0], frame.image.shape[1]
    return to_detections(
        answer.raw, answer.scale, shape, answer.settings, min_score=min_score, focal_px=frame.focal_px
    )


def average_precision(frames: Sequence[LabelledFrame], detections: Sequence[Any]) -> dict[str, float]:
    """AP, AP50, AP75 and AP of small, medium and large objects (COCO's areas); NaN where there are none."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    classes = {0}
    for number, (frame, found) in enumerate(zip(frames, detections, strict=True), start=1):
        images.append({"id": number, "height": frame.image.shape[0], "width": frame.image.shape[1]})
        labelled = [
            (box, int(label), 0) for box, label in zip(frame.boxes_xyxy, frame.class_ids, strict=True)
        ]
        labelled += [(box, 0, 1) for box in frame.ignore_boxes_xyxy]
        for box, label, crowd in labelled:
            classes.add(label)
            entry = _entry(number, box, label) | {"id": len(annotations) + 1, "iscrowd": crowd}
            annotations.append(entry | {"area": entry["bbox"][2] * entry["bbox"][3]})
        for box, label, score in zip(found.xyxy, found.class_id, found.confidence, strict=True):
            results.append(_entry(number, box, int(label)) | {"score": float(score)})
    if not results or not annotations:
        return dict.fromkeys(("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"), 0.0)
    categories = [{"id": label + 1, "name": str(label)} for label in sorted(classes)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO({"images": images, "annotations": annotations, "categories": categories})
        scorer = COCOeval_faster(truth, truth.loadRes(results), "bbox", print_function=lambda *_: None)
        scorer.run()
    names = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
    return {name: _known(value) for name, value in zip(names, scorer.stats[:6], strict=True)}


def _known(value: float) -> float:
    return float(value) if value >= 0 else float("nan")


def _entry(number: int, box: FloatArray, label: int) -> dict[str, Any]:
    left, top, right, bottom = (float(value) for value in box)
    return {"image_id": number, "category_id": label + 1, "bbox": [left, top, right - left, bottom - top]}


def match_depths(
    frames: Sequence[LabelledFrame], detections: Sequence[Any], *, min_score: float = 0.3
) -> MatchedDepths:
    """Pair each labelled object with the best-scored detection that overlaps it by half, one to one."""
    rows: list[tuple[Any, ...]] = []
    for number, (frame, found) in enumerate(zip(frames, detections, strict=True)):
        taken: BoolArray = np.zeros(len(frame.boxes_xyxy), dtype=bool)
        focal = float("nan") if frame.focal_px is None else frame.focal_px
        for index in np.flatnonzero(found.confidence >= min_score):
            overlap = np.where(taken, 0, paired_iou(found.xyxy[index], frame.boxes_xyxy))
            if not len(overlap) or overlap.max() < MATCH_IOU:
                continue
            own = int(overlap.argmax())
            taken[own] = True
            if np.isnan(frame.depth[own]) or (np.isnan(focal) and frame.depth_kind is DepthKind.METRIC):
                continue
            predicted, std = float(found.data["depth"][index]), float(found.data["depth_std"][index])
            true = float(frame.depth[own]), number, frame.boxes_xyxy[own], float(frame.visibility[own])
            rows.append((predicted, std, *true, found.xyxy[index], focal, int(index)))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 9
    floats = [np.asarray(column, np.float64) for column in columns]
    return MatchedDepths(
        predicted=floats[0],
        std=floats[1],
        true=floats[2],
        image=floats[3].astype(int),
        boxes=floats[4].reshape(-1, 4),
        visibility=floats[5],
        found_boxes=floats[6].reshape(-1, 4),
        focal_px=floats[7],
        detection=floats[8].astype(int),
    )


def quick_figures(model: DepthNetwork, sets: Mapping[str, Sequence[LabelledFrame]]) -> dict[str, float]:
    """AP50 of each named set, mean relative depth error over all, and ``score``: the mean AP50.

    What training looks at from time to time; the full tables are `deptr experiment detector`.
    """
    figures: dict[str, float] = {}
    errors = []
    for name, frames in sets.items():
        found = detect_frames(model, frames)
        figures[f"AP50_{name}"] = average_precision(frames, found)["AP50"]
        depths = match_depths(frames, found)
        errors.append(np.abs(depths.predicted - depths.true) / depths.true)
    figures["score"] = float(np.mean(list(figures.values())))
    all_errors = np.concatenate(errors) if errors else np.zeros(0)
    figures["depth_error"] = float(np.mean(all_errors)) if len(all_errors) else float("nan")
    return figures
