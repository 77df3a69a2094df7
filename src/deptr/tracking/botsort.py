"""BoT-SORT: ByteTrack with width and height as state, camera motion and appearance (arXiv 2206.14651)."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.bytetrack import ByteTrack
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion, HeightScaledMotion
from deptr.tracking.parameters import number
from deptr.tracking.part import Part

MEMORY = 0.9  # share of a track's appearance that stays when a new one is seen


class BoTSORT(ByteTrack):
    """BoT-SORT with depth fusion; appearance takes part when detections carry ``data["embedding"]``.

    Camera motion is compensated with ``camera_motion=True``, for which `update` needs the frames. Defaults
    are those of the authors' ``track.py`` for MOT17.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = BoTSORT(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    tracker_name = "botsort"

    match_cost: float = number(
        default=0.8, low=0, high=1, help="largest cost of a pair in the first association"
    )
    proximity_cost: float = number(
        default=0.5, low=0, high=1, help="appearance counts only for pairs of at most this 1 - IoU"
    )
    appearance_cost: float = number(
        default=0.25, low=0, high=1, help="appearance counts only up to this half cosine distance"
    )

    def _new_motion(self) -> BoxMotion:
        return HeightScaledMotion(aspect=False)

    def _new_parts(self) -> list[Part]:
        self._appearance = Appearance(self.high_score)
        return [self._appearance]

    def _costs(self, similarity: FloatArray, rows: Indices, candidates: Measurements) -> FloatArray:
        costs, known = super()._costs(similarity, rows, candidates), self._appearance.vectors
        if candidates.embeddings is None or candidates.embeddings.shape[1] != known.shape[1]:
            return costs
        distance = (1 - known[rows] @ candidates.embeddings.T) / 2
        near = (1 - similarity <= self.proximity_cost) & (distance <= self.appearance_cost)
        return np.where(near, np.minimum(costs, np.maximum(distance, 0.0)), costs)


class Appearance(Part):
    """How each track looks: a fading mean of embeddings.

    Args:
        clear_score: Detections above it teach; a low score mostly means that another object hides this one.

    Attributes:
        vectors: ``(T, E)`` of unit length, NaN = not known.
    """

    def __init__(self, clear_score: float) -> None:
        self.vectors: FloatArray = np.zeros((0, 0))
        self._clear_score = clear_score

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Mix what is seen clearly in."""
        if taken.embeddings is None or not len(rows):  # nobody has a look of any length
            return
        self._fit_width(taken.embeddings)
        clear = taken.scores > self._clear_score
        before, now = self.vectors[rows[clear]], taken.embeddings[clear]
        mixed = np.where(np.isnan(before), now, MEMORY * before + (1 - MEMORY) * now)
        mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)
        self.vectors[rows[clear]] = mixed

    def append(self, taken: Measurements) -> None:
        """Start tracks that look like this."""
        if taken.embeddings is None:
            fresh = np.full((len(taken), self.vectors.shape[1]), np.nan)
        else:
            self._fit_width(taken.embeddings)
            fresh = taken.embeddings
        self.vectors = np.concatenate([self.vectors, fresh])

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self.vectors = self.vectors[kept]

    def _fit_width(self, embeddings: FloatArray) -> None:
        """Forget appearances of another length, as after a change of the network that makes them."""
        if self.vectors.shape[1] != embeddings.shape[1]:
            self.vectors = np.full((len(self.vectors), embeddings.shape[1]), np.nan)
