"""The loop: frames in, tracks out, with the reading on the side."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deptr.errors import UsageError
from deptr.io.json_lines import frame_record
from deptr.pipeline.plan import Plan
from deptr.pipeline.steps import Step
from deptr.pipeline.timing import Seconds, timed, timed_items
from deptr.records import FloatArray, Image, depth_of
from deptr.threads import Newest, Stop, read_ahead

if TYPE_CHECKING:
    import supervision as sv

    from deptr.pipeline.counting.counter import Crossing, Tally


@dataclass(frozen=True)
class TrackedFrame:
    """One frame of a run.

    Attributes:
        index: Number of the frame, from 1.
        timestamp: Seconds since the first frame.
        image: ``(H, W, 3)`` uint8 RGB, None where there is none or it is damaged.
        detections: What was found in it, before tracking.
        tracked: Those that belong to a confirmed track, with ``tracker_id``.
        latency_seconds: From the capture of a live frame to its result, None where frames are not live.
        captured_at: When a live frame was captured, in seconds of `time.time`, else None.
        crossings: Who crosses a line, or enters or leaves a zone, in this frame.
        tallies: What each line and zone has counted up to this frame.
    """

    index: int
    timestamp: float
    image: Image | None
    detections: sv.Detections
    tracked: sv.Detections
    _plan: Plan = field(repr=False)
    latency_seconds: float | None = None
    captured_at: float | None = None
    crossings: tuple[Crossing, ...] = ()
    tallies: tuple[Tally, ...] = ()

    @property
    def depths(self) -> FloatArray:
        """Depth of each tracked box, ``(N,)``, NaN where it is not known."""
        return depth_of(self.tracked)

    def drawn(self) -> Image:
        """The image with boxes, identities, depths, trails and, with depth, the scene from above.

        Trails are those of the frames drawn before: draw in the order of the frames.

        Raises:
            UsageError: This frame has no image.
        """
        if self.image is None:
            raise UsageError(f"frame {self.index} has no image to draw on; look at its image first")
        picture = self._plan.overlay.draw(self.image, self.tracked, self.timestamp)
        for tally in self.tallies:
            from deptr.viz.counts import draw_count

            inside = "" if tally.inside is None else f" · {tally.inside} inside"
            words = f"{tally.entered} in · {tally.left} out{inside}"
            draw_count(picture, tally.points, words, closed=tally.inside is not None)
        return picture

    def record(self) -> dict[str, Any]:
        """The frame as plain values, as a line of ``--jsonl`` holds them; see `frame_record`."""
        live: dict[str, float | None] = {}
        if self._plan.live is not None:
            live = {"captured_at": self.captured_at, "latency_seconds": self.latency_seconds}
        names = self._plan.input.class_names
        return frame_record(self.index, self.timestamp, self.tracked, class_names=names, **live)


def follow(plan: Plan, seconds: Seconds, stop: Stop) -> Generator[TrackedFrame, None, None]:
    """The frames of a plan, tracked one after the other; its source is closed at the end, whatever ends it.

    Args:
        plan: What to do.
        seconds: Takes in the time of each stage.
        stop: Ends the run between two frames.

    Raises:
        DataError: The source broke off.
    """
    with closing(plan), closing(_read(plan, seconds, stop)) as steps:
        for step in steps:
            with timed(seconds, "detect"):
                detections = plan.input.source.at(step)
                if plan.looks is not None and step.image is not None:
                    detections = plan.looks(step.image, detections)
            with timed(seconds, "depth"):
                detections = plan.depth.fill(detections, step)
            with timed(seconds, "track"):
                pose = None if plan.world is None else plan.world.pose(step)
                seconds_of_track = step.timestamp - step.paused
                tracked = plan.tracker.update(detections, step.image, seconds_of_track, pose)
            frame = TrackedFrame(step.index, step.timestamp, step.image, detections, tracked, plan)
            if plan.counter is not None:
                crossings = plan.counter.update(tracked, step.timestamp)
                frame = replace(frame, crossings=crossings, tallies=plan.counter.tallies())
            yield frame if step.captured is None else _timed_result(frame, step.captured, plan)


def _read(plan: Plan, seconds: Seconds, stop: Stop) -> Generator[Step, None, None]:
    """The moments of a plan, made in a thread: all of them, or in a live run the newest."""
    steps = timed_items(plan.steps(), seconds, "decode")
    if plan.live is None or plan.frames is None:
        return read_ahead(steps, stop=stop)
    import supervision  # noqa: F401 - a second, for which the first frame would wait

    newest = Newest(steps, stop=stop, seconds=plan.request.live.max_seconds, wake=plan.frames.halt)
    plan.live.watch(newest)
    return iter(newest)


def _timed_result(frame: TrackedFrame, captured: float, plan: Plan) -> TrackedFrame:
    latency = time.monotonic() - captured
    if plan.live is not None:
        plan.live.latency.add(latency)
    return replace(frame, latency_seconds=latency, captured_at=time.time() - latency)
