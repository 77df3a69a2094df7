"""Labels of a finished sequence whose boxes have changed since: only the changed frames are made anew.

The depth of a frame needs its window, and the end of the window before for the seam; their scale and shift
are in the labels' description. So a changed frame costs one or two windows of depth and its own masks, and
its labels are the same bytes as if the whole sequence were labelled again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from deptr.io.labels import CORNERS, FrameLabels, SequenceLabels, Validity, open_parquet
from deptr.teacher.boxes import SequenceBoxes
from deptr.teacher.frames import BoxedFrame
from deptr.teacher.rows import LabelOptions, Teachers, label_frames, unreadable_rows
from deptr.teacher.video_depth_windows import window_of, windows_of


def has_these_boxes(path: Path, boxes: SequenceBoxes) -> bool:
    """Whether a label file is of exactly these boxes; one group of its rows is in memory at a time."""
    file = open_parquet(path)
    if file.metadata.num_rows != len(boxes.frame):
        return False
    start = 0
    for group in range(file.metadata.num_row_groups):
        table = file.read_row_group(group, columns=["frame", "object_id", "class_id", *CORNERS])
        place = slice(start, start + len(table))
        start += len(table)
        corners = np.stack([table[name].to_numpy() for name in CORNERS], axis=1)
        pairs = (
            (table["frame"].to_numpy(), boxes.frame[place]),
            (table["object_id"].to_numpy(), boxes.object_id[place]),
            (table["class_id"].to_numpy(), boxes.class_id[place]),
            (corners, boxes.boxes_xyxy[place]),
        )
        if not all(np.array_equal(old, new) for old, new in pairs):
            return False
    return True


def count_labels(path: Path) -> tuple[int, int]:
    """Number of rows of a label file, and of those whose depth may be learnt from."""
    file = open_parquet(path)
    groups = range(file.metadata.num_row_groups)
    parts = (file.read_row_group(group, columns=["validity"])["validity"].to_numpy() for group in groups)
    return file.metadata.num_rows, sum(int((part == Validity.GOOD).sum()) for part in parts)


def changed_frames(rows: FrameLabels, boxes: SequenceBoxes) -> list[int]:
    """Numbers of the frames whose boxes, identities, classes or order differ from the labelled ones."""
    labelled = SequenceBoxes("labels", rows.frame, rows.object_id, rows.class_id, rows.boxes_xyxy)
    changed = []
    for frame in np.union1d(rows.frame, boxes.frame):
        old, new = labelled.at(int(frame)), boxes.at(int(frame))
        if not (
            np.array_equal(old.boxes_xyxy, new.boxes_xyxy)
            and np.array_equal(old.object_id, new.object_id)
            and np.array_equal(old.class_id, new.class_id)
        ):
            changed.append(int(frame))
    return changed


def repair(
    labels: SequenceLabels,
    changed: list[int],
    frames: Iterable[BoxedFrame],
    boxes: SequenceBoxes,
    *,
    teachers: Teachers,
    options: LabelOptions,
) -> SequenceLabels:
    """Labels with the changed frames made anew.

    Args:
        labels: As they are.
        changed: Numbers of the frames to make anew.
        frames: All frames of the sequence, with their new boxes.
        boxes: The new boxes.
        teachers: The ones that made `labels`.
        options: Likewise.
    """
    unreadable = set(labels.info.unreadable)
    fresh = {frame: unreadable_rows(frame, boxes.at(frame)) for frame in changed if frame in unreadable}
    places = {frame: _place(frame, labels.info.unreadable) for frame in changed if frame not in unreadable}
    wanted = {window_of(place) for place in places.values()}
    before = {window - 1 for window in wanted if window} if teachers.depth.across_windows else set()
    session = teachers.depth.open()
    for window in windows_of(frames, sorted(wanted | before)):
        fit = labels.info.fits[window.number] if labels.info.fits else None
        depth = session.push(window, fit)
        if window.number not in wanted:
            continue
        chosen = [
            place
            for place, frame in enumerate(window.final)
            if teachers.masks.across_frames or frame.index in places
        ]
        frames_here = [window.final[place] for place in chosen]
        rows = label_frames(frames_here, [depth.maps[place] for place in chosen], teachers, options)
        fresh |= {frame.index: labelled for frame, labelled in zip(frames_here, rows, strict=True)}
    return replace(labels, rows=_spliced(labels.rows, fresh))


def _place(frame: int, unreadable: tuple[int, ...]) -> int:
    """Place of a readable frame among the readable ones, from 0."""
    return frame - 1 - sum(number < frame for number in unreadable)


def _spliced(rows: FrameLabels, fresh: Mapping[int, FrameLabels]) -> FrameLabels:
    """Rows with those of some frames replaced, frames ascending."""
    kept = rows.select(~np.isin(rows.frame, list(fresh)))
    joined = FrameLabels.join([kept, *(fresh[frame] for frame in sorted(fresh))])
    return joined.select(np.argsort(joined.frame, kind="stable"))
