"""`deptr experiment depth-sources`: what each source of depth is worth on the same detections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.cli.results import show, words_of, write_report
from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.evaluation.tables import Table
    from deptr.experiments.depth_sources import SourceWorth

app = typer.Typer(add_completion=False)

INTRO = """The same detections, each time with the depth of another [source](../sources.md): {count} synthetic
sequences, {frames} frames in all. That is small: read the intervals, not the last digit.

| | |
|:--|:--|
| none | boxes alone |
| exact | the true depth of each body, as `det.txt` has it |
| map | the exact depth map, read by `deptr.depth_in_boxes` without masks |
| sensor | the same map with the noise, holes and edges of a stereo camera (`DepthSensor`), read alike |
| pseudo | boxes and the ground plane |
| network | the bundled detector asked about the boxes: relative depth |

`known`: share of the detections on people that have a depth. `error`: their median relative error after the
sequence's common scale. `order`: share of overlapping pairs whose order is right; it shows what the median
hides, depths of the wrong person. `ms/frame`: processor time that depth adds to a frame, without reading
files or images. `adds`: HOTA against the same tracker without depth, with the 95 % interval of a paired
bootstrap over sequences.

The page of the documentation is made by

    deptr synth --sequences 3 --frames 100 --jitter 0.05 --output runs/sources
    deptr experiment depth-sources --root runs/sources --output docs/results/depth-sources.md
"""


@app.command("depth-sources")
def depth_sources(
    *,
    root: Path = typer.Option(..., "--root", help="Folder written by deptr synth."),
    sources: str = typer.Option(
        "none,exact,map,sensor,pseudo,network", "--sources", help="Separated by commas; none comes first."
    ),
    trackers: str = typer.Option("bytetrack,likelihood", "--trackers", help="Separated by commas."),
    fusion: str = typer.Option("adaptive", "--fusion", help="As for deptr track."),
    output: Path = typer.Option(Path("runs/depth-sources.md"), "--output", help="Markdown report to write."),
) -> None:
    """Gain, cost and error of each source of depth on a synthetic world."""
    from deptr.cli.terminal import progress
    from deptr.evaluation.methods import our_method
    from deptr.experiments.depth_sources import measure_sources
    from deptr.io.sequences import benchmark_of, find_sequences

    words = list(dict.fromkeys(words_of(sources, "--sources")))
    if words[0] != "none":
        raise UsageError(f"--sources: expected none first, which the others are measured by, got {sources!r}")
    entry = benchmark_of("mot")
    methods = [our_method(word, fusion, entry.family) for word in words_of(trackers, "--trackers")]
    recordings = find_sequences(entry, root)
    with progress("depth-sources") as told:
        found = measure_sources(entry, recordings, sources=words, methods=methods, progress=told)
    table = _table(found, [method.tracker for method in methods], fusion)
    show(table)
    frames = sum(recording.length for recording in recordings)
    intro = INTRO.format(count=len(recordings), frames=frames)
    write_report(output, "Sources of depth", intro, [table])


def _table(found: Sequence[SourceWorth], trackers: Sequence[str], fusion: str) -> Table:
    from deptr.evaluation.bootstrap import paired_bootstrap
    from deptr.evaluation.judge import combine
    from deptr.evaluation.tables import Table, figure

    heads = [head for tracker in trackers for head in (f"{tracker} HOTA", f"{tracker} adds")]
    table = Table(
        f"HOTA with {fusion} fusion", ["depth", "known %", "error %", "order %", "ms/frame", *heads]
    )
    base = found[0].scores
    for worth in found:
        depths = worth.quality
        row = [
            worth.source,
            *(figure(100 * share, 1) for share in (depths.known, depths.error, depths.order)),
        ]
        row.append(figure(worth.milliseconds))
        for tracker in trackers:
            scores = worth.scores[tracker]
            gain = "" if worth is found[0] else str(paired_bootstrap(scores, base[tracker]))
            row += [figure(combine(scores)["HOTA"]), gain]
        table.rows.append(row)
    return table
