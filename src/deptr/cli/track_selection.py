"""Which tracks of a result a command takes, and under which numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deptr.cli.results import words_of
from deptr.errors import UsageError
from deptr.io.frame_source import check_rate
from deptr.io.sequence_tracks import SequenceTracks


def selected(
    sequence: SequenceTracks,
    *,
    ids: str | None = None,
    renumber: bool = False,
    fps: float | None = None,
    focal: float | None = None,
    images: Path | None = None,
) -> SequenceTracks:
    """The wanted identities of a sequence, renumbered after that, and what the user adds to what it says.

    Raises:
        UsageError: An identity is not there, or a number cannot be meant.
    """
    check_rate(fps)
    if focal is not None and not focal > 0:
        raise UsageError(f"--focal: expected a positive number of pixels, got {focal:g}")
    if images is not None and not images.exists():
        raise UsageError(f"--images: there is no {images}")
    tracks = sequence.tracks
    if ids is not None:
        wanted = words_of(ids, "--ids")
        known = set(tracks.identities.tolist())
        strange = [word for word in wanted if not word.isdecimal() or int(word) not in known]
        if strange:
            raise UsageError(f"--ids: {tracks.source} has no identity {', '.join(strange)}")
        tracks = tracks.of_identities(map(int, wanted))
    if renumber:
        tracks = tracks.renumbered()
    return replace(
        sequence,
        tracks=tracks,
        fps=fps or sequence.fps,
        focal_px=focal or sequence.focal_px,
        video=images or sequence.video,
    )
