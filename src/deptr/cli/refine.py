"""`deptr refine`: a finished result with tracklets merged and gaps filled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deptr.records import DepthKind

if TYPE_CHECKING:
    from deptr.tracking.refinement import Refined, Tracks

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_EPILOG = (
    "Rows that were filled in have the score 0: nothing was detected there. Refining a refined result "
    "changes nothing more, unless --smooth is said."
)


@app.command(epilog=_EPILOG)
def refine(
    tracks: Path = typer.Argument(help="A result in MOT text, or a folder of SEQUENCE.txt files."),
    *,
    output: Path = typer.Option(..., "--output", help="File to write, or folder when TRACKS is one."),
    fps: float | None = typer.Option(
        None, "--fps", help="Frames per second. Default: what run.json beside the result says, else 30."
    ),
    depth_kind: str | None = typer.Option(
        None,
        "--depth-kind",
        help=f"What the depths mean: one of {', '.join(kind.value for kind in DepthKind)}. "
        "Default: what run.json beside the result says, else metric.",
    ),
    max_gap_seconds: float = typer.Option(
        1.0, "--max-gap-seconds", help="Longest time between two detections that is bridged."
    ),
    min_evidence: float = typer.Option(
        5.0,
        "--min-evidence",
        help="Nats by which one object must explain two tracklets better than two objects.",
    ),
    merge: bool = typer.Option(True, "--merge/--no-merge", help="Merge tracklets of one object."),
    fill: bool = typer.Option(True, "--fill/--no-fill", help="Fill gaps."),
    smooth: bool = typer.Option(False, "--smooth", help="Smooth the boxes of detected rows too."),
    json: Path | None = typer.Option(None, "--json", help="The counts as JSON."),
) -> None:
    """Merge tracklets whose depth and motion agree and fill gaps of a finished result, offline."""
    from deptr.cli.results import write_json

    files = _files(tracks, output)
    told = _told(tracks)
    rate = told.get("frames_per_second") if fps is None else fps
    if rate is None:
        rate = 30.0
        typer.echo("note: frame rate not known, 30 is assumed; say --fps", err=True)
    settings = {
        "frame_rate": float(rate),
        "depth_kind": DepthKind.parse(depth_kind or told.get("depth_kind") or DepthKind.METRIC).value,
        "max_gap_seconds": max_gap_seconds,
        "min_evidence": min_evidence,
        "merge": merge,
        "fill": fill,
        "smooth": smooth,
    }
    counts = {}
    for source, target in files:
        counts[source.stem] = _refine_file(source, target, settings)
        typer.echo(f"{source.name}: {_sentence(counts[source.stem])}")
    if len(files) > 1:
        total = {key: sum(count[key] for count in counts.values()) for key in next(iter(counts.values()))}
        typer.echo(f"all {len(files)}: {_sentence(total)}")
    typer.echo(f"wrote {output}")
    if json:
        write_json(json, {"settings": settings, "results": counts})


def _files(tracks: Path, output: Path) -> list[tuple[Path, Path]]:
    """Each result and where its refined one goes."""
    from deptr.cli.results import tell_passed_over
    from deptr.errors import UsageError
    from deptr.evaluation.result_files import result_paths

    if not tracks.is_dir():
        if output.is_dir():
            raise UsageError(f"--output: expected a file, got the folder {output}")
        return [(tracks, output)]
    files = result_paths(tracks)
    tell_passed_over(tracks)
    if output.exists() and not output.is_dir():
        raise UsageError(f"--output: expected a folder, as TRACKS is one, got the file {output}")
    return [(file, output / file.name) for file in files]


def _told(tracks: Path) -> dict[str, Any]:
    """Frame rate and kind of depth as `deptr track` wrote them beside the result."""
    from deptr.errors import DataError
    from deptr.io.run_folder import RUN, TRACKS
    from deptr.io.text_files import read_json

    file = tracks.parent / RUN
    if tracks.name != TRACKS or not file.is_file():
        return {}
    try:
        content = read_json(file)
        return {
            "frames_per_second": content["source"]["frames_per_second"],
            "depth_kind": content["depth"]["kind"],
        }
    except (DataError, KeyError, TypeError) as error:
        hint = "say --fps and --depth-kind in another folder, or track again"
        raise DataError(file, "is not what deptr track writes", found=str(error), hint=hint) from error


def _refine_file(source: Path, target: Path, settings: dict[str, Any]) -> dict[str, int]:
    from deptr.io.mot_text import read_tracks
    from deptr.tracking.refinement import Tracks, refine

    table = read_tracks(source)
    before = Tracks(table.frame, table.track_id, table.xyxy, table.score, table.depth, table.class_id)
    refined = refine(before, **settings)
    _write(target, refined.tracks)
    return _counts(before, refined)


def _counts(before: Tracks, refined: Refined) -> dict[str, int]:
    return {
        "identities_before": len(set(before.track_id.tolist())),
        "identities": len(set(refined.tracks.track_id.tolist())),
        "merged": refined.merged,
        "gaps_filled": refined.gaps,
        "rows_before": len(before),
        "rows_filled": refined.rows,
    }


def _sentence(count: dict[str, int]) -> str:
    return (
        f"{count['identities_before']} identities -> {count['identities']} ({count['merged']} merged), "
        f"{count['gaps_filled']} gaps filled with {count['rows_filled']} rows"
    )


def _write(path: Path, tracks: Tracks) -> None:
    """All rows, or nothing."""
    from deptr.io.tables import TrackTable
    from deptr.io.track_text import write_tracks

    write_tracks(path, TrackTable.of(str(path), **vars(tracks)))
