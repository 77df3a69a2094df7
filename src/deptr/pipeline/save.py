"""A run into a folder: tracks, video and report, whole whatever ends it."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager

from deptr.errors import DataError, DeptrError
from deptr.io.mot_text import TrackWriter
from deptr.io.run_folder import TRACKS, VIDEO
from deptr.pipeline.follow import TrackedFrame
from deptr.pipeline.output import Summary, why_nothing, write_run
from deptr.pipeline.plan import Plan
from deptr.pipeline.timing import Seconds, timed
from deptr.progress import Progress
from deptr.records import Image
from deptr.threads import Stop, WriteBehind


def save(
    plan: Plan,
    frames: Generator[TrackedFrame, None, None],
    summary: Summary,
    *,
    video: bool,
    stop: Stop,
    progress: Progress,
) -> None:
    """Write the frames of a plan; what is written stays whole, and ``run.json`` says how it ended.

    Args:
        plan: What is done.
        frames: Its frames; they put their times into ``summary.seconds``.
        summary: Takes in what is done; its folder is there.
        video: Whether to write a video, where there are images.
        stop: Its request makes an end a wanted one.
        progress: Told after each frame.

    Raises:
        BaseException: What ended the run early; a wish to stop is none.
    """
    write_run(plan, summary)
    failure: BaseException | None = None
    try:
        _write(plan, frames, summary, video=video, progress=progress)
    except BaseException as error:  # noqa: BLE001 - raised again when the report is written
        failure = error
    if plan.frames is not None:
        summary.notes += plan.frames.notes()
    summary.notes += plan.depth.notes()
    summary.notes += why_nothing(plan, summary)
    summary.status = _status(failure, stop)
    if summary.status == "failed":
        summary.error = str(failure) if isinstance(failure, DeptrError) else repr(failure)
    try:
        write_run(plan, summary)
    except DataError as error:
        failure = failure or error
    if failure is not None:
        raise failure


def _status(failure: BaseException | None, stop: Stop) -> str:
    if isinstance(failure, KeyboardInterrupt):
        return "interrupted"
    if failure is not None:
        return "failed"
    return "interrupted" if stop.requested else "complete"


def _write(
    plan: Plan,
    frames: Generator[TrackedFrame, None, None],
    summary: Summary,
    *,
    video: bool,
    progress: Progress,
) -> None:
    start, seconds = time.perf_counter(), summary.seconds
    try:
        with ExitStack() as stack:
            tracks = stack.enter_context(TrackWriter(summary.folder / TRACKS))
            encoder = stack.enter_context(_encoding(plan, summary)) if video and plan.frames else None
            stack.enter_context(closing(frames))
            for frame in frames:
                with timed(seconds, "write"):
                    tracks.write(frame.index, frame.tracked)
                summary.add(frame)
                if encoder is not None and frame.image is not None:
                    with timed(seconds, "draw"):
                        picture = frame.drawn()
                    encoder.put((picture, frame.timestamp))
                    summary.drawn += 1
                progress.update(summary.frames, plan.total, identities=str(len(summary.identities)))
    finally:
        seconds["wall"] = time.perf_counter() - start


@contextmanager
def _encoding(plan: Plan, summary: Summary) -> Iterator[WriteBehind[tuple[Image, float]]]:
    """Takes pictures and their seconds, and encodes them on the side."""
    from deptr.io.video_writer import VideoWriter

    seconds: Seconds = summary.seconds
    writer = VideoWriter(summary.folder / VIDEO, fps=plan.fps)
    behind = WriteBehind[tuple[Image, float]](lambda item: writer.write(*item))
    try:
        yield behind
    finally:
        try:
            behind.close()
        finally:
            seconds["encode"] = behind.busy_seconds
            with timed(seconds, "encode"):
                writer.close()
