"""Labels of a finished sequence whose boxes have changed since: only the changed frames are made anew.

The depth of a frame needs its window, and the end of the window before for the seam; their scale and shift
are in the labels' description. So a changed frame costs one or two windows of depth and its own masks, and
its labels are the same bytes as if the whole sequence were labelled again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from deptr.io.labels import FrameLabels, SequenceLabels
from deptr.teacher.boxes import SequenceBoxes
from deptr.teacher.frames import BoxedFrame
from deptr.teacher.rows import LabelOptions, Teachers, label_frames, unreadable_rows
from deptr.teacher.video_depth_windows import window_of, windows_of


def changed_frames(rows: FrameLabels, boxes: SequenceBoxes) -> list[int]:
    """Numbers of the frames whose boxes, identities, classes or order differ from the labelled ones."""
    same = (
        np.array_equal(rows.frame, boxes.frame)
        and np.array_equal(rows.object_id, boxes.object_id)
        and np.array_equal(rows.class_id, boxes.class_id)
        and np.array_equal(rows.boxes_xyxy, boxes.boxes_xyxy)
    )
    if same:
        return []
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
