"""From the words of `deptr track` to the objects that do the work, every choice checked before it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from deptr.cli.results import parameters_of_options, read_toml
from deptr.cli.track_run import DetectionSource, Step, steps_of_source, steps_without_images
from deptr.errors import DataError, UsageError
from deptr.io.frames import FALLBACK_RATE, FrameSource, check_rate, open_source
from deptr.io.kitti_text import looks_like_kitti, read_kitti_detections
from deptr.io.mot_text import DetectionTable, read_detections
from deptr.io.sequences import Sequence, folder_sequence
from deptr.io.text_rows import read_text
from deptr.records import DepthKind
from deptr.tracking.fusion import DepthFusion
from deptr.tracking.registry import TRACKER_NAMES, create_tracker, parse_parameters, tracker_class

if TYPE_CHECKING:
    import supervision as sv

    from deptr.tracking.base import Tracker

Completion = Callable[["sv.Detections"], "sv.Detections"]
DEPTH_SOURCES = ("file", "pseudo")


@dataclass(frozen=True)
class Words:
    """What the user said, as said; None where nothing was."""

    source: str | None
    detections: Path | None
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
        detections: Where detections come from.
        table: All detections, where they come from a file.
        tracker: The tracker.
        depth_source: ``file``, ``pseudo`` or ``none``.
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
    detections: DetectionSource
    table: DetectionTable | None
    tracker: Tracker
    depth_source: str
    depth_kind: DepthKind | None
    complete_depth: Completion | None
    notes: tuple[str, ...]


class FileDetections:
    """Detections from a table, those of the wanted classes and scores.

    Args:
        table: All detections of the sequence.
        min_score: Lower scores are left out.
        classes: Ids of the wanted classes, None for all.
    """

    def __init__(
        self, table: DetectionTable, *, min_score: float = 0.0, classes: set[int] | None = None
    ) -> None:
        self._table = table
        self._min_score = min_score
        self._classes = None if classes is None else np.array(sorted(classes))

    def at(self, step: Step) -> sv.Detections:
        """The wanted detections of a moment."""
        found = self._table.at(step.index)
        keep = np.asarray(found.confidence) >= self._min_score
        if self._classes is not None:
            keep &= np.isin(np.asarray(found.class_id), self._classes)
        return cast("sv.Detections", found[keep])


def plan(words: Words) -> Plan:
    """Check the words and open what they name.

    Raises:
        UsageError: A word cannot be meant.
        DataError: A file or source cannot be read.
    """
    check_rate(words.fps)
    _check_choices(words)
    parameters = tracker_parameters(words.tracker, words.param, words.config)
    if words.source is None and words.detections is None:
        raise UsageError("nothing to track: give a SOURCE, --detections FILE or both; see deptr track --help")
    frames = None if words.source is None else _open(words.source, words.fps)
    try:
        return _plan_with(words, frames, parameters)
    except BaseException:
        if frames is not None:
            frames.close()
        raise


def _plan_with(
    words: Words, frames: FrameSource | None, parameters: dict[str, float | int | bool | str]
) -> Plan:
    table = _read_table(words, frames)
    beside = _beside(table) if frames is None else None
    fps = _frame_rate(words, frames, beside)
    size = frames.size if frames is not None else (beside.size if beside and beside.size else _extent(table))
    depth_source, kind = _depth(words, table)
    fusion = _fusion(words, kind)
    if parameters.get("camera_motion") is True and frames is None:
        raise UsageError("camera_motion: needs images, got detections alone; name the video as SOURCE")
    steps = (
        steps_without_images(table.last_frame, fps)
        if frames is None
        else steps_of_source(frames, fill_gaps=True)
    )
    total = table.last_frame if frames is None else frames.frame_count
    notes = []
    if frames is not None and total and table.last_frame > total:
        late = f"{table.source}: has detections up to frame {table.last_frame}"
        notes.append(f"{late}, {frames.name} ends at {total}; later ones are not tracked")
    return Plan(
        name=frames.name if frames is not None else Path(table.source).stem,
        frames=frames,
        steps=steps,
        total=total,
        fps=fps,
        size=size,
        detections=FileDetections(
            table, min_score=words.min_score, classes=wanted_classes(words.classes, table)
        ),
        table=table,
        tracker=create_tracker(words.tracker, depth=fusion, frame_rate=fps, **parameters),
        depth_source=depth_source,
        depth_kind=kind,
        complete_depth=_pseudo_depth(size) if depth_source == "pseudo" else None,
        notes=tuple(notes),
    )


def tracker_parameters(
    name: str, pairs: Iterable[str], config: Path | None
) -> dict[str, float | int | bool | str]:
    """Parameters of a tracker from ``--config`` and, stronger, ``--param``.

    The TOML file holds them at the top, or in a table with the tracker's name, which is stronger; tables of
    other trackers are passed over.

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
            elif key not in TRACKER_NAMES:
                raise UsageError(f"{config}: expected tables named {', '.join(TRACKER_NAMES)}, got [{key}]")
        values |= content.get(name, {})
    values |= parameters_of_options(pairs)
    return parse_parameters(name, values)


def wanted_classes(words: str | None, table: DetectionTable) -> set[int] | None:
    """Ids of the classes in a list of names or ids.

    Raises:
        UsageError: The detections carry no classes, or not that one.
    """
    if words is None:
        return None
    if table.class_id is None:
        raise UsageError(f"--classes: the detections of {table.source} carry no class")
    by_name = {name: class_id for class_id, name in table.class_names.items()}
    chosen = set()
    for word in filter(None, (part.strip() for part in words.split(","))):
        if word not in by_name and not (word.isdigit() and int(word) in table.class_names):
            known = ", ".join(f"{name} ({class_id})" for name, class_id in sorted(by_name.items()))
            raise UsageError(f"--classes: expected some of {known}, got {word!r}")
        chosen.add(by_name[word] if word in by_name else int(word))
    if not chosen:
        raise UsageError(f"--classes: expected names or numbers separated by commas, got {words!r}")
    return chosen


def _check_choices(words: Words) -> None:
    if words.depth is not None and words.depth not in DEPTH_SOURCES:
        raise UsageError(f"--depth: expected one of {', '.join(DEPTH_SOURCES)}, got {words.depth!r}")
    if not 0 <= words.min_score <= 1:
        raise UsageError(f"--min-score: expected a number in [0, 1], got {words.min_score:g}")
    if words.gamma is not None and not 0 <= words.gamma <= 1:
        raise UsageError(f"--gamma: expected a number in [0, 1], got {words.gamma:g}")
    DepthKind.parse(words.depth_kind)


def _open(source: str, fps: float | None) -> FrameSource:
    if source.lower().endswith((".txt", ".csv")):
        raise UsageError(f"SOURCE: {source} is text; give a file of detections with --detections")
    return open_source(source, fps=fps)


def _read_table(words: Words, frames: FrameSource | None) -> DetectionTable:
    path = words.detections or (frames.detections if frames is not None else None)
    if path is None:
        hint = "give them with --detections FILE (a MOT sequence folder has them in det/det.txt)"
        raise UsageError(f"SOURCE: {words.source} comes without detections; {hint}")
    if looks_like_kitti(read_text(path)):
        return read_kitti_detections(path)
    return read_detections(
        path, depth_column=words.depth_column, depth_kind=words.depth_kind, first_frame=words.first_frame
    )


def _beside(table: DetectionTable) -> Sequence | None:
    """What a ``seqinfo.ini`` beside the detections, or one folder up, says."""
    folder = Path(table.source).resolve().parent
    for place in (folder, folder.parent):
        if (place / "seqinfo.ini").is_file():
            return folder_sequence(place)
    return None


def _frame_rate(words: Words, frames: FrameSource | None, beside: Sequence | None) -> float:
    said = words.fps or (frames.fps if frames is not None else beside.frame_rate if beside else None)
    if said:
        return said
    if frames is not None and frames.live:
        return FALLBACK_RATE
    what = "the detections do" if frames is None else f"{frames.name} does"
    raise UsageError(
        f"--fps: {what} not say the number of frames per second, and times depend on it; give it"
    )


def _extent(table: DetectionTable) -> tuple[int, int]:
    width, height = np.ceil(np.maximum(table.xyxy[:, 2:].max(axis=0), 1)).astype(int).tolist()
    return width, height


def _depth(words: Words, table: DetectionTable) -> tuple[str, DepthKind | None]:
    if words.depth == "pseudo":
        return "pseudo", DepthKind.PSEUDO
    if table.has_depth:
        return "file", table.depth_kind
    if words.depth == "file":
        hint = "see --depth-column, or take --depth pseudo"
        raise DataError(table.source, "holds no depth", expected="a column with depths", hint=hint)
    return "none", None


def _fusion(words: Words, kind: DepthKind | None) -> DepthFusion:
    mode = words.fusion or ("none" if kind is None else "adaptive")
    given = {"--gamma": words.gamma, "--depth-scale": words.depth_scale}
    useful = {"none": (), "fixed": tuple(given), "kalman": tuple(given), "adaptive": ("--gamma",)}
    if mode not in useful:
        raise UsageError(f"--fusion: expected one of {', '.join(useful)}, got {mode!r}")
    if mode != "none" and kind is None:
        raise UsageError(
            f"--fusion {mode}: the detections carry no depth; take --depth pseudo or --fusion none"
        )
    for option, value in given.items():
        if value is not None and option not in useful[mode]:
            raise UsageError(f"{option}: has no effect with --fusion {mode}")
    if mode == "none":
        return DepthFusion.none()
    settings = {} if words.gamma is None else {"gamma": words.gamma}
    if words.depth_scale is not None:
        settings["scale"] = words.depth_scale
    fusion: DepthFusion = getattr(DepthFusion, mode)(**settings)
    return fusion


def _pseudo_depth(size: tuple[int, int]) -> Completion:
    from deptr.tracking.pseudo_depth import PseudoDepth

    return PseudoDepth(size).update
