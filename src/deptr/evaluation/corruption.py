"""Spoiling depth on purpose, to see what a fusion does with it: noise, swaps, a constant, gaps."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from deptr.errors import UsageError
from deptr.io.tables import DetectionTable
from deptr.records import FloatArray, IntArray

KINDS = {
    "clean": "depth as it is",
    "noise": "each depth times exp(s * normal), s the amount",
    "shuffle": "depths permuted among the detections of each frame",
    "constant": "every depth is the sequence's median",
    "drift": "depths times exp(a + b x): a, b walk by s * normal a frame, x is -1 to 1 across the image",
    "missing": "this share of depths unknown",
}
DEFAULT_AMOUNT = {"noise": 0.2, "drift": 0.05, "missing": 0.5}
STANDARD = (
    "noise:0.05",
    "noise:0.1",
    "noise:0.2",
    "noise:0.4",
    "shuffle",
    "constant",
    "drift:0.05",
    "missing:0.5",
)


@dataclass(frozen=True)
class Corruption:
    """One way of spoiling depth.

    Attributes:
        kind: One of `KINDS`.
        amount: Relative noise or drift, or share of missing depths; 0 for the kinds without one.
    """

    kind: str = "clean"
    amount: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Corruption:
        """From ``kind`` or ``kind:amount``.

        Raises:
            UsageError: No such kind, or the amount is not in (0, 1].

        Example:
            >>> Corruption.parse("noise:0.1")
            Corruption(kind='noise', amount=0.1)
            >>> str(Corruption.parse("missing"))
            'missing:0.5'
        """
        kind, _, word = text.partition(":")
        if kind not in KINDS:
            raise UsageError(f"corruption: expected one of {', '.join(KINDS)}, got {text!r}")
        if kind not in DEFAULT_AMOUNT:
            if word:
                raise UsageError(f"corruption: {kind} takes no amount, got {text!r}")
            return cls(kind)
        try:
            amount = float(word) if word else DEFAULT_AMOUNT[kind]
        except ValueError:
            amount = np.nan
        if not 0 < amount <= 1:
            raise UsageError(f"corruption: expected {kind}:<number in (0, 1]>, got {text!r}")
        return cls(kind, amount)

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount:g}" if self.kind in DEFAULT_AMOUNT else self.kind

    @property
    def random(self) -> bool:
        """Whether another seed spoils depths otherwise."""
        return self.kind not in ("clean", "constant")

    def apply(self, table: DetectionTable, *, seed: int = 0, name: str = "") -> DetectionTable:
        """The same detections with spoiled depths, the same for the same seed and name.

        Args:
            table: Detections of one sequence.
            seed: Seed of the random numbers.
            name: Name of the sequence, so that sequences differ.
        """
        rng = np.random.default_rng([seed, zlib.crc32(f"{name} {self}".encode())])
        return replace(table, depth=self._spoil(table, rng))

    def _spoil(self, table: DetectionTable, rng: np.random.Generator) -> FloatArray:
        depth, frames = table.depth, table.frame
        if self.kind == "noise":
            return depth * np.exp(self.amount * rng.standard_normal(len(depth)))
        if self.kind == "shuffle":
            # sorting by frame and then by a random number permutes within each frame
            return _within_frames(depth, frames, rng)
        if self.kind == "constant":
            known = depth[np.isfinite(depth)]
            return np.full(len(depth), np.median(known) if len(known) else np.nan)
        if self.kind == "drift" and len(depth):
            walks = np.cumsum(self.amount * rng.standard_normal((frames.max() + 1, 2)), axis=0)[frames]
            centres = (table.xyxy[:, 0] + table.xyxy[:, 2]) / 2
            across = 2 * (centres - centres.min()) / max(np.ptp(centres), 1e-9) - 1
            return np.asarray(depth * np.exp(walks[:, 0] + walks[:, 1] * across))
        if self.kind == "missing":
            return np.where(rng.random(len(depth)) < self.amount, np.nan, depth)
        return depth


def _within_frames(values: FloatArray, frames: IntArray, rng: np.random.Generator) -> FloatArray:
    sources = np.lexsort((rng.random(len(values)), frames))
    targets = np.argsort(frames, kind="stable")
    mixed = np.empty_like(values)
    mixed[targets] = values[sources]
    return mixed
