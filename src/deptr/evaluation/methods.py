"""What stands in a benchmark's rows: our trackers with a fusion, PyPI `trackers`, perfect identities."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deptr.errors import MissingExtraError, UsageError
from deptr.evaluation.oracle import perfect_identities
from deptr.io.sequences import Benchmark, Sequence
from deptr.io.tables import DetectionTable
from deptr.records import FloatArray
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.registry import create_tracker, parse_parameters

if TYPE_CHECKING:
    import supervision as sv

ORACLE = "oracle"
PEER_PREFIX = "trackers."
PEER_MIN_SCORE = 0.1  # what ByteTrack-like papers feed their trackers

# Operating points, one per data family and never per frame rate. KITTI's detections have saturated scores,
# for which the experiments on them use a high threshold of 0.8. ByteTrack and BoT-SORT wait for a second
# detection before they report a track, so they can start one at any detection of the first association.
FAMILY_PARAMETERS: Mapping[str, Mapping[str, float]] = {
    "mot": {},
    "kitti": {"high_score": 0.8, "new_score": 0.9, "sure_score": 0.96},
}
WAITING_PARAMETERS: Mapping[str, Mapping[str, float]] = {"kitti": {"new_score": 0.8}}
WAITING_TRACKERS = ("bytetrack", "botsort", "likelihood", "learned")
# class of PyPI `trackers` and what differs from its defaults, per family
PEERS: Mapping[str, tuple[str, Mapping[str, Mapping[str, Any]]]] = {
    "trackers.SORT": ("SORTTracker", {"kitti": {"track_activation_threshold": 0.8}}),
    "trackers.ByteTrack": (
        "ByteTrackTracker",
        {"kitti": {"track_activation_threshold": 0.9, "high_conf_det_threshold": 0.8}},
    ),
    "trackers.OCSORT": ("OCSORTTracker", {"kitti": {"high_conf_det_threshold": 0.8}}),
    "trackers.BoTSORT": (
        "BoTSORTTracker",
        {
            "mot": {"enable_cmc": False},
            "kitti": {"enable_cmc": False, "track_activation_threshold": 0.9, "high_conf_det_threshold": 0.8},
        },
    ),
    "trackers.CBIoU": (
        "CBIoUTracker",
        {"kitti": {"track_activation_threshold": 0.9, "high_conf_det_threshold": 0.8}},
    ),
}

Update = Callable[["sv.Detections"], "sv.Detections"]


@dataclass(frozen=True)
class Method:
    """One row of a benchmark.

    Attributes:
        tracker: Name of ours, of a peer (``trackers.X``) or ``oracle``.
        fusion: How ours uses depth: ``none``, or a mode with parameters as ``fixed:gamma=0.2,scale=0.1``;
            empty for the others, which use none.
        parameters: What differs from the tracker's defaults; for the oracle its least score.
    """

    tracker: str
    fusion: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uses_depth(self) -> bool:
        """Whether spoiled depth can change the answer."""
        return self.fusion not in ("", "none")

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"{self.tracker} + {self.fusion}" if self.uses_depth else self.tracker


def operating_point(tracker: str, family: str) -> dict[str, float]:
    """What one of our trackers is given on a data family, at every frame rate.

    Example:
        >>> operating_point("bytetrack", "kitti")["new_score"], operating_point("bytetrack", "mot")
        (0.8, {})
    """
    waiting = WAITING_PARAMETERS.get(family, {}) if tracker in WAITING_TRACKERS else {}
    return {**FAMILY_PARAMETERS.get(family, {}), **waiting}


def our_method(tracker: str, fusion: str, family: str, overrides: Mapping[str, Any] | None = None) -> Method:
    """One of our trackers at the operating point of a data family.

    Args:
        tracker: Name in the registry.
        fusion: As for `DepthFusion.parse`.
        family: ``mot`` or ``kitti``.
        overrides: Parameters that replace those of the family.

    Raises:
        UsageError: No such tracker, fusion, parameter or value.
    """
    values: dict[str, Any] = parse_parameters(
        tracker, {**operating_point(tracker, family), **(overrides or {})}
    )
    create_tracker(tracker, depth=fusion, **values)  # refuses a fusion that it has not, before anything runs
    return Method(tracker, fusion, values)


def peer_method(name: str, family: str) -> Method:
    """A tracker of PyPI `trackers` at the operating point of a data family.

    Raises:
        UsageError: No such peer.
    """
    if name not in PEERS:
        raise UsageError(f"peer: expected one of {', '.join(PEERS)}, got {name!r}")
    return Method(name, "", PEERS[name][1].get(family, {}))


def peers_installed() -> bool:
    """Whether PyPI `trackers` can be imported."""
    from importlib.util import find_spec

    return find_spec("trackers") is not None


def run(
    method: Method, benchmark: Benchmark, sequence: Sequence, table: DetectionTable
) -> tuple[FloatArray, FloatArray]:
    """Track one sequence.

    Args:
        method: Who tracks.
        benchmark: Whose sequence it is.
        sequence: The (thinned) sequence; its frame rate goes to our trackers.
        table: Its (thinned) detections.

    Returns:
        Tracks ``(N, 7)``: frame, identity, left, top, width, height, score; and ``(T,)`` seconds that
        each frame's update took of the processor, without reading and converting.
    """
    if method.tracker == ORACLE:
        return perfect_identities(benchmark, sequence, table, **method.parameters), np.zeros(0)
    peer = method.tracker.startswith(PEER_PREFIX)
    update = _start_peer(method) if peer else start(method, sequence)
    rows, seconds = [], np.zeros(sequence.length)
    for frame in range(1, sequence.length + 1):
        detections = table.at(frame)
        if peer:
            detections = _plain(detections)
        begin = time.thread_time()  # processor time: what else the machine does leaves it alone
        tracks = update(detections)
        seconds[frame - 1] = time.thread_time() - begin
        rows.append(track_rows(frame, tracks))
    return np.concatenate(rows) if rows else np.zeros((0, 7)), seconds


def track_rows(frame: int, tracks: sv.Detections) -> FloatArray:
    """Rows of frame, identity, left, top, width, height, score; without those that have no identity."""
    if len(tracks) == 0 or tracks.tracker_id is None:
        return np.zeros((0, 7))
    known = tracks.tracker_id >= 0
    boxes = np.asarray(tracks.xyxy, np.float64)[known]
    scores = np.ones(len(tracks)) if tracks.confidence is None else tracks.confidence
    return np.column_stack(
        [
            np.full(len(boxes), frame),
            tracks.tracker_id[known],
            boxes[:, :2],
            boxes[:, 2:] - boxes[:, :2],
            scores[known],
        ]
    )


def start(method: Method, sequence: Sequence) -> Update:
    """One of our trackers at the start of a sequence: its update.

    Raises:
        UsageError: The frame rate of the sequence is not known.
    """
    if sequence.frame_rate is None:
        raise UsageError(
            f"sequence {sequence.name}: its frame rate is not known; expected frameRate in seqinfo.ini"
        )
    tracker = create_tracker(
        method.tracker,
        depth=DepthFusion.parse(method.fusion),
        frame_rate=sequence.frame_rate,
        **method.parameters,
    )
    update: Update = tracker.update
    return update


def _start_peer(method: Method) -> Update:
    try:
        import trackers
    except ImportError:
        raise MissingExtraError(f"the peer {method.tracker}", "dev") from None
    # its constants are per frame; 30 is its default, whatever the recording's rate
    tracker = getattr(trackers, PEERS[method.tracker][0])(frame_rate=30.0, **method.parameters)
    update: Update = tracker.update
    return update


def _plain(detections: sv.Detections) -> sv.Detections:
    """Detections as the peers are usually fed: float32, one class, without the least sure ones."""
    import supervision as sv

    scores = np.ones(len(detections)) if detections.confidence is None else detections.confidence
    kept = scores > PEER_MIN_SCORE
    return sv.Detections(
        xyxy=detections.xyxy[kept].astype(np.float32).reshape(-1, 4),
        confidence=scores[kept].astype(np.float32),
        class_id=np.zeros(int(kept.sum()), int),
    )
