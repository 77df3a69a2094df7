"""From a clip to what the decoder is asked in each of its frames, through the memory that tracking uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from deptr.boxes import iou
from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.learned.memory import Memory, Recall
from deptr.tracking.learned.observations import SCORE
from deptr.training.identity.detections import NOTHING, Clip


@dataclass(frozen=True)
class AugmentSettings:
    """How histories are spoiled, as a tracker's own mistakes would.

    Attributes:
        switches: Most frames of a clip, as a share, in which neighbours exchange identities (MOTIP).
        switch_noise: Standard deviation added to the GIoU by which neighbours are found (MOTIP2: 0.5).
        switch_depth: Standard deviations in log depth that neighbours may differ by; farther ones are kept.
        hidden: Most observations, as a share, that are not remembered, in stretches.
    """

    switches: float = 0.2
    switch_noise: float = 0.5
    switch_depth: float = 0.25
    hidden: float = 0.3


@dataclass(frozen=True)
class Question:
    """One frame of a clip.

    Attributes:
        frame: Which.
        rows: ``(D,)`` its detections among those of the clip.
        recall: What is remembered; the payload is the row of each observation in the clip.
        targets: ``(D,)`` slot of each detection, K for a newborn.
        slots: ``(D,)`` slot of the true identity of each detection, remembered or not; -1 for nothing.
    """

    frame: int
    rows: IntArray
    recall: Recall
    targets: IntArray
    slots: IntArray


@dataclass(frozen=True)
class Lesson:
    """A clip and what is asked about it.

    Attributes:
        clip: The detections.
        questions: A question for each frame in which something is seen and remembered.
        extents: ``(T, 2)`` of each frame, see `Recall`.
    """

    clip: Clip
    questions: list[Question]
    extents: FloatArray


def lesson(
    clip: Clip,
    rng: np.random.Generator,
    *,
    capacity: int,
    depth: int,
    lost_seconds: float,
    augment: AugmentSettings,
) -> Lesson:
    """What the decoder is asked in each frame of a clip but the first.

    Args:
        clip: Detections with the truth.
        rng: Draws slots and mistakes.
        capacity: Number of identities.
        depth: Observations that are remembered of each.
        lost_seconds: How long an identity is remembered that nobody carries on.
        augment: Mistakes.
    """
    order = rng.permutation(capacity)
    bodies = int(clip.identities.max(initial=0)) + 1
    slot_of = order[:bodies]
    spare = list(order[bodies:])
    least = float(rng.uniform(0.3, 0.7))  # score of a birth
    memory = Memory(capacity, depth, ())
    hidden = _hidden(clip, rng, augment)
    swaps = rng.uniform(0, augment.switches) if rng.random() < 0.5 else 0.0
    found: list[Question] = []
    extents: list[FloatArray] = []
    before: IntArray = np.zeros(0, np.int64)
    for frame, seconds in enumerate(clip.seconds):
        rows = np.flatnonzero(clip.frames == frame)
        memory.forget(np.flatnonzero(memory.unseen(float(seconds)) > lost_seconds))
        recall = memory.begin(float(seconds), clip.seen[rows])
        extents.append(recall.extent)
        own = np.where(clip.identities[rows] == NOTHING, -1, slot_of[np.maximum(clip.identities[rows], 0)])
        alive = memory.alive
        targets = np.where((own >= 0) & alive[np.maximum(own, 0)], own, capacity)
        if len(rows) and len(recall.slots):
            found.append(Question(frame, rows, recall, targets, own))
        taken = own.copy()
        if swaps and rng.random() < swaps:
            taken = _switched(clip, rng, rows, before, slots=taken, augment=augment)
        for place in np.flatnonzero(taken < 0):
            taken[place] = spare.pop() if spare else -1
        bold = clip.seen[rows, SCORE] >= least
        kept = (taken >= 0) & (alive[np.maximum(taken, 0)] | bold) & ~hidden[rows]
        memory.end(taken[kept], clip.seen[rows[kept]], rows[kept].astype(np.float32))
        before = rows
    return Lesson(clip, found, np.array(extents))


def _hidden(clip: Clip, rng: np.random.Generator, augment: AugmentSettings) -> BoolArray:
    """``(M,)`` observations that the memory never sees: a stretch of some identities, and some others."""
    share = rng.uniform(0, augment.hidden)
    hidden = rng.random(len(clip.frames)) < 0.3 * share
    for identity in range(int(clip.identities.max(initial=-1)) + 1):
        if rng.random() < share:
            first = rng.integers(1, len(clip.seconds))
            last = first + rng.integers(1, 6)
            hidden |= (clip.identities == identity) & (clip.frames >= first) & (clip.frames < last)
    return np.asarray(hidden)


def _switched(
    clip: Clip,
    rng: np.random.Generator,
    rows: IntArray,
    before: IntArray,
    *,
    slots: IntArray,
    augment: AugmentSettings,
) -> IntArray:
    """Slots after bodies were taken for their neighbours of the frame before."""
    real, was = np.flatnonzero(clip.identities[rows] != NOTHING), before[clip.identities[before] != NOTHING]
    if len(real) < 2 or len(was) < 2:
        return slots
    now = rows[real]
    likeness = iou(clip.boxes[was], clip.boxes[now]) + augment.switch_noise * rng.normal(
        size=(len(was), len(now))
    )
    apart = np.abs(clip.log_z[was][:, None] - clip.log_z[now]) > augment.switch_depth
    old, new = linear_sum_assignment(-np.where(apart, -10.0, likeness))
    same = {int(clip.identities[row]): slots[place] for place, row in zip(real, now, strict=True)}
    switched = slots.copy()
    claimed: dict[int, int] = {}
    for i, j in zip(old, new, strict=True):
        slot = same.get(int(clip.identities[was[i]]))
        if slot is not None and not apart[i, j]:
            claimed[int(real[j])] = int(slot)
    for place in real:
        switched[place] = claimed.get(int(place), -2)
    left = sorted(set(slots[real].tolist()) - set(switched[real].tolist()))
    for place in real[switched[real] == -2]:
        switched[place] = left.pop()
    return switched
