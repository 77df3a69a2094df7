"""A run into a folder: tracks, video and report, whole whatever ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager

from deptr.errors import DataError, DeptrError
from deptr.io.json_lines import JsonLinesWriter
from deptr.io.mot_text import TrackWriter
from deptr.io.run_folder import COUNTS, LINES, TRACKS, VIDEO
from deptr.io.sound import keep_sound
from deptr.pipeline.counting.file import CountsWriter
from deptr.pipeline.follow import TrackedFrame
from deptr.pipeline.output import Summary, why_nothing, write_run
from deptr.pipeline.outputs import Outputs
from deptr.pipeline.plan import Plan
from deptr.pipeline.timing import Seconds, timed
from deptr.progress import Progress
from deptr.records import Image
from deptr.threads import Stop, WriteBehind

TakePicture = Callable[[Image, float], bool]


def save(
    plan: Plan,
    frames: Generator[TrackedFrame, None, None],
    summary: Summary,
    *,
    outputs: Outputs,
    stop: Stop,
    progress: Progress,
) -> None:
    """Write the frames of a plan; what is written stays whole, and ``run.json`` says how it ended.

    Args:
        plan: What is done.
        frames: Its frames; they put their times into ``summary.seconds``.
        summary: Takes in what is done; its folder is there.
        outputs: What else is handed on.
        stop: Its request makes an end a wanted one.
        progress: Told after each frame.

    Raises:
        BaseException: What ended the run early; a wish to stop is none.
    """
    write_run(plan, summary)
    failure: BaseException | None = None
    try:
        _write(plan, frames, summary, outputs=outputs, stop=stop, progress=progress)
    except BaseException as error:  # noqa: BLE001 - raised again when the report is written
        failure = error
    if plan.frames is not None:
        summary.notes += plan.frames.notes()
        summary.notes += keep_sound(summary.folder / VIDEO, plan.request.source)
    summary.notes += plan.depth.notes()
    if plan.world is not None:
        summary.notes += plan.world.notes()
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
    outputs: Outputs,
    stop: Stop,
    progress: Progress,
) -> None:
    start, seconds = time.perf_counter(), summary.seconds
    try:
        with ExitStack() as stack:
            tracks = stack.enter_context(TrackWriter(summary.folder / TRACKS))
            places = [summary.folder / LINES, *([] if outputs.jsonl is None else [outputs.jsonl])]
            lines = [stack.enter_context(JsonLinesWriter(place)) for place in dict.fromkeys(places)]
            counts = _counting(plan, summary, stack)
            pictures = [stack.enter_context(output) for output in _picture_outputs(plan, summary, outputs)]
            stack.enter_context(closing(frames))
            for frame in frames:
                with timed(seconds, "write"):
                    tracks.write(frame.index, frame.tracked)
                    record = frame.record()
                    for writer in lines:
                        writer.write(record)
                    if counts is not None:
                        counts.write(frame.index, frame.timestamp, frame.crossings)
                summary.add(frame)
                if pictures and frame.image is not None:
                    with timed(seconds, "draw"):
                        picture = frame.drawn()
                    if not all([take(picture, frame.timestamp) for take in pictures]):
                        break
                progress.update(summary.frames, plan.total, **_figures(frame, summary))
    except BrokenPipeError:
        summary.notes.append("whoever read the JSON lines has gone; the run ended there")
        stop.request()
    finally:
        seconds["wall"] = time.perf_counter() - start


def _counting(plan: Plan, summary: Summary, stack: ExitStack) -> CountsWriter | None:
    if plan.counter is None:
        return None
    return stack.enter_context(CountsWriter(summary.folder / COUNTS))


def _figures(frame: TrackedFrame, summary: Summary) -> dict[str, float | str]:
    figures: dict[str, float | str] = {"identities": str(len(summary.identities))}
    if frame.latency_seconds is not None:
        figures["latency"] = f"{1000 * frame.latency_seconds:.0f} ms"
    return figures


def _picture_outputs(
    plan: Plan, summary: Summary, outputs: Outputs
) -> Iterator[AbstractContextManager[TakePicture]]:
    """What takes drawn pictures with their seconds; each says whether it wants more."""
    if outputs.video and plan.frames is not None:
        yield _encoding(plan, summary)
    if outputs.show:
        yield _showing(plan)


@contextmanager
def _showing(plan: Plan) -> Iterator[TakePicture]:
    from deptr.viz.window import Window

    with Window(plan.name) as window:
        yield lambda picture, _: window.show(picture)


@contextmanager
def _encoding(plan: Plan, summary: Summary) -> Iterator[TakePicture]:
    """Encodes on the side."""
    from deptr.io.video_writer import VideoWriter

    seconds: Seconds = summary.seconds
    writer = VideoWriter(summary.folder / VIDEO, fps=plan.fps)
    behind = WriteBehind[tuple[Image, float]](lambda item: writer.write(*item))

    def take(picture: Image, timestamp: float) -> bool:
        behind.put((picture, timestamp))
        summary.drawn += 1
        return True

    try:
        yield take
    finally:
        try:
            behind.close()
        finally:
            seconds["encode"] = behind.busy_seconds
            with timed(seconds, "encode"):
                writer.close()
