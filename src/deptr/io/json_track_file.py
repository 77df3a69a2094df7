"""A whole table of tracks as JSON lines, the records that a run streams."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deptr.files import atomic_write
from deptr.io.json_lines import frame_record, json_line
from deptr.io.sequence_tracks import SequenceTracks


def write_json_lines(path: str | Path, sequence: SequenceTracks) -> None:
    """Write a line for each frame, those without a track too.

    Raises:
        DataError: It cannot be written.
    """
    import supervision as sv

    table = sequence.tracks
    frames = np.arange(1, sequence.length + 1)
    starts = np.searchsorted(table.frame, np.append(frames, sequence.length + 1))
    kind = {} if sequence.depth_kind is None else {"depth_kind": sequence.depth_kind.value}
    times = np.nan_to_num(sequence.seconds_of(frames))
    with atomic_write(path) as file:
        for place, frame in enumerate(frames.tolist()):
            rows = slice(int(starts[place]), int(starts[place + 1]))
            found = sv.Detections(
                table.xyxy[rows],
                confidence=table.score[rows],
                class_id=table.class_id[rows],
                tracker_id=table.track_id[rows],
                data={"depth": table.depth[rows], "depth_std": table.depth_std[rows]},
                metadata=dict(kind),
            )
            record = frame_record(frame, float(times[place]), found, class_names=sequence.class_names)
            file.write(json_line(record))
