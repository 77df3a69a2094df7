"""How late the results of a live run are, and what it left out."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from deptr.io.frame_source import FrameSource
from deptr.io.live_source import LiveSource
from deptr.pipeline.steps import Step
from deptr.threads import Newest

_SHORTEST, _STEP, _BINS = 1e-4, 1.02, 900  # seconds, and by how much each bin is wider: up to 5,500 s


class Latencies:
    """Seconds from capture to result of any number of frames, in bins of 2 %.

    Example:
        >>> latencies = Latencies()
        >>> for milliseconds in range(1, 101):
        ...     latencies.add(milliseconds / 1000)
        >>> round(latencies.quantile(0.5), 3), round(latencies.quantile(0.95), 3), latencies.largest
        (0.05, 0.095, 0.1)
    """

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0
        self.last = 0.0
        self._total = 0.0
        self._bins = [0] * _BINS

    def add(self, seconds: float) -> None:
        """Take in a frame."""
        self.count += 1
        self.last, self._total = seconds, self._total + seconds
        self.largest = max(self.largest, seconds)
        place = math.log(max(seconds, _SHORTEST) / _SHORTEST, _STEP)
        self._bins[min(int(place), _BINS - 1)] += 1

    @property
    def mean(self) -> float:
        """Mean in seconds, NaN without frames."""
        return self._total / self.count if self.count else math.nan

    def quantile(self, share: float) -> float:
        """Seconds that this share of the frames stayed below, within 1 %; NaN without frames."""
        below = 0
        for place, count in enumerate(self._bins):
            below += count
            if count and below >= share * self.count:
                return min(_SHORTEST * math.exp((place + 0.5) * math.log(_STEP)), self.largest)
        return math.nan


class LiveReport:
    """What there is to say of a live run; readable at any time.

    Attributes:
        latency: From capture to result.

    Args:
        source: Where its frames come from.
    """

    def __init__(self, source: FrameSource) -> None:
        self.latency = Latencies()
        self._source = source
        self._newest: Newest[Step] | None = None

    def watch(self, newest: Newest[Step]) -> None:
        """Count what gives way to newer frames."""
        self._newest = newest

    @property
    def skipped(self) -> int:
        """Frames so far that gave way to newer ones."""
        return self._source.late + (0 if self._newest is None else self._newest.skipped)

    def summary(self) -> dict[str, Any]:
        """For ``run.json``."""
        latency, source = self.latency, self._source
        figures = {
            "mean": latency.mean,
            "p50": latency.quantile(0.5),
            "p95": latency.quantile(0.95),
            "p99": latency.quantile(0.99),
            "max": latency.largest,
        }
        gaps = source.gaps if isinstance(source, LiveSource) else ()
        return {
            "frames_skipped": self.skipped,
            "latency_seconds": {name: round(value, 4) for name, value in figures.items()}
            if latency.count
            else None,
            "gap_count": source.gap_count if isinstance(source, LiveSource) else 0,
            "gaps": [
                asdict(gap) | {"start": round(gap.start, 3), "seconds": round(gap.seconds, 3)} for gap in gaps
            ],
        }

    def sentence(self) -> str:
        """For people."""
        if not self.latency.count:
            return f"live: {self.skipped} frames skipped"
        half, most = (f"{1000 * self.latency.quantile(share):.0f} ms" for share in (0.5, 0.95))
        skipped = f"{self.skipped} frames skipped"
        return f"live: capture to result {half} (median), {most} (95 %), {skipped}"
