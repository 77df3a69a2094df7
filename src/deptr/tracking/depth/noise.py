"""How good this video's depth is, learned while tracking from pairs that boxes alone make certain."""

from __future__ import annotations

import math

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.depth.redundancy import Redundancy

FIRST_NOISE = 0.15  # in filter space: first guess of both noises, which says nothing yet
SMALLEST_NOISE = 0.02  # in filter space: clear pairs underestimate the noise of those that matter
COVERED_VARIANCE = 0.11**2  # first guess of the variance that being covered wholly adds
CLEAR_SHARE = 0.1  # a detection covered less than this teaches the noise in the open
USEFUL, TELLING = 1.5, 2.5  # log ratio to the control: depth advises from one, tells from the other
CORE_SHARE = 0.68  # of the recent pairs make the noise: some of the others are errors of the boxes
CORE_SQUARE = 0.989  # of a standard normal, that share of its squares is smaller
RECENT_PAIRS, GUESSED_PAIRS = 200, 6  # how many are remembered, and how many are made up besides
SMALLEST_SCALE = 0.05  # of the noise, however well depths have agreed
TAIL_GATE = 9.0  # squared standard deviations from which on a difference is none of most others'
GUESSED_TAIL, TAIL_WEIGHT = 0.1, 100  # first guess of their share, and for how many pairs it counts
SMALLEST_GAIN = 0.01  # mean gain of IoU from which on motion in space counts for more than advice
ENOUGH_PAIRS = 55.0  # from which on a small gain is believed, the ten of two guesses included


class RunningMean:
    """A mean that starts at a guess, follows what is measured and forgets what is old.

    Args:
        initial: Guess.
        weight: How many measurements the guess counts for.
        memory: How many measurements are remembered: older ones fade.

    Example:
        >>> mean = RunningMean(1.0, weight=1.0, memory=100.0)
        >>> mean.add(np.array([4.0]), np.array([1.0]))
        >>> mean.value
        2.5
    """

    def __init__(self, initial: float, *, weight: float, memory: float) -> None:
        self.value = initial
        self.weight = weight
        self.memory = memory

    def add(self, values: FloatArray, weights: FloatArray) -> None:
        """Take in measurements with a weight each."""
        total = float(weights.sum())
        if total <= 0:
            return
        mean = float((values * weights).sum()) / total
        self.value += (mean - self.value) * total / (self.weight + total)
        self.weight = min(self.weight + total, self.memory)


class RecentPairs:
    """What depth said of the latest pairs that boxes alone chose, and of the same with depths handed on.

    Shares of the pairs are looked at, not means: where objects overlap, a tenth of what boxes choose is
    wrong. What the filter foresees is right but for a factor, smaller for most pairs than for the rest; it
    is taken from pairs with a rival, because those that stand free underestimate it.

    Attributes:
        scale: Variance of most differences, as a multiple of what the filter foresees.
        tail_scale: The same of the others.
        tail_share: How many those are.

    Example:
        >>> recent = RecentPairs()
        >>> rng = np.random.default_rng(0)
        >>> own, control = 0.01 * rng.standard_normal(300), 0.5 * rng.standard_normal(300)
        >>> recent.add(own**2, np.full(300, 0.05**2), control**2, np.ones(300, bool))
        >>> round(recent.scale, 2), recent.tail_share < 0.05, recent.log_ratio() > 5
        (0.05, True, True)
    """

    def __init__(self) -> None:
        self._own: FloatArray = np.zeros(0)
        self._control: FloatArray = np.zeros(0)
        self._squares: FloatArray = np.zeros(0)
        self.scale, self.tail_scale, self.tail_share = 1.0, TAIL_GATE, GUESSED_TAIL

    def add(self, own: FloatArray, foreseen: FloatArray, control: FloatArray, contested: BoolArray) -> None:
        """Take pairs in, ``(N,)`` each.

        Args:
            own: Squared difference of the detection's depth from what its track foresees.
            foreseen: Variance that the filter gives this difference.
            control: Squared difference with the depth of another detection of the frame instead.
            contested: Whether another box overlaps either side.
        """
        self._own = np.concatenate([self._own, own])[-RECENT_PAIRS:]
        self._control = np.concatenate([self._control, control])[-RECENT_PAIRS:]
        if not contested.any():
            return
        fresh = own[contested] / foreseen[contested]
        squares = self._squares = np.concatenate([self._squares, fresh])[-RECENT_PAIRS:]
        self.scale = max(_core_variance(squares, 1.0), SMALLEST_SCALE)
        gate = TAIL_GATE * self.scale
        tail, guessed = squares[squares > gate], GUESSED_TAIL * TAIL_WEIGHT
        self.tail_share = (len(tail) + guessed) / (len(squares) + TAIL_WEIGHT)
        self.tail_scale = (tail.sum() + guessed * gate) / (len(tail) + guessed)

    def log_ratio(self) -> float:
        """How much less depths differ from their own tracks than wrong ones do, less two standard errors."""
        own, control = (_core_variance(each, FIRST_NOISE**2) for each in (self._own, self._control))
        doubt = 2 * math.sqrt(2 / (len(self._own) + 1))
        return math.log(max(control, 1e-9) / max(own, 1e-6)) - doubt


def _core_variance(squares: FloatArray, guess: float) -> float:
    """Variance of most values, of which squares are given; a few more are made up from a guess."""
    every = np.empty(len(squares) + GUESSED_PAIRS)
    every[:GUESSED_PAIRS] = guess * CORE_SQUARE
    every[GUESSED_PAIRS:] = squares
    place = int(CORE_SHARE * len(every))
    every.partition(place)
    return float(every[place]) / CORE_SQUARE


class DepthNoise:
    """What was learned of a video's depth, in filter space.

    Args:
        learns: Whether anything is to be learned.
        judges: Whether depth has to earn its say, and may then lead; if not, it is trusted from the start.

    Attributes:
        same: Variance of a depth around what its own track predicts.
        different: Mean square of a depth around what another object's track predicts.
        covered: Variance that a detection which another one covers wholly has beyond that.
        young_gain: Mean gain of IoU by predicting boxes in perspective, of young tracks.
        old_gain: The same of the others, whose own filters know their speed by then.
        redundancy: How much of the depth the boxes say already.
        full: Whether both variances rest on as much as is remembered.
        recent: What the latest pairs say, where depth is judged.
        trust: How much the evidence of depth counts by what this video has shown so far, in [0, 1].
        telling: Whether this video's depth has shown that it tells objects apart well.
        leads_young: Whether motion in space besides foresees boxes of young tracks better than their filter.
        leads_old: The same of the others.
        recovers: Whether it besides may find who left his box behind: not where boxes are seen to hardly
            move between frames, so that they meet anyway.
    """

    def __init__(self, *, learns: bool, judges: bool) -> None:
        self.learns = learns
        self.judges = judges
        self.recent = RecentPairs()
        self.same = RunningMean(FIRST_NOISE**2, weight=1.0, memory=300.0)
        self.different = RunningMean(FIRST_NOISE**2, weight=1.0, memory=300.0)
        self.covered = RunningMean(COVERED_VARIANCE, weight=2.0, memory=100.0)
        self.young_gain = RunningMean(0.0, weight=5.0, memory=100.0)
        self.old_gain = RunningMean(0.0, weight=5.0, memory=100.0)
        self.leads_young, self.leads_old = False, False
        self.redundancy = Redundancy()
        self.full, self.telling, self.recovers = False, False, False
        self.trust = 0.0 if judges else 1.0

    def learn(
        self,
        own: FloatArray,
        other: FloatArray | None,
        *,
        predicted: FloatArray,
        covered: FloatArray,
        box_gain: FloatArray,
        young: BoolArray,
    ) -> None:
        """Learn from pairs that boxes alone make certain, ``(N,)`` each.

        Args:
            own: Squared difference of the detection's depth from what its track predicts.
            other: Mean squared difference of other detections' depths from the same, None without others.
            predicted: Variance of what the track predicts.
            covered: Share of the detection that another one covers.
            box_gain: IoU with the box predicted in perspective minus that with the plain prediction.
            young: Whether the track is.
        """
        ones = np.ones(len(own))
        self.young_gain.add(box_gain[young], ones[young])
        self.old_gain.add(box_gain[~young], ones[~young])
        surplus = own - predicted
        weights = (self.same.value / (self.same.value + predicted)) ** 2
        clear = covered < CLEAR_SHARE
        self.same.add(surplus[clear], weights[clear])
        self.same.value = max(self.same.value, 1e-4)
        part = covered[~clear] ** 2
        self.covered.add((surplus[~clear] - self.same.value) / part, weights[~clear] * part)
        self.covered.value = max(self.covered.value, 0.0)
        if other is not None:
            self.different.add(other, ones)
        self.full = all(mean.weight >= mean.memory for mean in (self.same, self.different))

    def judge(self, own: FloatArray, foreseen: FloatArray, control: FloatArray, contested: BoolArray) -> None:
        """Say what depth may do, by what it says of pairs that boxes alone chose; see `RecentPairs.add`."""
        self.recent.add(own, foreseen, control, contested)
        log_ratio = self.recent.log_ratio()
        earned = min(max((log_ratio - USEFUL) / (TELLING - USEFUL), 0.0), 1.0)
        self.trust = earned * self.redundancy.say
        self.telling = self.trust == 1.0
        young, old = (mean.value > SMALLEST_GAIN for mean in (self.young_gain, self.old_gain))
        self.leads_young, self.leads_old = self.telling and young, self.telling and old
        unknown = self.young_gain.weight + self.old_gain.weight < ENOUGH_PAIRS
        self.recovers = self.telling and (young or old or unknown)

    @property
    def leads(self) -> bool:
        """Whether motion in space foresees the boxes of some tracks."""
        return self.leads_young or self.leads_old
