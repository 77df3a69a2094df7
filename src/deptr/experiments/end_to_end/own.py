"""The released detector's own detections of the benchmark, tracked by hand and by decoders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deptr.evaluation.bootstrap import paired_bootstrap
from deptr.evaluation.judge import check_tracks, combine
from deptr.evaluation.methods import track_rows
from deptr.evaluation.tables import Table, figure
from deptr.evaluation.trackeval_memory import RawScores, raw_scores
from deptr.experiments.end_to_end.arms import OWN_ARMS
from deptr.experiments.end_to_end.evaluation import measured, network_of, save_scores, scores_file
from deptr.experiments.end_to_end.views import looks_file
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.progress import Progress
from deptr.records import DepthKind, FloatArray
from deptr.tracking.learned.observations import LOG_H, LOG_W, LOG_Z, LOG_Z_STD, SCORE
from deptr.tracking.registry import TRACKER_NAMES, create_tracker, tracker_class
from deptr.training.identity.detections import Clip
from deptr.training.identity.sightings import load_clips

HAND_WRITTEN = ("sort", "bytetrack", "ocsort", "botsort", "hybridsort", "likelihood")
SHOWN = ("HOTA", "DetA", "AssA", "IDF1", "IDSW")


@dataclass(frozen=True)
class Way:
    """One way to track.

    Attributes:
        tracker: Name in the registry, or of a folder under ``decoders``.
        fusion: ``none`` or ``adaptive``.
        stride: Every `stride`-th frame.
        looks: Whether it is given how people look.
    """

    tracker: str
    fusion: str
    stride: int
    looks: bool = False

    @property
    def name(self) -> str:
        """Of its file."""
        return f"own-{self.tracker}-{self.fusion}-{self.stride}" + self.looks * "-looks"


def own_tables(
    folder: Path, strides: Sequence[int], *, workers: int = 1, progress: Progress | None = None
) -> list[Table]:
    """Measure what is not measured yet, and make a table for each stride.

    Args:
        folder: What `teach` made.
        strides: Keep every k-th frame, for each k.
        workers: Processes.
        progress: Told after each way.
    """
    decoders = [
        path.name for arm in OWN_ARMS for path in sorted((folder / "decoders").glob(f"{arm.name}-[0-9]"))
    ]
    ways = [
        Way(tracker, fusion, stride, looks)
        for stride in strides
        for tracker in (*decoders, "learned", *HAND_WRITTEN)
        for looks in (False, True)[: 1 + (tracker in TRACKER_NAMES and tracker_class(tracker).reads_looks)]
        for fusion in ("none", "adaptive")
    ]
    found = measured(folder, ways, measure, workers=workers, progress=progress)
    return [
        _table({way: raw for way, raw in found.items() if way.stride == stride}, stride) for stride in strides
    ]


def _table(found: Mapping[Way, dict[str, RawScores]], stride: int) -> Table:
    best = max(
        (way for way in found if way.tracker in HAND_WRITTEN and not way.looks),
        key=lambda way: combine(found[way])["HOTA"],
    )
    often = "every frame" if stride == 1 else f"every {stride}th frame"
    heads = ["tracker", "depth", "looks", *SHOWN, "against the best hand-written without looks (HOTA)"]
    table = Table(f"Own detections, {often}", heads, words=3)
    for way, raw in found.items():
        figures = combine(raw)
        against = "" if way == best else str(paired_bootstrap(raw, found[best]))
        cells = [figure(figures[name], 0 if name == "IDSW" else 2) for name in SHOWN]
        given = ["" if way.fusion == "none" else way.fusion, "yes" if way.looks else ""]
        table.rows.append([way.tracker, *given, *cells, against])
    return table


def measure(folder: Path, way: Way) -> None:
    """Track all sequences one way and keep the scores."""
    benchmark = benchmark_of("mot")
    decoder = folder / "decoders" / way.tracker
    name = str(network_of(decoder)) if decoder.is_dir() else way.tracker
    raw = {}
    for sequence in find_sequences(benchmark, folder / "test"):
        path = folder / "test-own" / f"{sequence.name}.npz"
        (clip,) = load_clips(path)
        looks = np.load(looks_file(path)) if way.looks else None
        thin = sequence.strided(way.stride)
        rate = 1 / float(np.median(np.diff(clip.seconds))) / way.stride
        tracker = create_tracker(name, depth=way.fusion, frame_rate=rate)
        rows = [
            track_rows(number, tracker.update(found)) for number, found in _found(clip, way.stride, looks)
        ]
        raw[sequence.name] = raw_scores(benchmark, thin, check_tracks(thin, np.concatenate(rows)))
    save_scores(scores_file(folder, way), raw)


def _found(clip: Clip, stride: int, looks: FloatArray | None) -> Iterator[tuple[int, Any]]:
    """Detections of each kept frame."""
    import supervision as sv

    seen = clip.seen.astype(np.float64)
    half: FloatArray = np.exp(seen[:, [LOG_W, LOG_H]]) / 2
    boxes = np.concatenate([seen[:, :2] - half, seen[:, :2] + half], axis=1)
    depth = np.exp(seen[:, LOG_Z])
    for number, frame in enumerate(range(0, len(clip.seconds), stride), 1):
        own = clip.frames == frame
        data = {
            "depth": depth[own],
            "depth_std": (depth * seen[:, LOG_Z_STD])[own],
            "query_state": clip.states[own].astype(np.float64),
        }
        if looks is not None:
            data["embedding"] = looks[own]
        yield (
            number,
            sv.Detections(
                xyxy=boxes[own],
                confidence=seen[own, SCORE],
                data=data,
                metadata={"depth_kind": DepthKind.RELATIVE.value},
            ),
        )
