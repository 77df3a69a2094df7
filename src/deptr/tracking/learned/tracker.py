"""Tracking by a small network that was trained on simulated tracks alone."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from deptr.boxes import iou
from deptr.errors import InputWarning, UsageError
from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices, assign
from deptr.tracking.base import Tracker
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.depth.space import DepthSpace
from deptr.tracking.depth.state import DepthState, start_depth
from deptr.tracking.learned.memory import Memory
from deptr.tracking.learned.network import IdentityNetwork, OnnxIdentityNetwork
from deptr.tracking.learned.observations import observe
from deptr.tracking.lifecycle import CONFIRMED, LOST, TENTATIVE
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion, HeightScaledMotion
from deptr.tracking.parameters import number
from deptr.tracking.part import Part, Step


class Identities(Part):
    """Which slot of the memory each track has, and what the network remembers of it.

    Args:
        network: Whose memory it is.

    Attributes:
        slots: ``(T,)``.
        memory: Of all tracks.
        keys: ``(N, L, 2, C)`` what to remember of each of the frame's detections.
    """

    def __init__(self, network: IdentityNetwork) -> None:
        shape = network.shape
        self.memory = Memory(shape.identities, shape.memory, shape.payload)
        self.slots: Indices = np.zeros(0, np.intp)
        self._seen: FloatArray = np.zeros((0, 0))
        self.keys: FloatArray = np.zeros(0)

    def look(self, seen: FloatArray, keys: FloatArray) -> None:
        """The frame's detections, all of them in their order: what to remember of each."""
        self._seen, self.keys = seen, keys

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Remember what these tracks took."""
        self.memory.end(self.slots[rows], self._seen[taken.columns], self.keys[taken.columns])

    def append(self, taken: Measurements) -> None:
        """Give slots to new tracks, in an order that is not that of the detections."""
        slots = np.empty(len(taken), np.intp)
        slots[np.lexsort(taken.boxes.T)] = self.memory.free(len(taken))
        self.slots = np.concatenate([self.slots, slots])
        self.memory.end(slots, self._seen[taken.columns], self.keys[taken.columns])

    def select(self, kept: Indices) -> None:
        """Keep these tracks' slots, empty the others."""
        self.memory.forget(np.setdiff1d(self.slots, self.slots[kept]))
        self.slots = self.slots[kept]

    def warp(self, affine: FloatArray) -> None:
        """The camera moved: its translation; the rest is small within what a memory spans."""
        middle = self.memory.middle()
        self.memory.move(affine[:, :2] @ middle + affine[:, 2] - middle)


class LearnedTracker(Tracker):
    """One association a frame by the identity decoder: log-probabilities in, Hungarian assignment out.

    Its fusion is ``adaptive``, whose settings make no difference here: the network was trained on depths of
    every quality; or ``none``.

    Args:
        network: The decoder: a file that `deptr export` wrote, or an `IdentityNetwork`; None for the one that
            comes with the package.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = LearnedTracker(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    tracker_name = "learned"
    fusion_modes = ("adaptive", "none")

    lost_seconds: float = number(
        default=2.0, low=0, high=3600, help="how long a track that is not seen is remembered"
    )
    min_share: float = number(default=0.1, low=0, high=1, help="least probability of a pair")
    low_share: float = number(
        default=0.9, low=0, high=1, help="least probability of a pair with a detection of a low score"
    )

    def __init__(
        self,
        *,
        depth: DepthFusion | str | None = None,
        frame_rate: float = 30.0,
        network: IdentityNetwork | str | Path | None = None,
        **parameters: Any,
    ) -> None:
        if network is None or isinstance(network, (str, Path)):
            network = OnnxIdentityNetwork(network)
        self._network: IdentityNetwork = network
        super().__init__(depth=depth, frame_rate=frame_rate, **parameters)

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        self._space = DepthSpace()
        self._told_full = False
        super().reset()

    def _new_motion(self) -> BoxMotion:
        return HeightScaledMotion(aspect=True)

    def _new_depth(self) -> DepthState | None:
        """For `tracks` to read; in the association depth is one of the network's inputs."""
        return start_depth(self.fusion, self._motion)

    def _new_parts(self) -> list[Part]:
        self._identities = Identities(self._network)
        return [self._identities]

    def _associate(self, seen: Measurements, boxes: FloatArray, high: Indices, low: Indices) -> Indices:
        rows, memory = self._rows, self._identities.memory
        observed = self._observed(seen)
        columns = np.sort(np.concatenate([high, low]))
        memory.wrap(self._period)
        recall = memory.begin(rows.now, observed[columns])
        self._identities.look(observed, np.zeros((len(seen), *self._network.shape.payload), np.float32))
        if not len(columns):
            return columns
        logits, keys = self._network(observed[columns], self._states(seen, columns), recall)
        self._identities.keys[columns] = keys
        likely = _log_softmax(logits)
        of_tracks = likely[:, self._identities.slots].T
        least = np.where(seen.scores[columns] > self.high_score, self.min_share, self.low_share)
        allowed = np.exp(of_tracks) >= least
        allowed &= (rows.states != TENTATIVE)[:, None] | (seen.scores[columns] > self.high_score)
        if not self.class_agnostic:
            allowed &= rows.classes[:, None] == seen.classes[columns]
        # every allowed pair is better than none: what is less likely than `min_share` is not allowed
        matches = assign(-of_tracks, cost_limit=float(-np.log(1e-6)), allowed=allowed)
        if self._depth is not None:  # whose noise tells how sure the depths of `tracks` are
            candidates = seen.take(columns)
            overlap = iou(boxes, candidates.boxes, period=self._period)
            self._depth.learn(overlap, np.arange(len(rows)), candidates, matches)
        rows.columns[matches.rows] = columns[matches.columns]
        taken = np.zeros(len(seen), bool)
        taken[columns[matches.columns]] = True
        return self._with_room(seen, high[~taken[high]])

    def _recover(self, seen: Measurements, free: Indices) -> Indices:
        """Nobody: who was lost was among those that the network looked at."""
        return free

    def _observed(self, seen: Measurements) -> FloatArray:
        values, stds = self._space.enter(seen.depths, seen.depth_stds, seen.depth_kind)
        if self._depth is None:
            values = np.full(len(seen), np.nan)
        return observe(seen.boxes, seen.scores, values, stds)

    def _states(self, seen: Measurements, columns: Indices) -> FloatArray | None:
        width = self._network.shape.state_width
        if not width:
            return None
        if seen.states is None or seen.states.shape[1] != width:
            found = "none" if seen.states is None else f"{seen.states.shape[1]} numbers each"
            raise UsageError(
                f'data["query_state"]: this decoder reads query states of {width} numbers, got {found}: take '
                "the detector that it was trained with, exported with --states, or the decoder for boxes"
            )
        return seen.states[columns]

    def _with_room(self, seen: Measurements, free: Indices) -> Indices:
        """Those free detections for which there is a slot, the surest first; the others wait."""
        births = free[self.new_score <= seen.scores[free]]
        room = len(self._identities.memory.free(len(births)))
        if len(births) <= room:
            return free
        if not self._told_full:
            self._told_full = True
            capacity = self._identities.memory.capacity
            warnings.warn(
                f"{capacity} identities are remembered, which is all that this decoder can; the least "
                "certain new ones wait",
                InputWarning,
                stacklevel=4,
            )
        return np.sort(births[np.argsort(-seen.scores[births], kind="stable")][:room])

    def _revise(self, step: Step) -> None:
        rows = self._rows
        here, tentative = rows.columns >= 0, rows.states == TENTATIVE
        proven = (rows.scores > self.sure_score) | (rows.matches + 1 >= self.confirm_frames)
        rows.states[here & (~tentative | proven)] = CONFIRMED
        rows.states[~here & ~tentative] = LOST

    def _reported_at_once(self) -> bool:
        return self.confirm_frames == 1 or self._rows.frame_count == 1

    def _kept(self, expired: BoolArray) -> BoolArray:
        rows = self._rows
        return np.asarray(~expired & ((rows.states != TENTATIVE) | (rows.columns >= 0)))


def _log_softmax(logits: FloatArray) -> FloatArray:
    top = logits.max(-1, keepdims=True, initial=-np.inf)
    shifted = logits - top
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))
