"""Where two results of the same sequence differ: who is called what in the other one, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from deptr.boxes import iou
from deptr.evaluation.switches import SAME_EVENT_FRAMES
from deptr.io.tables import TrackTable
from deptr.records import IntArray

SAME_BOX = 0.5  # least IoU of two boxes that are taken for the same object
NOBODY = -1


@dataclass(frozen=True)
class Change:
    """One result goes on with an identity where the other takes a new one.

    Attributes:
        frame: Where the other identity is seen first.
        track_id: The identity that goes on.
        before: What the other result called it before.
        after: What it calls it now.
    """

    frame: int
    track_id: int
    before: int
    after: int


def partners(table: TrackTable, other: TrackTable) -> IntArray:
    """Identity in `other` of each row of `table`, ``(N,)``, `NOBODY` where it has no such box.

    Boxes of a frame are paired at most once each, for the largest sum of overlaps.

    Example:
        >>> boxes = [[0, 0, 10, 10], [50, 0, 60, 10]]
        >>> one = TrackTable.of("a", frame=[1, 1], track_id=[1, 2], xyxy=boxes)
        >>> two = TrackTable.of("b", frame=[1], track_id=[8], xyxy=[[50, 1, 60, 11]])
        >>> partners(one, two).tolist()
        [-1, 8]
    """
    found = np.full(len(table), NOBODY, np.int64)
    last = max(table.last_frame, other.last_frame)
    own = np.searchsorted(table.frame, np.arange(1, last + 2))
    theirs = np.searchsorted(other.frame, np.arange(1, last + 2))
    for frame in range(last):
        a, b = slice(own[frame], own[frame + 1]), slice(theirs[frame], theirs[frame + 1])
        overlap = iou(table.xyxy[a], other.xyxy[b])
        if not overlap.size:
            continue
        rows, columns = linear_sum_assignment(-np.where(overlap >= SAME_BOX, overlap, 0.0))
        near = overlap[rows, columns] >= SAME_BOX
        found[own[frame] + rows[near]] = other.track_id[theirs[frame] + columns[near]]
    return found


def changes(table: TrackTable, partner: IntArray) -> list[Change]:
    """Where identities of `table` go on while the other result changes theirs, in the order of frames.

    Args:
        table: A result.
        partner: Its `partners` in the other result.

    Example:
        >>> table = TrackTable.of("a", frame=[1, 2, 3], track_id=[1, 1, 1], xyxy=[[0, 0, 9, 9]] * 3)
        >>> changes(table, np.array([4, NOBODY, 5]))
        [Change(frame=3, track_id=1, before=4, after=5)]
    """
    last: dict[int, int] = {}
    found = []
    for frame, identity, name in zip(
        table.frame.tolist(), table.track_id.tolist(), partner.tolist(), strict=True
    ):
        if name == NOBODY:
            continue
        if last.get(identity, name) != name:
            found.append(Change(frame, identity, last[identity], name))
        last[identity] = name
    return found


def both_changes(
    one: TrackTable, ones_partner: IntArray, two: TrackTable, twos_partner: IntArray
) -> tuple[list[Change], list[Change]]:
    """Changes of `two` where `one` goes on, and those of `one` where `two` goes on, each event once.

    "One's 2 was two's 2 and is two's 6 now" often is "two's 6 was one's 6 and is one's 2 now" as well: then
    it is told as the former.
    """
    first = changes(one, ones_partner)
    told: dict[tuple[int, int], list[int]] = {}
    for change in first:
        told.setdefault((change.track_id, change.after), []).append(change.frame)
    second = [
        change
        for change in changes(two, twos_partner)
        if not any(
            abs(frame - change.frame) <= SAME_EVENT_FRAMES
            for frame in told.get((change.after, change.track_id), ())
        )
    ]
    return first, second
