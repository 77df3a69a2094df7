"""How good this video's depth is, learned while tracking from pairs that boxes alone make certain."""

from __future__ import annotations

import math

import numpy as np

from deptr.records import FloatArray

FIRST_NOISE = 0.15  # in filter space: first guess of both noises, which says nothing yet
SMALLEST_NOISE = 0.02  # in filter space: clear pairs underestimate the noise of those that matter
OUTLIER_SHARE = 0.02  # first guess of the share of an object's depths that are plainly wrong
OUTLIER_GATE = 9.0  # squared standard deviations from which on a depth counts as plainly wrong
COVERED_VARIANCE = 0.11**2  # first guess of the variance that being covered wholly adds
CLEAR_SHARE = 0.1  # a detection covered less than this teaches the noise in the open
USEFUL, TELLING = 1.0, 2.0  # log ratio to the control: depth advises from one, leads from the other
CORE_SHARE = 0.68  # of the recent pairs make the noise: some of the others are errors of the boxes
CORE_SQUARE = 0.989  # of a standard normal, that share of its squares is smaller
RECENT_PAIRS, GUESSED_PAIRS = 200, 6  # how many are remembered, and are made up before there are any
SMALLEST_GAIN = 0.01  # mean gain of IoU from which on motion in space counts for more than advice
ENOUGH_PAIRS = 50.0  # from which on a small gain is believed


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
    """What depth said of the latest pairs that boxes alone chose, and of the same pairs with depths handed on.

    Shares of the pairs are looked at, not means: where objects overlap, a tenth or two of what boxes choose
    is wrong.

    Example:
        >>> recent = RecentPairs()
        >>> rng = np.random.default_rng(0)
        >>> own, control = 0.01 * rng.standard_normal(300), 0.5 * rng.standard_normal(300)
        >>> recent.add(own**2, np.full(300, 0.05**2), control**2)
        >>> round(recent.scale, 2), recent.log_ratio() > 5
        (0.04, True)
    """

    def __init__(self) -> None:
        self._rows = np.full((GUESSED_PAIRS, 3), FIRST_NOISE**2) * (CORE_SQUARE, 1.0, CORE_SQUARE)
        self._count = 0
        self.scale = 1.0

    def add(self, own: FloatArray, foreseen: FloatArray, control: FloatArray) -> None:
        """Take pairs in, ``(N,)`` each.

        Args:
            own: Squared difference of the detection's depth from what its track foresees.
            foreseen: Variance that the filter gives this difference.
            control: Squared difference with the depth of another detection of the frame instead.
        """
        self._count += len(own)
        self._rows = np.concatenate([self._rows, np.stack([own, foreseen, control], axis=1)])[-RECENT_PAIRS:]
        self.scale = _core(self._rows[:, 0] / self._rows[:, 1]) / CORE_SQUARE

    def log_ratio(self) -> float:
        """How much less a depth differs from its own track than a wrong one, two standard errors less sure."""
        own, control = _core(self._rows[:, 0]), _core(self._rows[:, 2])
        doubt = 2 * math.sqrt(2 / min(self._count + 1, RECENT_PAIRS))
        return math.log(max(control, 1e-9) / max(own, 1e-6)) - doubt


def _core(values: FloatArray) -> float:
    """The value below which `CORE_SHARE` of them lie."""
    place = int(CORE_SHARE * len(values))
    return float(np.partition(values, place)[place])


class DepthNoise:
    """What was learned of a video's depth, in filter space.

    Args:
        learns: Whether anything is to be learned.
        judges: Whether depth has to earn its say, and may then lead; if not, it is trusted from the start.

    Attributes:
        same: Variance of a depth around what its own track predicts.
        different: Mean square of a depth around what another object's track predicts.
        covered: Variance that a detection which another one covers wholly has beyond that.
        outliers: Share of depths that are plainly wrong.
        box_gain: Mean gain of IoU by predicting boxes in perspective.
        full: Whether both variances rest on as much as is remembered.
        recent: What the latest pairs say, where depth is judged.
        trust: How much the evidence of depth counts by what this video has shown so far, in [0, 1].
        telling: Whether this video's depth has shown that it tells objects apart well.
        leads: Whether motion in space besides foresees boxes better than motion in the image.
        recovers: Whether it besides may find who left his box behind: not where boxes are seen to hardly
            move between frames, so that they meet anyway.
    """

    def __init__(self, *, learns: bool, judges: bool) -> None:
        self.learns = learns
        self.judges = judges
        self.recent = RecentPairs()
        self.same = RunningMean(FIRST_NOISE**2, weight=1.0, memory=300.0)
        self.different = RunningMean(FIRST_NOISE**2, weight=1.0, memory=300.0)
        self.outliers = RunningMean(OUTLIER_SHARE, weight=50.0, memory=500.0)
        self.covered = RunningMean(COVERED_VARIANCE, weight=2.0, memory=100.0)
        self.box_gain = RunningMean(0.0, weight=5.0, memory=100.0)
        self.full, self.telling, self.leads, self.recovers = False, False, False, False
        self.trust = 0.0 if judges else 1.0

    def learn(
        self,
        own: FloatArray,
        other: FloatArray | None,
        *,
        predicted: FloatArray,
        measured: FloatArray,
        covered: FloatArray,
        box_gain: FloatArray,
    ) -> None:
        """Learn from pairs that boxes alone make certain, ``(N,)`` each.

        Args:
            own: Squared difference of the detection's depth from what its track predicts.
            other: Mean squared difference of other detections' depths from the same, None without others.
            predicted: Variance of what the track predicts.
            measured: Variance of the detection's depth as believed so far.
            covered: Share of the detection that another one covers.
            box_gain: IoU with the box predicted in perspective minus that with the plain prediction.
        """
        ones = np.ones(len(own))
        self.box_gain.add(box_gain, ones)
        wrong = own > OUTLIER_GATE * (predicted + measured)
        self.outliers.add(wrong.astype(np.float64), ones)
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

    def judge(self, own: FloatArray, foreseen: FloatArray, control: FloatArray) -> None:
        """Say what depth may do, by what it says of pairs that boxes alone chose; see `RecentPairs.add`."""
        self.recent.add(own, foreseen, control)
        log_ratio = self.recent.log_ratio()
        self.trust = min(max((log_ratio - USEFUL) / (TELLING - USEFUL), 0.0), 1.0)
        self.telling = log_ratio > TELLING
        gains = self.box_gain.value > SMALLEST_GAIN
        self.leads = self.telling and gains
        self.recovers = self.telling and (gains or self.box_gain.weight < ENOUGH_PAIRS)
