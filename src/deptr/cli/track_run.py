"""Doing what `deptr track` was asked: one run, or one for each of many sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import typer

from deptr.cli.interrupt import EXIT_CODE, interruptible
from deptr.cli.json_log import JsonLog
from deptr.cli.terminal import progress
from deptr.cli.track_many_options import ManyOptions
from deptr.cli.track_output_options import OutputOptions
from deptr.errors import DataError, DeptrError
from deptr.pipeline.batch.run import Outcome, jobs_of, run_many, write_summary
from deptr.pipeline.output import Summary
from deptr.pipeline.outputs import Outputs
from deptr.pipeline.request import Request
from deptr.pipeline.run import Run
from deptr.progress import Progress

DEFAULT_FOLDER = "runs/many"


def track_one(request: Request, results: OutputOptions, log: JsonLog | None) -> None:
    """One run into one folder."""
    with _errors_told(log):
        run = Run(request)
        try:
            with interruptible() as stop, _progress(log) as report:
                run.save(
                    results.output,
                    video=not results.no_video,
                    jsonl=results.jsonl,
                    show=results.show,
                    overwrite=results.overwrite,
                    stop=stop,
                    progress=report,
                )
        finally:
            if run.summary is not None:
                _tell(run, run.summary, log, to_errors=results.to_standard_output)
    if stop.requested:
        raise typer.Exit(EXIT_CODE)


def track_many(
    request: Request, sources: Sequence[str], results: OutputOptions, many: ManyOptions, log: JsonLog | None
) -> None:
    """A run for each source, each into a folder of its own, and one summary.

    Raises:
        DataError: Some failed.
    """
    folder = results.output or DEFAULT_FOLDER
    outputs = Outputs(video=not results.no_video, jsonl=results.jsonl, show=results.show)

    def told(outcome: Outcome) -> None:
        _tell_outcome(outcome, log)

    with _errors_told(log):
        jobs = jobs_of(request, sources, folder, outputs=outputs, overwrite=results.overwrite)
        with interruptible() as stop, _progress(log) as report:
            outcomes = run_many(
                jobs,
                workers=1 if many.workers is None else many.workers,
                engine=many.engine,
                address=many.address,
                stop=stop,
                progress=report,
                told=told,
            )
        place = write_summary(folder, outcomes)
        counts = {status: 0 for status in ("complete", "finished before", "interrupted", "failed")}
        for outcome in outcomes:
            counts[outcome.status] += 1
        words = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        if log is None:
            typer.echo(f"{len(outcomes)} sources: {words}\n  {place}")
        else:
            log.tell("summary", {"sources": len(outcomes), "summary": str(place), **counts})
        failed = [outcome.name for outcome in outcomes if outcome.status == "failed"]
        if failed:
            hint = "what is finished stays; run the same command again"
            problem = f"{len(failed)} of {len(outcomes)} sources failed"
            raise DataError(place, problem, found=", ".join(failed[:5]), hint=hint)
    if stop.requested:
        raise typer.Exit(EXIT_CODE)


@contextmanager
def _progress(log: JsonLog | None) -> Iterator[Progress]:
    if log is not None:
        yield log
        return
    with progress("track") as report:
        yield report


@contextmanager
def _errors_told(log: JsonLog | None) -> Iterator[None]:
    """Errors of the package as a record of the log, where there is one."""
    try:
        yield
    except DeptrError as error:
        if log is None:
            raise
        log.tell(str(error), {"exit_code": error.exit_code}, severity="ERROR")
        raise typer.Exit(error.exit_code) from error


def _tell_outcome(outcome: Outcome, log: JsonLog | None) -> None:
    if log is not None:
        severity = "ERROR" if outcome.status == "failed" else "INFO"
        figures = {name: value for name, value in asdict(outcome).items() if name != "status"}
        log.tell(outcome.status, figures, severity=severity)
        return
    for note in outcome.notes:
        typer.echo(f"note: {note}", err=True)
    if outcome.status == "failed":
        typer.echo(f"{outcome.name}: failed: {outcome.error}", err=True)
        return
    found = f"{outcome.frames} frames, {outcome.identities} identities, {outcome.boxes} boxes"
    typer.echo(f"{outcome.name}: {outcome.status}: {found}")


def _tell(run: Run, summary: Summary, log: JsonLog | None, *, to_errors: bool) -> None:
    frames, total = summary.frames, summary.total
    if log is not None:
        for note in summary.notes:
            log.tell(note, {}, severity="WARN")
        figures: dict[str, object] = {
            "frames": frames,
            "identities": len(summary.identities),
            "boxes": summary.boxes,
            "seconds": {stage: round(value, 3) for stage, value in summary.seconds.items()},
            "files": [str(file) for file in summary.files],
            "live": None if run.live is None else run.live.summary(),
        }
        log.tell(summary.status, figures)
        return
    for note in summary.notes:
        typer.echo(f"note: {note}", err=True)
    of_all = f" of {total}" if total and total != frames else ""
    wall = summary.seconds.get("wall", 0.0)
    rate = f", {frames / wall:.0f} frames/s" if wall else ""
    word = {"complete": "tracked", "interrupted": "interrupted after"}.get(summary.status, "stopped after")
    found = f"{len(summary.identities)} identities, {summary.boxes} boxes"
    lines = [f"{word} {frames}{of_all} frames: {found}{rate}"]
    if run.live is not None:
        lines.append(run.live.sentence())
    if summary.status != "complete":
        lines.append("what was done until then is whole:")
    lines += [f"  {file}" for file in summary.files]
    typer.echo("\n".join(lines), err=to_errors)
