"""Where a run gets detections from: a file, or a detector that looks at the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from deptr.errors import UsageError
from deptr.io.detection_file import read_detection_file
from deptr.io.library_results import detections_from
from deptr.io.sequences import Sequence, folder_sequence
from deptr.io.tables import DetectionTable
from deptr.pipeline.detector_request import DetectFunction
from deptr.pipeline.request import Request
from deptr.pipeline.steps import Step
from deptr.records import DepthKind

if TYPE_CHECKING:
    import supervision as sv

    from deptr.detector.inference import Detector

_LEAST_SCORE = 0.1  # what no tracker looks at by default need not leave the detector


class DetectionSource(Protocol):
    """Where detections come from: a file, or a detector looking at the image."""

    def at(self, step: Step) -> sv.Detections:
        """The detections of one moment."""


@dataclass(frozen=True)
class Input:
    """A source of detections and what is known of it beforehand.

    Attributes:
        source: Gives the detections of each moment.
        name: For messages and the report.
        depth_kind: Meaning of the depths, None when there are none.
        table: All detections, where they come from a file.
        class_names: Name of each class number, None without classes.
        start_score: Score from which a detection is worth a new track; 0 leaves that to the tracker.
    """

    source: DetectionSource
    name: str
    depth_kind: DepthKind | None
    table: DetectionTable | None
    class_names: Mapping[int, str] | None
    start_score: float = 0.0


@dataclass(frozen=True)
class FileDetections:
    """Detections from a table, those of the wanted classes and scores.

    Attributes:
        table: All detections of the sequence.
        min_score: Lower scores are left out.
        classes: Ids of the wanted classes, None for all.
    """

    table: DetectionTable
    min_score: float = 0.0
    classes: frozenset[int] | None = None

    def at(self, step: Step) -> sv.Detections:
        """The wanted detections of a moment."""
        return _wanted(self.table.at(step.index), self.min_score, self.classes)


@dataclass(frozen=True)
class DetectorDetections:
    """What a detector finds in the images; nothing where there is no image.

    Attributes:
        detector: Finds objects.
        min_score: Lower scores are left out.
        classes: Ids of the wanted classes, None for all.
        focal_px: Focal length in pixels, which makes its depth metric; None when unknown.
    """

    detector: Detector
    min_score: float = _LEAST_SCORE
    classes: frozenset[int] | None = None
    focal_px: float | None = None

    def at(self, step: Step) -> sv.Detections:
        """The wanted detections of a moment."""
        import supervision as sv

        if step.image is None:
            return sv.Detections.empty()
        found = self.detector(step.image, min_score=self.min_score, focal_px=self.focal_px)
        return _of_classes(found, self.classes)


@dataclass(frozen=True)
class FunctionDetections:
    """What the user's own detector finds in the images; nothing where there is no image.

    Attributes:
        detect: Called with an ``(H, W, 3)`` uint8 RGB image.
        depth_kind: Meaning of the depths it gives, None when it gives none.
        min_score: Lower scores are left out.
        classes: Ids of the wanted classes, None for all.
    """

    detect: DetectFunction
    depth_kind: DepthKind | None
    min_score: float = 0.0
    classes: frozenset[int] | None = None

    def at(self, step: Step) -> sv.Detections:
        """The wanted detections of a moment.

        Raises:
            UsageError: The detector answers with something else, or with depths of unknown meaning.
        """
        import supervision as sv

        if step.image is None:
            return sv.Detections.empty()
        answer: object = self.detect(step.image)
        try:
            found = detections_from(answer)
        except UsageError:
            kind = type(answer).__name__
            expected = "expected it to return supervision.Detections or what deptr.detections_from takes"
            raise UsageError(f"detector: {expected}, got {kind}") from None
        if "depth" in found.data and self.depth_kind is None:
            legal = ", ".join(kind.value for kind in DepthKind)
            raise UsageError(f"depth_kind: say what the detector's depths mean, one of {legal}")
        chosen = _wanted(found, self.min_score, self.classes)
        if self.depth_kind is not None:
            chosen.metadata = {"depth_kind": self.depth_kind.value, **chosen.metadata}
        return chosen


def file_input(path: str | Path, request: Request) -> Input:
    """Detections of a MOT or KITTI text file.

    Raises:
        DataError: The file cannot be read.
        UsageError: A column, kind or class cannot be meant.
    """
    # the device is also that of a network which is asked about a file's boxes
    unused = replace(request.detector, device=None) if request.depth.looks else request.detector
    unused.refuse("on detections of a file", request.spelling)
    table = read_detection_file(
        path,
        depth_column=request.depth.column,
        depth_kind=request.depth.kind or DepthKind.METRIC,
        first_frame=request.first_frame,
    )
    names = None if table.class_id is None else table.class_names
    wanted = wanted_classes(request, names, table.source)
    source = FileDetections(table, request.min_score, wanted)
    return Input(source, table.source, table.depth_kind if table.has_depth else None, table, names)


def detector_input(request: Request, known_focal_px: float | None = None) -> Input:
    """What a detector finds: one by name, the one that comes with the package, or the user's own.

    Args:
        request: What was asked.
        known_focal_px: Focal length that the source tells; that of the request is stronger.

    Raises:
        DataError: The model cannot be loaded.
        MissingExtraError: It needs packages that are not installed.
        UsageError: A class cannot be meant, or a choice has no effect.
    """
    from deptr.detector.inference import Detector
    from deptr.detector.opening import BUNDLED

    given, spelling = request.detector.given, request.spelling
    if given is None or isinstance(given, (str, Path)):
        return _network_input(request.detector.open(), str(given or BUNDLED), request, known_focal_px)
    request.detector.refuse("on a detector that is made already", spelling)
    if isinstance(given, Detector):
        return _network_input(given, type(given).__name__, request, known_focal_px)
    kind = None if request.depth.kind is None else DepthKind.parse(request.depth.kind)
    source = FunctionDetections(given, kind, request.min_score, _numbers(request))
    return Input(source, _name_of(given), kind, None, None)


def _network_input(detector: Detector, known: str, request: Request, known_focal_px: float | None) -> Input:
    from deptr.detector.postprocess import reported_kind

    focal_px = request.focal_px or known_focal_px
    names = dict(detector.names)
    wanted = wanted_classes(request, names, known)
    source = DetectorDetections(detector, max(request.min_score, _LEAST_SCORE), wanted, focal_px)
    kind = reported_kind(detector.depth_kind, focal_px)
    return Input(source, known, kind, None, names, detector.start_score)


def wanted_classes(request: Request, names: Mapping[int, str] | None, owner: str) -> frozenset[int] | None:
    """Ids of the classes that a request names, by name or id; None for all.

    Raises:
        UsageError: The detections carry no classes, or not that one.

    Example:
        >>> sorted(wanted_classes(Request(classes="car, 2"), {0: "car", 1: "van", 2: "bus"}, "det.txt"))
        [0, 2]
    """
    words = _class_words(request)
    if words is None:
        return None
    option = request.spelling.choice("classes")
    if names is None:
        raise UsageError(f"{option}: the detections of {owner} carry no class")
    by_name = {name: class_id for class_id, name in names.items()}
    chosen = set()
    for word in words:
        if word not in by_name and not (word.isdigit() and int(word) in names):
            known = ", ".join(f"{name} ({class_id})" for class_id, name in sorted(names.items()))
            raise UsageError(f"{option}: expected some of {known}, got {word!r}")
        chosen.add(by_name[word] if word in by_name else int(word))
    return frozenset(chosen)


def sequence_beside(detections: Path) -> Sequence | None:
    """What a ``seqinfo.ini`` in the folder of a detections file, or one above it, says."""
    folder = detections.resolve().parent
    for place in (folder, folder.parent):
        if (place / "seqinfo.ini").is_file():
            return folder_sequence(place)
    return None


def _class_words(request: Request) -> list[str] | None:
    given = request.classes
    if given is None:
        return None
    words = [str(part).strip() for part in (given.split(",") if isinstance(given, str) else given)]
    words = [word for word in words if word]
    if not words:
        option = request.spelling.choice("classes")
        raise UsageError(f"{option}: expected names or numbers separated by commas, got {given!r}")
    return words


def _numbers(request: Request) -> frozenset[int] | None:
    """Classes of a detector that does not say how its classes are called."""
    words = _class_words(request)
    if words is not None and not all(word.isdigit() for word in words):
        option = request.spelling.choice("classes")
        raise UsageError(f"{option}: expected numbers for a detector of your own, got {request.classes!r}")
    return None if words is None else frozenset(map(int, words))


def _name_of(detect: Callable[..., object]) -> str:
    return getattr(detect, "__qualname__", type(detect).__name__)


def _wanted(found: sv.Detections, min_score: float, classes: frozenset[int] | None) -> sv.Detections:
    scores = np.ones(len(found)) if found.confidence is None else np.asarray(found.confidence)
    return _of_classes(cast("sv.Detections", found[scores >= min_score]), classes)


def _of_classes(found: sv.Detections, classes: frozenset[int] | None) -> sv.Detections:
    if classes is None or not len(found):
        return found
    if found.class_id is None:
        raise UsageError("classes: the detector's answers carry no class_id")
    return cast("sv.Detections", found[np.isin(np.asarray(found.class_id), sorted(classes))])
