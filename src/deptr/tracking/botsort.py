"""BoT-SORT: ByteTrack with width and height as state, camera motion and appearance (arXiv 2206.14651)."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.appearance import Appearance
from deptr.tracking.assignment import Indices, Listed
from deptr.tracking.bytetrack import ByteTrack
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion, HeightScaledMotion
from deptr.tracking.parameters import number
from deptr.tracking.part import Part


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
    reads_looks = True

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

    def _costs(
        self, similarity: FloatArray, rows: Indices, columns: Indices, seen: Measurements
    ) -> FloatArray | Listed:
        known = self._appearance.vectors
        if seen.embeddings is None or seen.embeddings.shape[1] != known.shape[1]:
            return super()._costs(similarity, rows, columns, seen)
        costs = 1 - similarity * seen.scores[columns]
        distance = (1 - known[rows] @ seen.embeddings[columns].T) / 2
        near = (1 - similarity <= self.proximity_cost) & (distance <= self.appearance_cost)
        return np.where(near, np.minimum(costs, np.maximum(distance, 0.0)), costs)
