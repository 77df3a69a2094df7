"""What a page shows, as plain values: small enough to travel inside it, exact to a hundredth of a pixel."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deptr.io.identity_summary import IdentitySummary, summarize
from deptr.io.json_lines import plain
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.records import FloatArray, IntArray

_PER_PIXEL = 100


@dataclass(frozen=True)
class Event:
    """Something at one moment that a reader wants to jump to.

    Attributes:
        kind: ``switch`` (against ground truth), ``differs`` (the other run goes on) or ``found`` (again).
        frame: When.
        before: Identity before.
        after: Identity after.
        told: One sentence.
        alone: Of two runs, whether only this one has it.
    """

    kind: str
    frame: int
    before: int
    after: int
    told: str
    alone: bool = False


@dataclass(frozen=True)
class ShownRun:
    """One result on the page.

    Attributes:
        label: How the page calls it.
        sequence: Its tracks and what is known of them.
        events: What happened, but for identities found again, which the tracks say.
        partner: ``(N,)`` identity of each row in the other run, -1 = only here; None without another run.
        scores: Official metrics, where there is ground truth.
    """

    label: str
    sequence: SequenceTracks
    events: Sequence[Event] = ()
    partner: IntArray | None = None
    scores: dict[str, float] | None = None


def content_of(title: str, runs: Sequence[ShownRun], video: dict[str, Any] | None) -> dict[str, Any]:
    """The values of a page.

    Args:
        title: Its heading.
        runs: One result, or two to be compared.
        video: ``src`` and what the player needs to know of it; None without images.
    """
    first = runs[0].sequence
    length = max(run.sequence.length for run in runs)
    times = first.seconds_of(np.arange(1, length + 1)) if first.seconds else None
    return {
        "title": title,
        "fps": first.fps or 30.0,
        "timed": first.fps is not None,
        "length": length,
        "size": list(first.extent()),
        "times": None if times is None else plain(np.round(times, 4)),
        "video": video,
        "runs": [_run(run, runs[0]) for run in runs],
    }


def packed(content: dict[str, Any]) -> str:
    """Content as the page unpacks it: JSON, compressed, as text.

    Example:
        >>> gzip.decompress(base64.b64decode(packed({"a": 1})))
        b'{"a":1}'
    """
    text = json.dumps(plain(content), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _run(run: ShownRun, first: ShownRun) -> dict[str, Any]:
    sequence, kind = run.sequence, run.sequence.depth_kind
    summaries = {row.track_id: row for row in summarize(sequence)}
    colors = _colors(run, first)
    tracks = [
        _track(sequence, rows, partner, summaries[int(rows.track_id[0])], colors)
        for rows, partner in _by_identity(sequence.tracks, run.partner)
    ]
    return {
        "label": run.label,
        "facts": _facts(sequence),
        "depth": None
        if kind is None
        else {"kind": kind.value, "unit": kind.unit, "nearer": kind.larger_is_nearer},
        "focal": sequence.focal_px,
        "tracks": tracks,
        "events": [asdict(event) for event in sorted(run.events, key=lambda event: event.frame)],
        "scores": run.scores,
    }


def _by_identity(table: TrackTable, partner: IntArray | None) -> Iterable[tuple[TrackTable, IntArray | None]]:
    order = np.lexsort((table.frame, table.track_id))
    _, starts = np.unique(table.track_id[order], return_index=True)
    for rows in np.split(order, starts[1:]):
        if len(rows):
            yield table.rows(rows), None if partner is None else partner[rows]


def _colors(run: ShownRun, first: ShownRun) -> dict[int, int]:
    """Which identity of the first run each identity shares its colour with: the one it mostly is."""
    if run is first or run.partner is None:
        return {}
    table, found = run.sequence.tracks, {}
    for identity in table.identities.tolist():
        names, counts = np.unique(run.partner[table.track_id == identity], return_counts=True)
        known = names >= 0
        if known.any():
            found[identity] = int(names[known][counts[known].argmax()])
    return found


def _track(
    sequence: SequenceTracks,
    rows: TrackTable,
    partner: IntArray | None,
    summary: IdentitySummary,
    colors: dict[int, int],
) -> dict[str, Any]:
    known = np.isfinite(rows.depth_std) & np.isfinite(rows.depth)
    return {
        "id": summary.track_id,
        "color": colors.get(summary.track_id, summary.track_id),
        "class": summary.class_name or sequence.class_name(-1),
        "frames": _steps(rows.frame),
        **{
            name: _steps(np.round(rows.xyxy[:, column] * _PER_PIXEL).astype(np.int64))
            for column, name in enumerate(("left", "top", "right", "bottom"))
        },
        "score": np.round(np.nan_to_num(rows.score) * 1000).astype(np.int64).tolist(),
        "depth": _digits(rows.depth, 5) if np.isfinite(rows.depth).any() else None,
        "std": _digits(np.where(known, rows.depth_std, np.nan), 3) if known.any() else None,
        "alone": None if partner is None else _stretches(rows.frame[partner < 0]),
        "summary": {name: _short(value) for name, value in asdict(summary).items()},
    }


def _facts(sequence: SequenceTracks) -> list[tuple[str, str]]:
    """What stands below the heading of a run."""
    run, facts = sequence.run, []
    if "tracker" in run:
        facts.append(("tracker", str(run["tracker"])))
    mode = (run.get("fusion") or {}).get("mode")
    if mode:
        facts.append(("depth fusion", str(mode)))
    if sequence.depth_kind is not None:
        facts.append(("depth", sequence.depth_kind.value.replace("_", " ")))
    return facts


def _steps(values: IntArray) -> list[int]:
    """The first value, then differences: small numbers compress well."""
    listed: list[int] = np.diff(values, prepend=0).tolist()
    return listed


def _digits(values: FloatArray, digits: int) -> list[float | None]:
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values.tolist()]


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.5g}") if np.isfinite(value) else None


def _stretches(frames: IntArray) -> list[tuple[int, int]]:
    """Frames as first and last of each stretch without a gap.

    Example:
        >>> _stretches(np.array([2, 3, 4, 9]))
        [(2, 4), (9, 9)]
    """
    if not len(frames):
        return []
    breaks = np.flatnonzero(np.diff(frames) > 1)
    firsts, lasts = np.append(frames[0], frames[breaks + 1]), np.append(frames[breaks], frames[-1])
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
