"""Whole tables of tracks as MOT text: results with the depth behind, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deptr.files import atomic_write
from deptr.io.kitti_text import looks_like_kitti, read_kitti_tracks
from deptr.io.mot_text import format_tracks, read_tracks
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.io.text_files import read_text
from deptr.records import DepthKind


def write_tracks(path: str | Path, table: TrackTable) -> None:
    """Write what `TrackWriter` writes, of a whole table.

    Raises:
        DataError: It cannot be written.

    Example:
        >>> table = TrackTable.of("memory", frame=[1], track_id=[7], xyxy=[[0, 0, 4, 8.5]], depth=[2.5])
        >>> file = getfixture("tmp_path") / "tracks.txt"
        >>> write_tracks(file, table)
        >>> file.read_text().strip()
        '1,7,0.000,0.000,4.000,8.500,1.00000,-1,-1,-1,2.5'
    """
    import supervision as sv

    frames, starts, sizes = np.unique(table.frame, return_index=True, return_counts=True)
    with atomic_write(path) as file:
        for frame, start, size in zip(frames.tolist(), starts, sizes, strict=True):
            rows = slice(start, start + size)
            found = sv.Detections(
                table.xyxy[rows],
                confidence=table.score[rows],
                class_id=table.class_id[rows],
                tracker_id=table.track_id[rows],
                data={"depth": table.depth[rows]},
            )
            file.write(format_tracks(frame, found))


def write_text(path: str | Path, sequence: SequenceTracks) -> None:
    """Tracks of a sequence as MOT text; what else is known of it is not kept."""
    write_tracks(path, sequence.tracks)


def read_text_tracks(path: str | Path) -> SequenceTracks:
    """Tracks of MOT or KITTI text, whichever it is.

    Raises:
        DataError: It is neither.
    """
    if looks_like_kitti(read_text(path)):
        return SequenceTracks(Path(path).stem, read_kitti_tracks(path), depth_kind=DepthKind.METRIC)
    return SequenceTracks(Path(path).stem, read_tracks(path))
