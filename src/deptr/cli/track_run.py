"""The loop of `deptr track`: frames in, tracks and pictures out, with reading and encoding on the side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from deptr.cli.overlap import ReadAhead, Stop, WriteBehind
from deptr.io.frame_source import FrameSource
from deptr.io.mot_text import TrackWriter
from deptr.progress import Progress
from deptr.records import Image

if TYPE_CHECKING:
    import supervision as sv

    from deptr.io.video_writer import VideoWriter
    from deptr.tracking.base import Tracker
    from deptr.viz.overlay import Overlay


@dataclass(frozen=True)
class Step:
    """One moment of the sequence; without an image where there is none or it is damaged."""

    index: int
    timestamp: float
    image: Image | None


class DetectionSource(Protocol):
    """Where detections come from: a file, or a detector looking at the image."""

    def at(self, step: Step) -> sv.Detections:
        """The detections of one moment."""


@dataclass
class Counts:
    """What a run has done so far."""

    frames: int = 0
    detections: int = 0
    boxes: int = 0
    drawn: int = 0
    best_score: float = 0.0
    identities: set[int] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


@dataclass
class TrackingRun:
    """Everything the loop needs.

    Attributes:
        steps: The moments, in order.
        total: Their number, None when unknown.
        detections: Where detections come from.
        tracker: The tracker.
        tracks: Where tracks are written to.
        complete_depth: Adds depth to detections, None to take them as they are.
        overlay: Draws the tracks, None for no video.
        video: Where pictures are written to, None for no video.
        counts: What has been done; readable at any time.
    """

    steps: Iterable[Step]
    total: int | None
    detections: DetectionSource
    tracker: Tracker
    tracks: TrackWriter
    complete_depth: Callable[[sv.Detections], sv.Detections] | None = None
    overlay: Overlay | None = None
    video: VideoWriter | None = None
    counts: Counts = field(default_factory=Counts)

    def run(self, stop: Stop, progress: Progress) -> None:
        """Work until the end of the steps or a request to stop; what is written stays whole either way.

        Raises:
            DataError: The source broke off or a file cannot be written.
        """
        start = time.perf_counter()
        ahead = ReadAhead(self.steps, stop)
        encoder = None if self.video is None else WriteBehind(self._encode)
        try:
            with ahead:
                for step in ahead:
                    self._take(step, encoder)
                    progress.update(
                        self.counts.frames, self.total, identities=str(len(self.counts.identities))
                    )
        finally:
            if encoder is not None:
                self._finish_video(encoder)
            self.tracks.close()
            self.counts.seconds["decode"] = ahead.busy_seconds
            self.counts.seconds["wall"] = time.perf_counter() - start

    def _take(self, step: Step, encoder: WriteBehind[tuple[Image, float]] | None) -> None:
        counts = self.counts
        with counts.timed("detect"):
            detections = self.detections.at(step)
        if self.complete_depth is not None:
            with counts.timed("depth"):
                detections = self.complete_depth(detections)
        with counts.timed("track"):
            tracked = self.tracker.update(detections, step.image, step.timestamp)
        with counts.timed("write"):
            self.tracks.write(step.index, tracked)
        counts.frames += 1
        counts.detections += len(detections)
        counts.boxes += len(tracked)
        if len(detections):
            scores = detections.confidence
            counts.best_score = max(counts.best_score, 1.0 if scores is None else float(scores.max()))
        if tracked.tracker_id is not None:
            counts.identities.update(tracked.tracker_id.tolist())
        if encoder is not None and self.overlay is not None and step.image is not None:
            with counts.timed("draw"):
                picture = self.overlay.draw(step.image, tracked, step.timestamp)
            encoder.put((picture, step.timestamp))
            counts.drawn += 1

    def _encode(self, item: tuple[Image, float]) -> None:
        if self.video is not None:
            self.video.write(*item)

    def _finish_video(self, encoder: WriteBehind[tuple[Image, float]]) -> None:
        try:
            encoder.close()
        finally:
            self.counts.seconds["encode"] = encoder.busy_seconds
            if self.video is not None:
                with self.counts.timed("encode"):
                    self.video.close()


def steps_of_source(source: FrameSource, *, fill_gaps: bool) -> Iterator[Step]:
    """The frames of a source.

    Args:
        source: Where the images come from.
        fill_gaps: Whether a frame that cannot be decoded still is a moment, without an image, because its
            detections are known from elsewhere.
    """
    last, before = 0, 0.0
    for frame in source:
        missing = frame.index - last - 1 if fill_gaps else 0
        for k in range(1, missing + 1):
            yield Step(last + k, before + (frame.timestamp - before) * k / (missing + 1), None)
        yield Step(frame.index, frame.timestamp, frame.image)
        last, before = frame.index, frame.timestamp


def steps_without_images(last_frame: int, fps: float) -> Iterator[Step]:
    """Moments 1 to `last_frame`."""
    for index in range(1, last_frame + 1):
        yield Step(index, (index - 1) / fps, None)
