"""`deptr experiment depth-quality`: how good a stream of depths is, against true depth where there is any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.cli.results import BENCHMARK_HELP, ROOT_HELP, numbers_of, show, words_of, write_report

if TYPE_CHECKING:
    from deptr.evaluation.corruption import Corruption
    from deptr.evaluation.depth_quality import DepthQuality
    from deptr.evaluation.tables import Table
    from deptr.records import DepthKind, FloatArray

app = typer.Typer(add_completion=False)

INTRO = """Detections on scored objects. Flicker is the noise from frame to frame as a relative standard
deviation; jumps are frames per 1000 in which the depths of all objects change together by more than 10 %;
drift is the relative change of scale against truth from the first to the last third; error is the median
relative error after the sequence's common scale (bias) is taken out; order is the share of overlapping pairs
whose order is right, close: of those within 15 % of each other. A dash: nothing to measure, such as no
truth."""
SHARES = ("known", "flicker", "drift", "error", "bias", "order", "order_close")
WHOLE = ("matched", "pairs")
POINTS = 1500


@app.command("depth-quality")
def depth_quality(
    names: list[str] = typer.Argument(help=f"Benchmarks: {BENCHMARK_HELP}"),
    *,
    root: Path = typer.Option(..., "--root", help=ROOT_HELP),
    strides: str = typer.Option("1", "--strides", help="Keep every k-th frame, for each k."),
    corruptions: str = typer.Option(
        "clean", "--corruptions", help="clean, noise:S, shuffle, constant, drift:S, missing:P."
    ),
    depth_kind: str = typer.Option("", "--depth-kind", help="metric, relative, relative_inverse or pseudo."),
    output: Path = typer.Option(Path("runs/depth-quality"), "--output", help="Folder for table and plot."),
) -> None:
    """Flicker, drift, order at overlaps and scale jumps of the depths that detections carry."""
    from deptr.cli.terminal import progress
    from deptr.evaluation import plots
    from deptr.evaluation.corruption import Corruption
    from deptr.evaluation.tables import write_csv
    from deptr.records import DepthKind

    kind = DepthKind.parse(depth_kind) if depth_kind else None
    ways = [Corruption.parse(word) for word in words_of(corruptions, "--corruptions")]
    jobs = [(name, way, k) for name in names for way in ways for k in numbers_of(strides, "--strides")]
    tables, panels = [], {}
    with progress("depth-quality") as told:
        for done, (name, way, stride) in enumerate(jobs, 1):
            table, points = _measure(name, root, way, stride, kind)
            tables.append(table)
            if points.shape[1]:
                panels[table.title] = (points[0], points[1])
            told.update(done, len(jobs))
    for table in tables:
        show(table)
    images = []
    if panels:
        images = [output / "depth-quality.png"]
        plots.scatter(images[0], panels, x_label="true depth", y_label="depth of the detection")
    write_csv(output / "depth-quality.csv", tables)
    write_report(output / "depth-quality.md", "Quality of depth", INTRO + "\n", tables, images=images)


def _measure(
    name: str, root: Path, way: Corruption, stride: int, kind: DepthKind | None
) -> tuple[Table, FloatArray]:
    """Table of one benchmark, and some pairs of true and seen depth ``(2, N)``."""
    import numpy as np

    from deptr.evaluation.cells import detections_of
    from deptr.evaluation.depth_quality import DepthQuality, match, quality
    from deptr.evaluation.grid import scored_sequences
    from deptr.evaluation.tables import Table
    from deptr.io.sequences import benchmark_of

    entry = benchmark_of(name)
    title = f"{name}, depth {way}" + (f", 1 frame in {stride}" if stride > 1 else "")
    heads = [f"{head} %" if head in SHARES else head for head in DepthQuality.names()]
    table = Table(title, ["sequence", *heads])
    known, parts = [], []
    for sequence in scored_sequences(entry, root)[0]:
        thin = sequence.strided(stride)
        detections = detections_of(entry, thin, corruption=way, depth_kind=kind)
        matched = match(entry, thin, detections)
        parts.append(quality(matched, thin.length))
        table.rows.append([sequence.name, *_row(parts[-1])])
        both = np.isfinite(matched.depth) & np.isfinite(matched.true_depth)
        known.append(np.exp(np.stack([matched.true_depth[both], matched.depth[both]])))
    table.rows.append(["median, or sum", *_row(DepthQuality.typical(parts))])
    points = np.concatenate(known, axis=1)
    return table, points[:, np.random.default_rng(0).permutation(points.shape[1])[:POINTS]]


def _row(figures: DepthQuality) -> list[str]:
    from deptr.evaluation.tables import figure

    row = []
    for name in figures.names():
        value = float(getattr(figures, name))
        row.append(figure(100 * value) if name in SHARES else figure(value, 0 if name in WHOLE else 2))
    return row
