"""BoT-SORT: ByteTrack with width and height as state, camera motion and appearance (arXiv 2206.14651)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.bytetrack import ByteTrack, ByteTrackParameters
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion, HeightScaledMotion
from deptr.tracking.parameters import number

MEMORY = 0.9  # share of a track's appearance that stays when a new one is seen


@dataclass(frozen=True)
class BoTSORTParameters(ByteTrackParameters):
    """BoT-SORT's parameters; defaults as in the authors' ``track.py`` for MOT17."""

    match_cost: float = number(0.8, 0, 1, "largest cost of a pair in the first association")
    proximity_cost: float = number(0.5, 0, 1, "appearance counts only for pairs of at most this 1 - IoU")
    appearance_cost: float = number(0.25, 0, 1, "appearance counts only up to this half cosine distance")


class BoTSORT(ByteTrack):
    """BoT-SORT with depth fusion; appearance takes part when detections carry ``data["embedding"]``.

    Camera motion is compensated with ``camera_motion=True``, for which `update` needs the frames.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = BoTSORT(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    Parameters = BoTSORTParameters
    tracker_name = "botsort"
    parameters: BoTSORTParameters

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        super().reset()
        self._appearance: FloatArray = np.zeros((0, 0))

    def _new_motion(self) -> BoxMotion:
        return HeightScaledMotion(aspect=False)

    def _costs(self, similarity: FloatArray, rows: Indices, candidates: Measurements) -> FloatArray:
        costs = super()._costs(similarity, rows, candidates)
        if candidates.embeddings is None or candidates.embeddings.shape[1] != self._appearance.shape[1]:
            return costs
        distance = (1 - self._appearance[rows] @ candidates.embeddings.T) / 2
        near = (1 - similarity <= self.parameters.proximity_cost) & (
            distance <= self.parameters.appearance_cost
        )
        return np.where(near, np.minimum(costs, np.maximum(distance, 0.0)), costs)

    def _correct(self, rows: Indices, taken: Measurements) -> None:
        super()._correct(rows, taken)
        if taken.embeddings is None:
            return
        self._fit_width(taken.embeddings)
        clear = taken.scores > self.parameters.high_score  # a low score mostly means that another hides it
        before, now = self._appearance[rows[clear]], taken.embeddings[clear]
        mixed = np.where(np.isnan(before), now, MEMORY * before + (1 - MEMORY) * now)
        mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)
        self._appearance[rows[clear]] = mixed

    def _birth(self, seen: Measurements, columns: Indices, state: int) -> None:
        super()._birth(seen, columns, state)
        if not len(columns):
            return
        if seen.embeddings is not None:
            self._fit_width(seen.embeddings)
            fresh = seen.embeddings[columns]
        else:
            fresh = np.full((len(columns), self._appearance.shape[1]), np.nan)
        self._appearance = np.concatenate([self._appearance, fresh])

    def _select(self, kept: Indices) -> None:
        super()._select(kept)
        self._appearance = self._appearance[kept]

    def _fit_width(self, embeddings: FloatArray) -> None:
        """Forget appearances of another length, as after a change of the network that makes them."""
        if self._appearance.shape[1] != embeddings.shape[1]:
            self._appearance = np.full((len(self._appearance), embeddings.shape[1]), np.nan)
