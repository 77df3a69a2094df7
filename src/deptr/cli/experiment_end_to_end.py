"""`deptr experiment end-to-end`: does depth help a tracker that predicts identities from queries?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.cli.extras import need
from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.evaluation.tables import Table

app = typer.Typer(add_completion=False)
_NEEDS = ("torch", "transformers", "accelerate")


@app.command("end-to-end")
def end_to_end(
    *,
    output: Path = typer.Option(Path("runs/end-to-end"), "--output", help="Folder; what is there is kept."),
    detector: str = typer.Option(..., "--detector", help="Checkpoint folder of the released detector."),
    start: str = typer.Option(
        "backbone",
        "--start",
        help="Of both detectors: backbone (ImageNet), its file, or a checkpoint folder.",
    ),
    decoder: str = typer.Option("", "--decoder", help="Decoder for boxes that all arms start from."),
    scratch: Path | None = typer.Option(
        None, "--scratch", help="Folder for pictures, 10 GB; else in output."
    ),
    budget_seconds: float = typer.Option(0, "--budget-seconds", help="Time before the evaluation; 0: any."),
    scenes: int = typer.Option(300, "--scenes", min=4, help="Rendered training clips."),
    seeds: int = typer.Option(5, "--seeds", min=1, help="Decoders of each arm."),
    steps: int = typer.Option(4000, "--steps", min=1, help="Most steps of the decoders."),
    detector_steps: int = typer.Option(1200, "--detector-steps", min=1, help="Most steps of both detectors."),
    workers: int = typer.Option(2, "--workers", min=1, help="Processes."),
    tests: int = typer.Option(0, "--tests", min=0, help="Sequences tracked, levels in turn; 0: all."),
    test_frames: int = typer.Option(0, "--test-frames", min=0, help="Frames of each; 0: all."),
    parts: str = typer.Option(
        "own,arms", "--parts", help="own: the detector's own detections, tracked. arms: the six arms."
    ),
    evaluate: bool = typer.Option(True, "--evaluate/--no-evaluate", help="Track the benchmark at the end."),
    strides: str = typer.Option("4,1", "--strides", help="Keep every k-th frame, for each k."),
    report: Path | None = typer.Option(None, "--report", help="Markdown file to write."),
) -> None:
    """Six arms of identity decoders on queries, with and without depth, on crowds with the same boxes."""
    need("this experiment", "train", *_NEEDS)
    from deptr.cli.terminal import progress
    from deptr.experiments.end_to_end.arms import Budget
    from deptr.experiments.end_to_end.run import Places, look_at_tests, teach

    chosen = {word.strip() for word in parts.split(",")}
    if not chosen or chosen - {"own", "arms"}:
        raise UsageError(f"--parts: expected own, arms or both, got {parts!r}")

    places = Places(output, scratch or output / "scratch", detector, start, decoder)
    budget = Budget(
        seconds=budget_seconds,
        scenes=scenes,
        seeds=seeds,
        decoder_steps=steps,
        detector_steps=detector_steps,
        workers=workers,
        tests=tests,
        test_frames=test_frames,
    )
    with progress("end-to-end") as told:
        (teach if "arms" in chosen else look_at_tests)(places, budget, progress=told)
    if evaluate:
        _evaluate(output, chosen, strides, workers, report)


def _evaluate(output: Path, parts: set[str], strides: str, workers: int, report: Path | None) -> None:
    from deptr.cli.results import numbers_of, show, write_report
    from deptr.cli.terminal import progress
    from deptr.experiments.end_to_end.curves import curve_tables
    from deptr.experiments.end_to_end.evaluation import INTRO, OWN_INTRO, end_to_end_tables
    from deptr.experiments.end_to_end.likeness import likeness_table
    from deptr.experiments.end_to_end.own import own_tables

    kept = numbers_of(strides, "--strides")
    tables: list[Table] = []
    if "own" in parts:
        with progress("own detections") as told:
            tables += own_tables(output, kept, workers=workers, progress=told)
        tables.append(likeness_table(output))
    if "arms" in parts:
        with progress("given boxes") as told:
            tables += end_to_end_tables(output, kept, workers=workers, progress=told)
        tables += curve_tables(output)
    for table in tables:
        show(table)
    if report is not None and "arms" in parts:
        write_report(report, "Depth in end-to-end tracking", INTRO, tables)
    elif report is not None:
        write_report(report, "The detector's own detections, tracked", OWN_INTRO, tables)
