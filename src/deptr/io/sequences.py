"""Where the sequences of a benchmark lie: official layouts and the flat layout with one folder per sequence.

MOT-style benchmarks: official ``[NAME/][SPLIT/]SEQUENCE/{seqinfo.ini, gt/gt.txt, det/det.txt}``,
flat ``[NAME/]SEQUENCE/{seqinfo.ini, gt.txt, det.txt}``.

KITTI: official ``[training/]label_02/SEQUENCE.txt`` with ``evaluate_tracking.seqmap.training``,
flat ``[kitti/][car|pedestrian/]SEQUENCE/{seqinfo.ini, gt.txt, ignore.txt, det.txt}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from deptr.errors import DataError, UsageError
from deptr.io.folders import entries, text_files
from deptr.io.seqinfo import image_folder, last_frame, last_image, read_seqinfo
from deptr.io.text_files import lines_of, read_text

MOT17_DETECTORS = ("FRCNN", "SDP", "DPM")  # the official release holds each video once per public detector


@dataclass(frozen=True)
class Benchmark:
    """What has to be known about a benchmark to find and score its sequences.

    Attributes:
        name: Name on the command line.
        family: Whose file format and preprocessing rules hold.
        target: Name of the scored class.
        rules: Variant of the MOTChallenge preprocessing (``BENCHMARK`` of TrackEval); MOT15 has no classes.
        folders: Names under which the data may lie in the root.
        splits: Split folders in the order they are tried when none is asked for.
        sequence_names: Pattern of the sequences' names.
    """

    name: str
    family: Literal["mot", "kitti"]
    target: str
    rules: str
    folders: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("train", "val")
    sequence_names: str = "*"

    @property
    def has_classes(self) -> bool:
        """Whether the class column of its ground truth means anything; for `mot` every row is a target."""
        return self.rules != "MOT15"


def _benchmarks() -> Iterable[Benchmark]:
    validation_first = ("val", "train")
    yield Benchmark("mot17", "mot", "pedestrian", "MOT17", ("mot17", "MOT17"), sequence_names="MOT17-*")
    yield Benchmark("mot20", "mot", "pedestrian", "MOT20", ("mot20", "MOT20"), sequence_names="MOT20-*")
    dance = ("dancetrack", "DanceTrack")
    yield Benchmark("dancetrack", "mot", "pedestrian", "MOT17", dance, validation_first, "dancetrack*")
    sports = ("sportsmot", "SportsMOT", "sportsmot_publish/dataset", "dataset")
    yield Benchmark("sportsmot", "mot", "pedestrian", "MOT17", sports, validation_first, "v_*")
    quad = ("quadtrack", "QuadTrack")
    yield Benchmark("quadtrack", "mot", "pedestrian", "MOT17", quad, ("test", *validation_first))
    car, pedestrian = ("kitti/car", "car"), ("kitti/pedestrian", "pedestrian")
    yield Benchmark("kitti-car", "kitti", "car", "", car, ("training",), "[0-9]*")
    yield Benchmark("kitti-pedestrian", "kitti", "pedestrian", "", pedestrian, ("training",), "[0-9]*")
    yield Benchmark("mot", "mot", "pedestrian", "MOT15")


BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({entry.name: entry for entry in _benchmarks()})


@dataclass(frozen=True)
class Sequence:
    """One sequence of a benchmark, possibly thinned out.

    Attributes:
        name: Name that result files carry.
        recorded_length: Number of frames of the recording.
        recorded_rate: Frames per second of the recording, None when no file says it.
        size: Width and height of the images in pixels, None when no file says it.
        ground_truth: File with the ground truth, None when there is none.
        detections: File with detections, None when there is none.
        ignore: File with KITTI's ignored regions and distractors (flat layout only).
        stride: Every `stride`-th frame is kept: 1, 1 + stride, ... renumbered 1, 2, ...
        images: Folder with the images, None when there is none.
    """

    name: str
    recorded_length: int
    recorded_rate: float | None = None
    size: tuple[int, int] | None = None
    ground_truth: Path | None = None
    detections: Path | None = None
    ignore: Path | None = None
    stride: int = 1
    images: Path | None = None

    @property
    def length(self) -> int:
        """Number of frames that are kept."""
        return (self.recorded_length - 1) // self.stride + 1

    @property
    def frame_rate(self) -> float | None:
        """Kept frames per second, None when it is not known."""
        return None if self.recorded_rate is None else self.recorded_rate / self.stride

    def strided(self, stride: int) -> Sequence:
        """The same sequence with every `stride`-th frame of the recording.

        Raises:
            UsageError: `stride` is not positive.

        Example:
            >>> thin = Sequence("a", recorded_length=10, recorded_rate=30.0).strided(4)
            >>> thin.length, thin.frame_rate
            (3, 7.5)
        """
        if stride < 1:
            raise UsageError(f"stride: expected a whole number from 1, got {stride}")
        return replace(self, stride=stride)


def benchmark_of(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        UsageError: There is no such benchmark.

    Example:
        >>> benchmark_of("kitti-car").target
        'car'
    """
    if name not in BENCHMARKS:
        raise UsageError(f"benchmark: expected one of {', '.join(BENCHMARKS)}, got {name!r}")
    return BENCHMARKS[name]


def find_sequences(
    benchmark: str | Benchmark,
    root: str | Path,
    *,
    split: str | None = None,
    names: Iterable[str] | None = None,
    copies: Iterable[str] = (),
    detections: str | Path | None = None,
) -> list[Sequence]:
    """Sequences of a benchmark under a folder, sorted by name.

    Args:
        benchmark: Name or description of the benchmark.
        root: Folder that holds the benchmark, one of its splits, or several benchmarks side by side.
        split: Split to take (``train``, ``val``, ...); None takes the first that exists.
        names: Sequences to keep.
        copies: Names that pick among MOT17's three copies of each video, one per public detector; of a video
            that is not named there only one copy is returned. ``MOT17-02`` means whichever copy there is.
        detections: Folder with ``SEQUENCE.txt`` or ``SEQUENCE/det.txt`` that replaces the detections found.

    Raises:
        UsageError: No such benchmark.
        DataError: The folder has another layout (the message lists where was looked), or a sequence of
            `names` does not exist.
    """
    entry = benchmark_of(benchmark) if isinstance(benchmark, str) else benchmark
    root = Path(root)
    if not root.is_dir():
        raise DataError(root, "no such folder", expected=f"the folder of benchmark {entry.name}")
    found = _official_kitti(root, entry, split) if entry.family == "kitti" else []
    found = found or _sequence_folders(root, entry, split)
    wanted = None if names is None else set(names)
    if entry.name == "mot17":
        found = _one_copy_each(found, set(copies) | (wanted or set()))
    if detections is not None:
        found = [_with_detections(sequence, Path(detections)) for sequence in found]
    if wanted is None:
        return found
    missing = sorted(wanted - {sequence.name for sequence in found})
    if missing:
        has = ", ".join(sequence.name for sequence in found)
        raise DataError(root, f"unknown sequence {', '.join(missing)}", expected=f"one of {has}")
    return [sequence for sequence in found if sequence.name in wanted]


def _with_detections(sequence: Sequence, folder: Path) -> Sequence:
    places = (folder / f"{sequence.name}.txt", folder / sequence.name / "det.txt")
    return replace(sequence, detections=_first_file(*places, folder / sequence.name / "det" / "det.txt"))


def _one_copy_each(sequences: list[Sequence], wanted: set[str]) -> list[Sequence]:
    """MOT17 without its threefold copies: the copies that are asked for, else the first detector's."""
    copies: dict[str, dict[str, Sequence]] = {}
    for sequence in sequences:
        video, _, detector = sequence.name.rpartition("-")
        if detector in MOT17_DETECTORS:
            copies.setdefault(video, {})[detector] = sequence
        else:
            copies[sequence.name] = {"": sequence}
    chosen: list[Sequence] = []
    for video, by_detector in copies.items():
        first = next(by_detector[word] for word in ("", *MOT17_DETECTORS) if word in by_detector)
        named = [sequence for sequence in by_detector.values() if sequence.name in wanted]
        if video in wanted and not named:
            named = [replace(first, name=video)]
        chosen += named or [first]
    return sorted(chosen, key=lambda sequence: sequence.name)


def _candidates(root: Path, entry: Benchmark, split: str | None) -> list[Path]:
    """Folders in which sequences may lie, most specific first."""
    splits = entry.splits if split is None else (split,)
    bases = [root / name for name in entry.folders] + [root]
    with_split = [base / word for base in bases for word in splits]
    if split is None or root.name == split:
        with_split += bases
    return with_split


def _sequence_folders(root: Path, entry: Benchmark, split: str | None) -> list[Sequence]:
    candidates = _candidates(root, entry, split)
    strangers: list[str] = []
    for folder in candidates:
        if not folder.is_dir():
            continue
        inside = [path for path in sorted(entries(folder)) if _ground_truth_file(path)]
        named = [path for path in inside if fnmatchcase(path.name, entry.sequence_names)]
        strangers += [path.name for path in inside if path not in named]
        if named:
            return [folder_sequence(path) for path in named]
    if strangers:
        raise DataError(
            root,
            f"holds sequences of another benchmark than {entry.name}",
            expected=f"names like {entry.sequence_names}",
            found=", ".join(strangers[:3]),
            hint="name the benchmark mot for a MOT-style folder with names of its own",
        )
    if entry.family == "kitti":
        expected = "training/label_02/0000.txt or 0000/gt.txt"
    else:
        expected = f"{entry.sequence_names}/gt/gt.txt or {entry.sequence_names}/gt.txt"
    looked = ", ".join(dict.fromkeys(str(folder) for folder in candidates))
    problem, hint = f"not the layout of benchmark {entry.name}", f"looked in {looked}"
    raise DataError(root, problem, expected=expected, found="none", hint=hint)


def _first_file(*paths: Path) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _ground_truth_file(folder: Path) -> Path | None:
    return _first_file(folder / "gt" / "gt.txt", folder / "gt.txt")


def folder_sequence(folder: Path) -> Sequence:
    """What a sequence's own folder says of it, in MOTChallenge's layout or the flat one.

    Raises:
        DataError: Its ``seqinfo.ini`` is malformed.
    """
    ground_truth = _ground_truth_file(folder)
    detections = _first_file(folder / "det" / "det.txt", folder / "det.txt")
    ignore = _first_file(folder / "ignore.txt")
    info = read_seqinfo(folder)
    images = image_folder(folder)
    length = info.length or last_image(images) or last_frame(ground_truth)
    return Sequence(
        folder.name, length, info.rate, info.size, ground_truth, detections, ignore, images=images
    )


def _official_kitti(root: Path, entry: Benchmark, split: str | None) -> list[Sequence]:
    """Sequences of KITTI's own layout; empty when `root` has none."""
    bases = (root / "training", root / "kitti" / "training", root / "kitti", root)
    labels = next((base / "label_02" for base in bases if (base / "label_02").is_dir()), None)
    if labels is None:
        return []
    lengths = _kitti_lengths(labels.parent, split or "training")
    names = lengths or {path.stem: 0 for path in text_files(labels) if path.stem[:1].isdecimal()}
    if not names:
        raise DataError(labels, f"no labels for benchmark {entry.name}", expected="files like 0000.txt")
    found = []
    for name, length in names.items():
        path = labels / f"{name}.txt"
        if not path.is_file():
            raise DataError(
                path, "label file is missing", expected="a file for each line of the sequence map"
            )
        images = labels.parent / "image_02" / name
        frames = length or last_image(images, first=0) or last_frame(path) + 1
        detections = _first_file(labels.parent / "det_02" / f"{name}.txt")
        where = images if images.is_dir() else None
        found.append(Sequence(name, frames, 10.0, None, path, detections, images=where))
    return sorted(found, key=lambda sequence: sequence.name)


def _kitti_lengths(folder: Path, split: str) -> dict[str, int]:
    """Lengths from KITTI's sequence map, beside the labels or one folder up; empty when there is none."""
    name = f"evaluate_tracking.seqmap.{split}"
    path = _first_file(folder / name, folder.parent / name)
    if path is None:
        if split != "training":
            raise DataError(folder / name, "no sequence map for this split", expected=f"a file {name}")
        return {}
    lengths = {}
    for number, line in enumerate(lines_of(read_text(path)), 1):
        words = line.split()
        if not words:
            continue
        if len(words) < 4 or not words[3].isdigit():
            raise DataError(path, "not a sequence map", line=number, expected="4 columns", found=repr(line))
        lengths[words[0]] = int(words[3])
    return lengths
