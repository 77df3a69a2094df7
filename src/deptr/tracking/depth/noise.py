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
USEFUL, TELLING = 1.0, 2.0  # log ratio of the learned variances: depth advises from one, leads from the other
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
        trust: How much the evidence of depth counts by what this video has shown so far, in [0, 1].
        telling: Whether this video's depth has shown that it tells objects apart well.
        leads: Whether motion in space besides foresees boxes better than motion in the image.
        recovers: Whether it besides may find who left his box behind: not where boxes are seen to hardly
            move between frames, so that they meet anyway.
    """

    def __init__(self, *, learns: bool, judges: bool) -> None:
        self.learns = learns
        self._judges = judges
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
        if not self._judges:
            return
        # judged by the log ratio of the learned variances, two standard errors on the safe side
        errors = math.sqrt(2 / self.same.weight) + math.sqrt(2 / self.different.weight)
        log_ratio = math.log(self.different.value / self.same.value) - errors
        self.trust = min(max((log_ratio - USEFUL) / (TELLING - USEFUL), 0.0), 1.0)
        self.telling = log_ratio > TELLING
        gains = self.box_gain.value > SMALLEST_GAIN
        self.leads = self.telling and gains
        self.recovers = self.telling and (gains or self.box_gain.weight < ENOUGH_PAIRS)
