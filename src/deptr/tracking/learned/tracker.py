"""Tracking by a small network that was trained on simulated tracks alone."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import InputWarning, UsageError
from deptr.records import FloatArray
from deptr.tracking.assignment import Indices, Matches, assign
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.depth.space import DepthSpace
from deptr.tracking.learned.memory import Memory, Recall
from deptr.tracking.learned.network import IdentityNetwork, OnnxIdentityNetwork
from deptr.tracking.learned.observations import observe
from deptr.tracking.learned.witness import Witness
from deptr.tracking.lifecycle import TENTATIVE
from deptr.tracking.likelihood.adaptive import AdaptiveTracker
from deptr.tracking.likelihood.looks import Looks
from deptr.tracking.measurements import Measurements
from deptr.tracking.parameters import number
from deptr.tracking.part import Part


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


class LearnedTracker(AdaptiveTracker):
    """One association a frame by the identity decoder: log-probabilities in, Hungarian assignment out.

    Filters with learned noise say which boxes to report, which scores to trust and what depth is worth: the
    network is shown depth once clear pairs have shown that it tells objects apart and says more than the box.

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
    reads_looks = True

    min_share: float = number(default=0.1, low=0, high=1, help="least probability of a pair")
    low_share: float = number(
        default=0.3, low=0, high=1, help="least probability of a pair with a detection of a low score"
    )
    filter_share: float = number(
        default=0.25, low=0, high=1, help="share of the filters' evidence that counts beside the network's"
    )
    looks_share: float = number(
        default=2.0, low=0, high=10, help="weight of what looks say, where detections carry embeddings"
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

    def _new_parts(self) -> list[Part]:
        self._identities, self._looks = Identities(self._network), Looks(self.high_score)
        return [self._identities, self._looks]

    def _associate(self, seen: Measurements, boxes: FloatArray, high: Indices, low: Indices) -> Indices:
        rows, memory = self._rows, self._identities.memory
        observed = self._observed(seen)
        columns = np.sort(np.concatenate([high, low]))
        memory.wrap(self._period)
        recall = memory.begin(rows.now, observed[columns])
        if recall.shift.any():
            self._motion.shift(recall.shift)
            rows.boxes = rows.boxes + np.tile(recall.shift, 2)
        self._identities.look(observed, np.zeros((len(seen), *self._network.shape.payload), np.float32))
        witness = Witness(self._motion, self._population, seen, self._period)
        self._judge_scores(seen.scores, witness.fitting)
        matches = self._matches(seen, observed, columns, recall, witness)
        self._doubtful[self._looks.vouched(matches.rows, matches.columns, seen.embeddings)] = False
        states, clear = witness.learn(matches, seen.scores >= self.high_score, self._looks)
        self._take(matches.rows, matches.columns, states, clear)
        return self._with_room(seen, np.setdiff1d(high, matches.columns))

    def _matches(
        self, seen: Measurements, observed: FloatArray, columns: Indices, recall: Recall, witness: Witness
    ) -> Matches:
        """Tracks and those of the detections that carry them on, in the eyes of the network."""
        rows, high = self._rows, seen.scores[columns] > self.high_score
        if not len(columns):
            return Matches(columns, columns)
        logits, keys = self._network(observed[columns], self._states(seen, columns), recall)
        self._identities.keys[columns] = keys
        slots = self._identities.slots
        logits[:, slots] += self.filter_share * witness.evidence()[:, columns].T
        logits[:, slots] += self._by_looks(seen, columns)
        of_tracks = _log_softmax(logits)[:, slots].T
        allowed = np.exp(of_tracks) >= np.where(high, self.min_share, self.low_share)
        allowed &= (rows.states != TENTATIVE)[:, None] | high
        if not self.class_agnostic:
            allowed &= rows.classes[:, None] == seen.classes[columns]
        # every allowed pair is better than none: what is less likely than `min_share` is not allowed
        found = assign(-of_tracks, cost_limit=float(-np.log(1e-6)), allowed=allowed)
        return Matches(found.rows, columns[found.columns])

    def _by_looks(self, seen: Measurements, columns: Indices) -> FloatArray:
        """``(D, T)`` nats that looks say of each pair, as far as they have earned a say."""
        shape = len(columns), len(self._rows)
        weight = self.looks_share * self._looks.worth.trust
        place, rows = np.indices(shape).reshape(2, -1)
        said = self._looks.ratios(rows, columns[place], seen.embeddings) if weight else None
        return np.zeros(shape) if said is None else weight * np.nan_to_num(said).reshape(shape)

    def _observed(self, seen: Measurements) -> FloatArray:
        values, stds = self._space.enter(seen.depths, seen.depth_stds, seen.depth_kind)
        if self._motion.depth_trust <= 0:
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


def _log_softmax(logits: FloatArray) -> FloatArray:
    top = logits.max(-1, keepdims=True, initial=-np.inf)
    shifted = logits - top
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))
