"""One cell of a benchmark: one contender on all sequences at one frame stride; kept on disk when finished."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import deptr
from deptr.errors import DataError
from deptr.evaluation.contenders import ORACLE, PEER_PREFIX, Contender, run
from deptr.evaluation.corruption import Corruption
from deptr.evaluation.judge import check_tracks, combine
from deptr.evaluation.readings import detections_in
from deptr.evaluation.trackeval_memory import RawScores, raw_scores
from deptr.files import atomic_write
from deptr.io.sequences import Benchmark, Sequence
from deptr.io.tables import DetectionTable
from deptr.records import DepthKind, FloatArray
from deptr.tracking.registry import tracker_class

RULES_CODE = ("contenders.py", "corruption.py", "oracle.py", "trackeval_memory.py")


@dataclass(frozen=True)
class Cell:
    """What is measured.

    Attributes:
        benchmark: Whose rules hold.
        sequences: All its sequences, not thinned.
        contender: Who tracks.
        stride: Every `stride`-th frame.
        corruption: What happens to the depths first.
        seed: Seed of the corruption.
        depth_kind: What the depths mean; None means metres for KITTI and relative depth elsewhere.
    """

    benchmark: Benchmark
    sequences: tuple[Sequence, ...]
    contender: Contender
    stride: int = 1
    corruption: Corruption = field(default_factory=Corruption)
    seed: int = 0
    depth_kind: DepthKind | None = None

    @property
    def description(self) -> dict[str, Any]:
        """The cell in words and numbers, as it stands in its file."""
        return {
            "benchmark": self.benchmark.name,
            "sequences": [sequence.name for sequence in self.sequences],
            "tracker": self.contender.tracker,
            "fusion": self.contender.fusion,
            "parameters": dict(self.contender.parameters),
            "stride": self.stride,
            "corruption": str(self.corruption),
            "seed": self.seed,
            "depth_kind": (self.depth_kind or usual_depth_kind(self.benchmark)).value,
        }

    def table(self, sequence: Sequence) -> DetectionTable:
        """Detections of a sequence as the contender gets them."""
        return detections_of(
            self.benchmark,
            sequence.strided(self.stride),
            corruption=self.corruption,
            seed=self.seed,
            depth_kind=self.depth_kind,
        )


def usual_depth_kind(benchmark: Benchmark) -> DepthKind:
    """What depths beside a benchmark's detections mean unless it is said: metres for KITTI, else relative."""
    return DepthKind.METRIC if benchmark.family == "kitti" else DepthKind.RELATIVE


def detections_of(
    benchmark: Benchmark,
    sequence: Sequence,
    *,
    corruption: Corruption | None = None,
    seed: int = 0,
    depth_kind: DepthKind | None = None,
) -> DetectionTable:
    """Detections of a (thinned) sequence, with spoiled depths if asked for.

    Raises:
        DataError: The sequence has no detections, or the file is wrong.
    """
    if sequence.detections is None:
        hint = "name their folder with --detections"
        expected = "det/det.txt or det.txt beside its ground truth"
        raise DataError(sequence.name, "sequence has no detections", expected=expected, hint=hint)
    kind = depth_kind or usual_depth_kind(benchmark)
    table = thinned(detections_in(sequence.detections, kind), sequence.stride)
    return (corruption or Corruption()).apply(table, seed=seed, name=sequence.name)


@dataclass(frozen=True)
class CellResult:
    """What came out.

    Attributes:
        raw: Sequence name to TrackEval's fields.
        frames: Number of frames that were timed, 0 for the oracle.
        milliseconds: ``median``, ``mean`` and ``p95`` of one frame's update.
    """

    raw: dict[str, RawScores]
    frames: int = 0
    milliseconds: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def combined(self) -> dict[str, float]:
        """Official metrics over all sequences."""
        return combine(self.raw)


def thinned(table: DetectionTable, stride: int) -> DetectionTable:
    """Detections of frames 1, 1 + stride, ... renumbered 1, 2, ..."""
    if stride == 1:
        return table
    keep = (table.frame - 1) % stride == 0
    return replace(
        table,
        frame=(table.frame[keep] - 1) // stride + 1,
        xyxy=table.xyxy[keep],
        score=table.score[keep],
        depth=table.depth[keep],
        class_id=None if table.class_id is None else table.class_id[keep],
    )


def run_cell(cell: Cell) -> CellResult:
    """Track and score all sequences of a cell."""
    raw, seconds = {}, []
    for sequence in cell.sequences:
        thin = sequence.strided(cell.stride)
        tracks, spent = run(cell.contender, cell.benchmark, thin, cell.table(sequence))
        raw[sequence.name] = raw_scores(cell.benchmark, thin, check_tracks(thin, tracks))
        seconds.append(spent)
    return CellResult(raw, sum(len(spent) for spent in seconds), _milliseconds(np.concatenate(seconds)))


def _milliseconds(seconds: FloatArray) -> dict[str, float]:
    if not len(seconds):
        return {}
    times = {"median": np.median(seconds), "mean": np.mean(seconds), "p95": np.percentile(seconds, 95)}
    return {name: round(1000 * float(value), 4) for name, value in times.items()}


class CellStore:
    """Finished cells in a folder, one file each, found again by everything that decides the result.

    That is the cell, the data files, the versions of TrackEval and the peers, and the code that our tracker
    is made of: a changed tracker measures anew, the cells of the peers and of the other trackers stay.

    Args:
        folder: Where the files lie; made when needed.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._data: dict[tuple[str, ...], str] = {}
        package = Path(deptr.__file__).parent
        self._rules = _hash(package / "evaluation" / name for name in RULES_CODE)
        self._trackers: dict[str, str] = {}

    def path(self, cell: Cell) -> Path:
        """File of a cell."""
        words = json.dumps([cell.description, self._fingerprint(cell)], sort_keys=True)
        name = (
            f"{cell.benchmark.name}-{cell.contender.tracker}-{cell.contender.fusion or 'none'}-{cell.stride}"
        )
        safe = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in name)
        return self.folder / f"{safe}-{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"

    def load(self, cell: Cell) -> CellResult | None:
        """A finished cell; None when it is not finished or its file is damaged."""
        try:
            content = json.loads(self.path(cell).read_text(encoding="utf-8"))
            raw = {name: _arrays(scores) for name, scores in content["raw"].items()}
            return CellResult(raw, content["frames"], content["milliseconds"])
        except (FileNotFoundError, json.JSONDecodeError, KeyError, AttributeError):
            return None

    def save(self, cell: Cell, result: CellResult) -> None:
        """Keep a finished cell.

        Raises:
            DataError: The folder cannot be written.
        """
        content = {
            **cell.description,
            "combined": result.combined,
            "milliseconds": result.milliseconds,
            "frames": result.frames,
            "raw": result.raw,
        }
        with atomic_write(self.path(cell)) as file:
            json.dump(content, file, default=_plain)

    def _fingerprint(self, cell: Cell) -> list[str]:
        files = [path for s in cell.sequences for path in (s.ground_truth, s.ignore, s.detections) if path]
        key = tuple(map(str, files))
        if key not in self._data:
            self._data[key] = _hash(files)
        package = Path(deptr.__file__).parent
        prints = [
            self._data[key],
            version("trackeval"),
            _hash(package / "evaluation" / name for name in RULES_CODE),
        ]
        if cell.contender.tracker.startswith(PEER_PREFIX):
            return [*prints, installed_version("trackers")]
        if cell.contender.tracker == ORACLE:
            return prints
        tracker = cell.contender.tracker
        if tracker not in self._trackers:
            self._trackers[tracker] = _hash(tracker_files(tracker))
        return [*prints, self._trackers[tracker]]


def tracker_files(tracker: str) -> list[Path]:
    """Files of our tracking code that a tracker is made of: its module and all that this imports.

    Example:
        >>> names = {path.stem for path in tracker_files("bytetrack")}
        >>> {"bytetrack", "base", "fusion"} <= names, "hybridsort" in names
        (True, False)
    """
    package = Path(deptr.__file__).parent.parent
    found: dict[str, Path] = {}
    waiting = [tracker_class(tracker).__module__]
    while waiting:
        name = waiting.pop()
        path = package / f"{name.replace('.', '/')}.py"
        if name in found or not path.is_file():
            continue
        found[name] = path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("deptr.tracking"):
                waiting += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [found[name] for name in sorted(found)]


def installed_version(package: str) -> str:
    """Version of an installed package, ``none`` when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else dict(value)


def _arrays(scores: Mapping[str, Mapping[str, Any]]) -> RawScores:
    return {
        family: {
            name: np.array(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        for family, fields in scores.items()
    }
