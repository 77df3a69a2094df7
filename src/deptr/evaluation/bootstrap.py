"""How sure a difference between two trackers is: paired bootstrap over sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deptr.errors import UsageError
from deptr.evaluation.trackeval_memory import RawScores
from deptr.records import FloatArray

METRICS = ("HOTA", "DetA", "AssA", "IDF1", "MOTA", "IDSW")
RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """A difference of a combined metric and the interval that resampling the sequences gives it.

    Attributes:
        metric: Name of the metric.
        value: Ours minus theirs over all sequences: percentage points, or a count.
        low: Lower end of the 95 % interval.
        high: Upper end.
        sequences: How many sequences were resampled; with few, the interval is rough, with one, infinite.
    """

    metric: str
    value: float
    low: float
    high: float
    sequences: int

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.value:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def paired_bootstrap(
    ours: Mapping[str, RawScores],
    theirs: Mapping[str, RawScores],
    *,
    metric: str = "HOTA",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Difference of a combined metric with a percentile interval.

    Sequences are drawn with replacement, the same ones for both sides, and both sides are combined
    anew as TrackEval combines sequences.

    Args:
        ours: Sequence name to TrackEval's fields.
        theirs: The same for the other side; the same sequences.
        metric: One of `METRICS`.
        resamples: How often to draw.
        seed: Seed of the drawing.

    Raises:
        UsageError: No such metric, or the sequences differ.
    """
    return mean_paired_bootstrap([(ours, theirs)], metric=metric, resamples=resamples, seed=seed)


def mean_paired_bootstrap(
    pairs: Sequence[tuple[Mapping[str, RawScores], Mapping[str, RawScores]]],
    *,
    metric: str = "HOTA",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Mean difference of several pairs on the same sequences, such as what depth adds to five trackers.

    Args:
        pairs: Ours and theirs of each pair, as for `paired_bootstrap`; all of the same sequences, which are
            drawn once for all pairs.
        metric: One of `METRICS`.
        resamples: How often to draw.
        seed: Seed of the drawing.

    Raises:
        UsageError: No pair, no such metric, or the sequences differ.
    """
    if not pairs or len({tuple(sorted(side)) for pair in pairs for side in pair}) != 1:
        raise UsageError("paired bootstrap: both sides need the same sequences")
    names = sorted(pairs[0][0])
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    weights = np.concatenate([np.ones((1, len(names))), draws])
    each = [
        combined_metric(ours, weights, metric, names) - combined_metric(theirs, weights, metric, names)
        for ours, theirs in pairs
    ]
    gaps = np.mean(each, axis=0)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(gaps[1:], [tail, 100 - tail])
    if len(names) == 1:
        low, high = -np.inf, np.inf  # one sequence says nothing about others
    return Difference(metric, float(gaps[0]), float(low), float(high), len(names))


def combined_metric(
    raw: Mapping[str, RawScores], weights: FloatArray, metric: str, names: list[str]
) -> FloatArray:
    """A combined metric with each sequence counted as often as its weight says.

    Args:
        raw: Sequence name to TrackEval's fields.
        weights: ``(B, S)`` how often each sequence counts.
        metric: One of `METRICS`.
        names: Sequences in the order of the weights' columns.

    Returns:
        ``(B,)`` percent, or counts for identity switches. As ``combine_sequences`` of TrackEval.

    Raises:
        UsageError: No such metric.
    """

    def total(family: str, field: str) -> FloatArray:
        values: FloatArray = np.array([np.asarray(raw[name][family][field], float) for name in names])
        return np.asarray(weights @ values)

    if metric in ("HOTA", "DetA", "AssA"):
        positives = total("HOTA", "HOTA_TP")
        weighted = np.array(
            [np.asarray(raw[name]["HOTA"]["AssA"]) * raw[name]["HOTA"]["HOTA_TP"] for name in names]
        )
        association = (weights @ weighted) / np.maximum(1, positives)
        errors = total("HOTA", "HOTA_FN") + total("HOTA", "HOTA_FP")
        detection = positives / np.maximum(1, positives + errors)
        both = {"HOTA": np.sqrt(association * detection), "DetA": detection, "AssA": association}
        return np.asarray(100 * both[metric].mean(axis=1))
    if metric == "IDF1":
        correct = total("Identity", "IDTP")
        errors = total("Identity", "IDFP") + total("Identity", "IDFN")
        return np.asarray(100 * correct / np.maximum(1, correct + errors / 2))
    if metric == "MOTA":
        correct = total("CLEAR", "CLR_TP")
        objects = np.maximum(1, correct + total("CLEAR", "CLR_FN"))
        return np.asarray(100 * (correct - total("CLEAR", "CLR_FP") - total("CLEAR", "IDSW")) / objects)
    if metric == "IDSW":
        return total("CLEAR", "IDSW")
    raise UsageError(f"metric: expected one of {', '.join(METRICS)}, got {metric!r}")
