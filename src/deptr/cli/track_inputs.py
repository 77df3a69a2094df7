"""Where `deptr track` gets detections from: a file, or a detector that looks at the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from deptr.cli.track_run import DetectionSource, Step
from deptr.errors import DataError, UsageError
from deptr.io.kitti_text import looks_like_kitti, read_kitti_detections
from deptr.io.mot_text import DetectionTable, read_detections
from deptr.io.sequences import Sequence, folder_sequence
from deptr.io.text_files import read_text
from deptr.records import DepthKind

if TYPE_CHECKING:
    import supervision as sv

    from deptr.detector.inference import Detector

_LEAST_SCORE = 0.1  # what no tracker looks at by default need not leave the detector


@dataclass(frozen=True)
class Input:
    """A source of detections and what is known of it beforehand.

    Attributes:
        source: Gives the detections of each moment.
        name: For messages and the report.
        depth_kind: Meaning of the depths, None when there are none.
        table: All detections, where they come from a file.
        class_names: Name of each class number, None without classes.
    """

    source: DetectionSource
    name: str
    depth_kind: DepthKind | None
    table: DetectionTable | None
    class_names: Mapping[int, str] | None


class FileDetections:
    """Detections from a table, those of the wanted classes and scores.

    Args:
        table: All detections of the sequence.
        min_score: Lower scores are left out.
        classes: Ids of the wanted classes, None for all.
    """

    def __init__(
        self, table: DetectionTable, *, min_score: float = 0.0, classes: frozenset[int] | None = None
    ) -> None:
        self._table = table
        self._min_score = min_score
        self._classes = classes

    def at(self, step: Step) -> sv.Detections:
        """The wanted detections of a moment."""
        found = self._table.at(step.index)
        keep = np.asarray(found.confidence) >= self._min_score
        return _of_classes(cast("sv.Detections", found[keep]), self._classes)


class DetectorDetections:
    """What a detector finds in the images; nothing where there is no image.

    Args:
        detector: Finds objects.
        min_score: Lower scores are left out.
        classes: Ids of the wanted classes, None for all.
        focal_px: Focal length in pixels, which makes its depth metric; None when unknown.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        min_score: float = _LEAST_SCORE,
        classes: frozenset[int] | None = None,
        focal_px: float | None = None,
    ) -> None:
        self._detector = detector
        self._min_score = min_score
        self._classes = classes
        self._focal_px = focal_px

    def at(self, step: Step) -> sv.Detections:
        """The wanted detections of a moment."""
        import supervision as sv

        if step.image is None:
            return sv.Detections.empty()
        found = self._detector(step.image, min_score=self._min_score, focal_px=self._focal_px)
        return _of_classes(found, self._classes)


def file_input(
    path: Path,
    *,
    depth_column: int | None,
    depth_kind: str,
    first_frame: int,
    min_score: float,
    classes: str | None,
) -> Input:
    """Detections of a MOT or KITTI text file.

    Raises:
        DataError: The file cannot be read.
        UsageError: A column, kind or class cannot be meant.
    """
    if looks_like_kitti(read_text(path)):
        table = read_kitti_detections(path)
    else:
        table = read_detections(
            path, depth_column=depth_column, depth_kind=depth_kind, first_frame=first_frame
        )
    names = None if table.class_id is None else table.class_names
    wanted = wanted_classes(classes, names, table.source)
    source = FileDetections(table, min_score=min_score, classes=wanted)
    return Input(source, table.source, table.depth_kind if table.has_depth else None, table, names)


def detector_input(
    name: str | None, *, device: str, min_score: float, classes: str | None, focal_px: float | None
) -> Input:
    """What a detector finds: a checkpoint, an ONNX file, or None for the one that comes with the package.

    Raises:
        DataError: The model cannot be loaded.
        MissingExtraError: It needs packages that are not installed.
    """
    from deptr.detector.inference import BUNDLED, Detector
    from deptr.detector.postprocess import reported_kind

    if focal_px is not None and not (np.isfinite(focal_px) and focal_px > 0):
        raise UsageError(f"--focal: expected a positive number of pixels, got {focal_px:g}")
    detector = Detector.from_pretrained(name, device=device)
    known = name or BUNDLED
    names = dict(enumerate(detector.settings.names))
    wanted = wanted_classes(classes, names, known)
    source = DetectorDetections(
        detector, min_score=max(min_score, _LEAST_SCORE), classes=wanted, focal_px=focal_px
    )
    kind = reported_kind(detector.settings.depth_kind, focal_px)
    if kind is None and focal_px is not None:
        raise UsageError(f"--focal: has no effect, {known} gives no depth; take --depth pseudo")
    return Input(source, known, kind, None, names)


def wanted_classes(words: str | None, names: Mapping[int, str] | None, owner: str) -> frozenset[int] | None:
    """Ids of the classes in a list of names or ids.

    Raises:
        UsageError: The detections carry no classes, or not that one.

    Example:
        >>> sorted(wanted_classes("car, 2", {0: "car", 1: "van", 2: "bus"}, "det.txt"))
        [0, 2]
    """
    if words is None:
        return None
    if names is None:
        raise UsageError(f"--classes: the detections of {owner} carry no class")
    by_name = {name: class_id for class_id, name in names.items()}
    chosen = set()
    for word in filter(None, (part.strip() for part in words.split(","))):
        if word not in by_name and not (word.isdigit() and int(word) in names):
            known = ", ".join(f"{name} ({class_id})" for class_id, name in sorted(names.items()))
            raise UsageError(f"--classes: expected some of {known}, got {word!r}")
        chosen.add(by_name[word] if word in by_name else int(word))
    if not chosen:
        raise UsageError(f"--classes: expected names or numbers separated by commas, got {words!r}")
    return frozenset(chosen)


def sequence_beside(detections: Path) -> Sequence | None:
    """What a ``seqinfo.ini`` in the folder of a detections file, or one above it, says."""
    folder = detections.resolve().parent
    for place in (folder, folder.parent):
        if (place / "seqinfo.ini").is_file():
            return folder_sequence(place)
    return None


def no_depth(name: str) -> DataError:
    """The error for a wish to use depths of a file that has none."""
    hint = "see --depth-column, or take --depth pseudo"
    return DataError(name, "holds no depth", expected="a column with depths", hint=hint)


def _of_classes(found: sv.Detections, classes: frozenset[int] | None) -> sv.Detections:
    if classes is None:
        return found
    return cast("sv.Detections", found[np.isin(np.asarray(found.class_id), sorted(classes))])
