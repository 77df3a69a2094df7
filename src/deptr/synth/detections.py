"""What a detector would say of a synthetic frame: true boxes and depths, or with errors of known size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray, IntArray
from deptr.synth.rng import generator
from deptr.synth.truth import FrameTruth

DETECTED_VISIBILITY = 0.25  # people who show less are in no detections file
DRIFT_PERIODS_S = (3.0, 10.0)  # between which each person's bias swings once


@dataclass(frozen=True)
class DetectionNoise:
    """Errors of detections; all are drawn from the sequence's seed.

    Attributes:
        jitter: Standard deviation of the error of boxes, as a part of their width and height.
        depth: Standard deviation of the error of depths, relative, new in every frame.
        drift: Standard deviation of a bias of each person's depth, relative, that swings over seconds.
        seed: Of the sequence.
        fps: Frames per second.
    """

    jitter: float = 0.0
    depth: float = 0.0
    drift: float = 0.0
    seed: int = 0
    fps: float = 20.0

    def box_errors(self, frame: int, count: int) -> FloatArray:
        """``(N, 4)`` of left and top in sides, and of the logarithms of width and height."""
        if not self.jitter:
            return np.zeros((count, 4))
        return generator(self.seed, 120, frame - 1).normal(0, self.jitter, (count, 4))

    def depth_factors(self, frame: int, track_ids: IntArray) -> FloatArray:
        """``(N,)`` by which true depths are multiplied.

        Example:
            >>> DetectionNoise().depth_factors(1, np.array([1, 2])).tolist()
            [1.0, 1.0]
        """
        logarithm = np.zeros(len(track_ids))
        if self.depth:
            logarithm += generator(self.seed, 121, frame - 1).normal(0, self.depth, len(track_ids))
        if self.drift:
            for row, name in enumerate(track_ids):
                phase, pace = generator(self.seed, 122, int(name)).uniform(0, 1, 2)
                low, high = DRIFT_PERIODS_S
                turns = (frame - 1) / self.fps / (low + pace * (high - low)) + phase
                logarithm[row] += self.drift * np.sqrt(2) * np.sin(2 * np.pi * turns)
        return np.exp(logarithm)


def detection_rows(frame: int, truth: FrameTruth, noise: DetectionNoise) -> list[str]:
    """Boxes of people who can be seen, with depth: ``frame,-1,x,y,w,h,score,depth``.

    Args:
        frame: Number from 1.
        truth: The frame.
        noise: Errors of boxes and depths.
    """
    seen = np.flatnonzero(truth.visibility >= DETECTED_VISIBILITY)
    errors = noise.box_errors(frame, len(seen))
    depths = noise.depth_factors(frame, truth.track_ids[seen])
    depths *= truth.depth_m[seen]
    rows = []
    for row, error, depth in zip(seen, errors, depths, strict=True):
        left, top, right, bottom = truth.boxes_xyxy[row].tolist()
        x, y = left + error[0] * (right - left), top + error[1] * (bottom - top)
        width, height = (right - left) * float(np.exp(error[2])), (bottom - top) * float(np.exp(error[3]))
        score = 0.6 + 0.39 * float(truth.visibility[row])
        rows.append(f"{frame},-1,{x:.2f},{y:.2f},{width:.2f},{height:.2f},{score:.4f},{depth:.4f}\n")
    return rows
