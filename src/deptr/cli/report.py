"""`deptr report`: a result as one page to look at, alone or beside another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.io.sequence_tracks import SequenceTracks
    from deptr.records import IntArray
    from deptr.viz.report.content import Event, ShownRun

app = typer.Typer(rich_markup_mode=None, add_completion=False)
LARGE = 5_000_000  # bytes, without the video

EPILOG = """\b
Examples:
  deptr report runs/track
  deptr report runs/depth --against runs/plain
  deptr report runs/track --truth MOT17-04/gt/gt.txt --output report.html

\b
The page plays the video that was tracked, from where it lies; where no browser can play it, a copy is
written beside the page. --embed puts it into the page.
"""


@app.command(epilog=EPILOG)
def report(
    source: Path = typer.Argument(..., help="Folder of a run, or a file of tracks in any format."),
    *,
    against: Path | None = typer.Option(
        None, "--against", help="Another result of the same sequence, shown beside it."
    ),
    truth: Path | None = typer.Option(
        None, "--truth", help="Ground truth: marks switches and gives scores. A file, or a sequence's folder."
    ),
    benchmark: str = typer.Option("mot", "--benchmark", help="Whose rules the ground truth follows."),
    video: Path | None = typer.Option(
        None, "--video", help="The images: a video or a folder. Default: what the run says."
    ),
    no_video: bool = typer.Option(False, "--no-video", help="Show no images."),
    embed: bool = typer.Option(False, "--embed", help="Put the video into the page."),
    output: Path | None = typer.Option(
        None, "--output", help="The page. Default: report.html in the run's folder, or beside the file."
    ),
    title: str | None = typer.Option(None, "--title", help="Heading of the page."),
    ids: str | None = typer.Option(None, "--ids", help="Only these identities, separated by commas."),
    fps: float | None = typer.Option(None, "--fps", help="Frames per second, where SOURCE does not say."),
    focal: float | None = typer.Option(None, "--focal", help="Focal length in pixels, for paths in metres."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing page."),
) -> None:
    """Write a page that shows the tracks: video, time line, depth, view from above, switches."""
    from deptr.cli.terminal import progress
    from deptr.cli.track_selection import selected
    from deptr.io.formats import read_sequence
    from deptr.viz.report.content import content_of
    from deptr.viz.report.page import write_page
    from deptr.viz.report.video import page_video

    _check(no_video=no_video, embed=embed, video=video)
    page = output or (source if source.is_dir() else source.parent) / "report.html"
    if page.exists() and not overwrite:
        raise UsageError(f"--output: {page} exists; name another file or give --overwrite")
    first = selected(read_sequence(source), ids=ids, fps=fps, focal=focal)
    results = [first]
    if against is not None:
        results.append(selected(read_sequence(against), fps=fps, focal=focal))
    shown = _runs(results, _labels(source, against, results), truth, benchmark)
    images = None if no_video else video or first.video
    played: dict[str, Any] | None = None
    if images is not None:
        with progress("video") as told:
            played = page_video(images, page, embed=embed, fps=first.fps, progress=told)
    size = write_page(page, content_of(title or first.name, shown, played))
    _tell(page, shown, size, images is None and not no_video, embed)


def _check(*, no_video: bool, embed: bool, video: Path | None) -> None:
    if no_video and (embed or video is not None):
        raise UsageError("--no-video: leave out --embed and --video with it")


def _labels(source: Path, against: Path | None, results: list[SequenceTracks]) -> list[str]:
    """Names of runs: the kind of depth fusion where that tells them apart, else those of their folders."""
    if against is None:
        return [results[0].name]
    modes = [str((result.run.get("fusion") or {}).get("mode", "")) for result in results]
    trackers = [str(result.run.get("tracker", "")) for result in results]
    words = [
        f"{tracker} without depth" if mode == "none" else f"{tracker}, {mode} depth"
        for tracker, mode in zip(trackers, modes, strict=True)
    ]
    if all(modes) and words[0] != words[1]:
        return words
    names = [path.stem if path.is_file() else path.resolve().name for path in (source, against)]
    return names if names[0] != names[1] else [str(source), str(against)]


def _runs(
    results: list[SequenceTracks], labels: list[str], truth: Path | None, benchmark: str
) -> list[ShownRun]:
    from deptr.evaluation.run_differences import partners
    from deptr.viz.report.content import ShownRun

    events: list[list[Event]] = [[] for _ in results]
    pairs: list[IntArray | None] = [None] * len(results)
    if len(results) == 2:
        pairs = [
            partners(results[0].tracks, results[1].tracks),
            partners(results[1].tracks, results[0].tracks),
        ]
        _add_differences(results, pairs, events)
    scores: list[dict[str, float] | None] = [None] * len(results)
    if truth is not None:
        scores = _add_switches(results, truth, benchmark, events)
    return [
        ShownRun(label, result, tuple(found), pair, score)
        for label, result, found, pair, score in zip(labels, results, events, pairs, scores, strict=True)
    ]


def _add_differences(results: list[SequenceTracks], pairs: list[Any], events: list[list[Event]]) -> None:
    """Where one run goes on with an identity and the other does not: told once, of the run that changes."""
    from deptr.evaluation.run_differences import both_changes
    from deptr.viz.report.content import Event

    found = both_changes(results[0].tracks, pairs[0], results[1].tracks, pairs[1])
    for turns, changed in zip((1, 0), found, strict=True):
        for change in changed:
            other = "AB"[1 - turns]
            told = f"{change.before} becomes {change.after}; {other} goes on with {change.track_id}"
            events[turns].append(Event("differs", change.frame, change.before, change.after, told))


def _add_switches(
    results: list[SequenceTracks], truth: Path, benchmark: str, events: list[list[Event]]
) -> list[dict[str, float] | None]:
    """Switches of each run against ground truth, and its scores."""
    from deptr.evaluation.against_truth import judge_run
    from deptr.evaluation.switches import fixed_and_caused
    from deptr.viz.report.content import Event

    judged, two = [judge_run(result, truth, benchmark) for result in results], len(results) == 2
    alone = [found.links.switched for found in judged]
    if two:
        alone = list(fixed_and_caused(judged[0].links, judged[1].links))
    for found, only, listed in zip(judged, alone, events, strict=True):
        links = found.links
        for row in links.switched.nonzero()[0].tolist():
            before, after = int(links.before[row]), int(links.after[row])
            how = "which had another object" if links.swapped[row] else "which is new"
            told = f"object {links.objects[row]} goes from {before} to {after}, {how}"
            listed.append(
                Event("switch", int(links.frames[row]), before, after, told, two and bool(only[row]))
            )
    return [found.scores for found in judged]


def _tell(page: Path, shown: list[ShownRun], size: int, missing: bool, embed: bool) -> None:
    if missing:
        typer.echo("note: the images that were tracked are not found; name them with --video", err=True)
    if size > LARGE and not embed:
        typer.echo(f"note: the page has {size / 1e6:.1f} MB; --ids leaves identities out of it", err=True)
    counts = ", ".join(f"{len(run.sequence.tracks.identities)} identities" for run in shown)
    switches = [event for run in shown for event in run.events if event.kind == "switch"]
    told = f", {len(switches)} switches" if any(run.scores for run in shown) else ""
    typer.echo(f"{page}: {counts}{told}, {size / 1e6:.2f} MB")
