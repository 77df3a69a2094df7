"""From the words of `deptr track` to the objects that do the work, every choice checked before it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deptr.cli.results import fusion_of, parameters_of_options
from deptr.cli.track_inputs import Input, detector_input, file_input, no_depth, sequence_beside
from deptr.cli.track_run import Step, steps_of_source, steps_without_images
from deptr.errors import UsageError
from deptr.io.frames import FALLBACK_RATE, FrameSource, check_rate, open_source
from deptr.io.mot_text import DetectionTable
from deptr.io.text_files import read_toml
from deptr.records import DepthKind
from deptr.tracking.depth.fusion import MODES, DepthFusion, settings_of
from deptr.tracking.registry import TRACKER_NAMES, create_tracker, parse_parameters, tracker_class

if TYPE_CHECKING:
    import supervision as sv

    from deptr.tracking.base import Tracker

Completion = Callable[["sv.Detections"], "sv.Detections"]
Parameters = dict[str, float | int | bool | str]
DEPTH_SOURCES = ("file", "pseudo")


@dataclass(frozen=True)
class Words:
    """What the user said, as said; None where nothing was."""

    source: str | None
    detections: Path | None
    detector: str | None
    device: str | None
    focal: float | None
    tracker: str
    fusion: str | None
    gamma: float | None
    depth_scale: float | None
    depth: str | None
    depth_column: int | None
    depth_kind: str
    first_frame: int
    fps: float | None
    classes: str | None
    min_score: float
    param: tuple[str, ...]
    config: Path | None


@dataclass(frozen=True)
class Plan:
    """What a run is made of.

    Attributes:
        name: Of the sequence.
        frames: Where images come from, None for detections alone.
        steps: The moments of the sequence.
        total: Their number, None when unknown.
        fps: Frames per second that times and the tracker follow.
        size: Width and height of the images, or the extent of all boxes.
        input: Where detections come from.
        tracker: The tracker.
        depth_source: ``file``, ``detector``, ``pseudo`` or ``none``.
        depth_kind: Meaning of the depths, None without any.
        complete_depth: Adds pseudo-depth, or None.
        notes: What the user should know before it begins.
    """

    name: str
    frames: FrameSource | None
    steps: Iterable[Step]
    total: int | None
    fps: float
    size: tuple[int, int]
    input: Input
    tracker: Tracker
    depth_source: str
    depth_kind: DepthKind | None
    complete_depth: Completion | None
    notes: tuple[str, ...]


def plan(words: Words) -> Plan:
    """Check the words and open what they name.

    Raises:
        UsageError: A word cannot be meant.
        DataError: A file or source cannot be read.
    """
    words = _with_configured_fusion(words)
    _check(words)
    parameters = tracker_parameters(words.tracker, words.param, words.config)
    frames = None if words.source is None else open_source(words.source, fps=words.fps)
    try:
        return _plan(words, frames, parameters)
    except BaseException:
        if frames is not None:
            frames.close()
        raise


def _with_configured_fusion(words: Words) -> Words:
    """Fusion from the table ``[fusion]`` of ``--config`` where the command line says nothing."""
    found = fusion_of(words.config)
    if words.fusion is not None and words.fusion != found.get("mode"):
        return words
    return replace(
        words,
        fusion=found.get("mode", words.fusion),
        gamma=found.get("gamma") if words.gamma is None else words.gamma,
        depth_scale=found.get("scale") if words.depth_scale is None else words.depth_scale,
    )


def tracker_parameters(name: str, pairs: Iterable[str], config: Path | None) -> Parameters:
    """Parameters of a tracker from ``--config`` and, stronger, ``--param``.

    The TOML file holds them at the top, or in a table with the tracker's name, which is stronger; tables of
    other trackers, and ``[fusion]``, are passed over.

    Raises:
        UsageError: A name is unknown or a value out of range.
        DataError: The file cannot be read.
    """
    tracker_class(name)
    values: dict[str, object] = {}
    if config is not None:
        content = read_toml(config)
        for key, value in content.items():
            if not isinstance(value, dict):
                values[key] = value
            elif key not in (*TRACKER_NAMES, "fusion"):
                legal = ", ".join((*TRACKER_NAMES, "fusion"))
                raise UsageError(f"{config}: expected tables named {legal}, got [{key}]")
        values |= content.get(name, {})
    values |= parameters_of_options(pairs)
    return parse_parameters(name, values)


def settings_of_fusion(mode: str) -> tuple[str, ...]:
    """Names of what can be set for a kind of fusion.

    Example:
        >>> settings_of_fusion("fixed"), settings_of_fusion("none")
        (('gamma', 'scale'), ())
    """
    return tuple(setting.name for setting in settings_of(mode))


def _check(words: Words) -> None:
    check_rate(words.fps)
    if words.source is None and words.detections is None:
        raise UsageError("nothing to track: give a SOURCE, --detections FILE or both; see deptr track --help")
    if words.source is not None and words.source.lower().endswith((".txt", ".csv")):
        raise UsageError(f"SOURCE: {words.source} is text; give a file of detections with --detections")
    if words.detections is not None and words.detector is not None:
        raise UsageError("--detector: give it or --detections, not both")
    if words.depth is not None and words.depth not in DEPTH_SOURCES:
        raise UsageError(f"--depth: expected one of {', '.join(DEPTH_SOURCES)}, got {words.depth!r}")
    if not 0 <= words.min_score <= 1:
        raise UsageError(f"--min-score: expected a number in [0, 1], got {words.min_score:g}")
    if words.gamma is not None and not 0 <= words.gamma <= 1:
        raise UsageError(f"--gamma: expected a number in [0, 1], got {words.gamma:g}")
    if words.fusion is not None and words.fusion not in MODES:
        raise UsageError(f"--fusion: expected one of {', '.join(MODES)}, got {words.fusion!r}")
    DepthKind.parse(words.depth_kind)


def _plan(words: Words, frames: FrameSource | None, parameters: Parameters) -> Plan:
    found = _input(words, frames)
    table = found.table
    fps, size = _rate_and_size(words, frames, table)
    depth_source, kind = _depth(words, found)
    fusion = _fusion(words, kind)
    if parameters.get("camera_motion") is True and frames is None:
        raise UsageError("camera_motion: needs images, got detections alone; name the video as SOURCE")
    if frames is not None:
        steps, total = steps_of_source(frames, fill_gaps=table is not None), frames.frame_count
    else:
        total = table.last_frame if table is not None else 0
        steps = steps_without_images(total, fps)
    return Plan(
        name=frames.name if frames is not None else Path(found.name).stem,
        frames=frames,
        steps=steps,
        total=total,
        fps=fps,
        size=size,
        input=found,
        tracker=create_tracker(words.tracker, depth=fusion, frame_rate=fps, **parameters),
        depth_source=depth_source,
        depth_kind=kind,
        complete_depth=_pseudo_depth(size) if depth_source == "pseudo" else None,
        notes=_surplus(frames, table),
    )


def _input(words: Words, frames: FrameSource | None) -> Input:
    path = words.detections
    if path is None and words.detector is None and frames is not None:
        path = frames.detections
    if path is None:
        return detector_input(
            words.detector,
            device=words.device or "auto",
            min_score=words.min_score,
            classes=words.classes,
            focal_px=words.focal,
        )
    for option, value in (("--focal", words.focal), ("--device", words.device)):
        if value is not None:
            raise UsageError(f"{option}: has no effect on detections of a file")
    return file_input(
        path,
        depth_column=words.depth_column,
        depth_kind=words.depth_kind,
        first_frame=words.first_frame,
        min_score=words.min_score,
        classes=words.classes,
    )


def _surplus(frames: FrameSource | None, table: DetectionTable | None) -> tuple[str, ...]:
    if frames is None or table is None or not frames.frame_count or table.last_frame <= frames.frame_count:
        return ()
    ends = f"{frames.name} ends at {frames.frame_count}"
    return (
        f"{table.source}: has detections up to frame {table.last_frame}, {ends}; later ones are not tracked",
    )


def _rate_and_size(
    words: Words, frames: FrameSource | None, table: DetectionTable | None
) -> tuple[float, tuple[int, int]]:
    if frames is not None:
        rate, size, what = frames.fps or (FALLBACK_RATE if frames.live else None), frames.size, frames.name
    else:
        beside = sequence_beside(Path(table.source)) if table is not None else None
        rate, what = words.fps or (beside.frame_rate if beside else None), "the detections file"
        size = (beside.size if beside else None) or _extent(table)
    if not rate:
        raise UsageError(f"--fps: {what} does not say the number of frames per second; times depend on it")
    return rate, size


def _extent(table: DetectionTable | None) -> tuple[int, int]:
    if table is None or not len(table):
        return 1, 1
    width, height = np.ceil(np.maximum(table.xyxy[:, 2:].max(axis=0), 1)).astype(int).tolist()
    return width, height


def _depth(words: Words, found: Input) -> tuple[str, DepthKind | None]:
    if words.depth == "pseudo":
        return "pseudo", DepthKind.PSEUDO
    if found.depth_kind is not None:
        return "detector" if found.table is None else "file", found.depth_kind
    if words.depth == "file":
        raise no_depth(found.name)
    return "none", None


def _fusion(words: Words, kind: DepthKind | None) -> DepthFusion:
    mode = words.fusion or ("none" if kind is None else "adaptive")
    if mode != "none" and kind is None:
        raise UsageError(
            f"--fusion {mode}: the detections carry no depth; take --depth pseudo or --fusion none"
        )
    given = {"gamma": ("--gamma", words.gamma), "scale": ("--depth-scale", words.depth_scale)}
    settings = {name: value for name, (_, value) in given.items() if value is not None}
    for name in settings:
        if name not in settings_of_fusion(mode):
            raise UsageError(f"{given[name][0]}: has no effect with --fusion {mode}")
    return DepthFusion.of(mode, **settings)


def _pseudo_depth(size: tuple[int, int]) -> Completion:
    from deptr.tracking.depth.pseudo_depth import PseudoDepth

    return PseudoDepth(size).update
