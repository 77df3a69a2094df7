"""What two arms of an experiment differ by, when both saw the same images and the same seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray

RESAMPLES = 4000
TAIL = 2.5  # per cent on either side of the interval


@dataclass(frozen=True)
class Shares:
    """A figure that is one sum over groups divided by another: a mean error, a share of pairs in order.

    Attributes:
        part: ``(S, G)`` numerators by seed and group (an image, a sequence).
        whole: ``(S, G)`` denominators.
    """

    part: FloatArray
    whole: FloatArray

    def by_seed(self) -> FloatArray:
        """The figure of each seed, ``(S,)``."""
        return np.asarray(self.part.sum(1) / self.whole.sum(1))


@dataclass(frozen=True)
class Gap:
    """A mean difference with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0

    def text(self, digits: int = 3) -> str:
        """For a table; a star where the interval excludes zero.

        Example:
            >>> Gap(-0.02, -0.03, -0.01).text()
            '-0.020 [-0.030, -0.010] *'
        """
        mark = " *" if self.certain else ""
        return f"{self.value:+.{digits}f} [{self.low:+.{digits}f}, {self.high:+.{digits}f}]{mark}"


def paired_gap(ours: Shares, theirs: Shares, *, seed: int = 0) -> Gap:
    """Ours minus theirs; groups and seeds are drawn anew together, the same ones for both sides.

    The spread that the few seeds add is widened by ``sqrt(S / (S - 1))``, as much as a bootstrap of S values
    is too narrow.

    Args:
        ours: One arm.
        theirs: The other, of the same seeds and groups.
        seed: Of the drawing.
    """
    seeds, groups = ours.part.shape
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES).astype(float)
    each = (drawn @ ours.part.T) / (drawn @ ours.whole.T) - (drawn @ theirs.part.T) / (drawn @ theirs.whole.T)
    middle = each.mean(1)
    chosen = rng.integers(seeds, size=(RESAMPLES, seeds))
    off = np.take_along_axis(each - middle[:, None], chosen, axis=1).mean(1)
    values = middle + off * np.sqrt(seeds / max(1, seeds - 1))
    low, high = np.nanpercentile(values, [TAIL, 100 - TAIL])
    return Gap(float((ours.by_seed() - theirs.by_seed()).mean()), float(low), float(high))


def seed_gap(ours: FloatArray, theirs: FloatArray) -> Gap:
    """Ours minus theirs of figures that only a whole test set has: Student's interval over the seeds.

    Args:
        ours: ``(S,)``, at least two seeds.
        theirs: ``(S,)`` of the same seeds.

    Example:
        >>> seed_gap(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0])).text(1)
        '+1.0 [+1.0, +1.0] *'
    """
    from scipy.stats import t

    gaps = np.asarray(ours - theirs, float)
    middle = float(gaps.mean())
    half = float(t.ppf(1 - TAIL / 100, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps)))
    return Gap(middle, middle - half, middle + half)


def spread(values: FloatArray, digits: int = 3) -> str:
    """Mean and, for several values, standard deviation.

    Example:
        >>> spread(np.array([1.0, 3.0]), 1), spread(np.array([0.5]))
        ('2.0 ± 1.4', '0.500')
    """
    text = f"{np.mean(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ± {np.std(values, ddof=1):.{digits}f}"
