"""Figures of a service, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Figures of one service.

    Args:
        sessions: How many sessions there are.
        waiting: How many frames wait or are worked on.
    """

    def __init__(self, sessions: Callable[[], int], waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        live = Gauge("deptr_sessions", "Sessions now", registry=self.registry)
        live.set_function(sessions)
        waits = Gauge("deptr_frames_waiting", "Frames that wait or are worked on", registry=self.registry)
        waits.set_function(waiting)
        self.sessions = Counter("deptr_sessions_started", "Sessions so far", registry=self.registry)
        self.ended = Counter("deptr_sessions_ended", "Sessions that ended", ["how"], registry=self.registry)
        self.frames = Counter("deptr_frames", "Frames tracked", ["kind"], registry=self.registry)
        self.refused = Counter("deptr_refused", "Requests refused", ["status"], registry=self.registry)
        self.seconds = Histogram(
            "deptr_frame_seconds",
            "From a frame's arrival to its answer",
            ["kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Everything in Prometheus' format."""
        return generate_latest(self.registry)
