"""How the camera moved since the frame before: sparse optical flow beside the objects.

Corners outside all boxes are followed from the last frame in which the camera moved, and a similarity
(shift, turn, zoom) is fitted to them by RANSAC. While the camera stands still that old frame stays the
reference and nothing is computed but the difference of a few thousand pixels.
"""

from __future__ import annotations

import numpy as np

from deptr.boxes import similarity_scale
from deptr.errors import UsageError
from deptr.records import FloatArray, Image, IntArray

LARGEST_SIDE = 320  # as exact on known motions as 640 and four times as fast
SAMPLE_SIDE = 160
STILL_SHARE = 0.03  # of the sampled pixels may change without the camera having moved
STILL_DIFFERENCE = 20  # grey levels that count as a change; compression and sensors stay below
CORNERS = 160
LEAST_INLIERS = 10
LEAST_INLIER_SHARE = 0.4
LARGEST_ZOOM = 1.3
STANDING = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


class CameraMotion:
    """Estimates the camera's motion once per frame.

    Example:
        >>> import numpy as np
        >>> scene = np.random.default_rng(0).integers(0, 255, (30, 41)).astype(np.uint8)
        >>> scene = np.kron(scene, np.ones((16, 16), np.uint8))
        >>> before, after = (np.repeat(scene[:, x : x + 600, None], 3, axis=2) for x in (0, 8))
        >>> camera = CameraMotion()
        >>> camera.update(before, np.zeros((0, 4))) is None
        True
        >>> camera.update(after, np.zeros((0, 4)))[0, 2].round()
        np.float64(-8.0)
    """

    def __init__(self) -> None:
        self._reference: Image | None = None
        self._outside: Image | None = None
        self._sample: IntArray | None = None

    def update(self, frame: Image, boxes_xyxy: FloatArray) -> FloatArray | None:
        """Take a frame in.

        Args:
            frame: ``(H, W, 3)`` RGB.
            boxes_xyxy: ``(N, 4)`` pixels of objects that may move by themselves.

        Returns:
            ``(2, 3)`` similarity that takes pixels of the frame before to this one, or None: the camera
            stands still, or nothing can be told.

        Raises:
            UsageError: The frame is no RGB image, or of another size than the one before.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise UsageError(f"frame: expected (H, W, 3) uint8 RGB, got {frame.dtype} {frame.shape}")
        step = max(1, round(max(frame.shape[:2]) / SAMPLE_SIDE))
        sample = frame[step // 2 :: step, step // 2 :: step, 1].astype(np.int16)
        if self._sample is not None and self._sample.shape != sample.shape:
            raise UsageError(f"frame: its size changed to {frame.shape[1]}x{frame.shape[0]} pixels")
        if self._sample is not None and self._still(sample, boxes_xyxy / step):
            return None
        return self._estimate(frame, boxes_xyxy, sample)

    def _still(self, sample: IntArray, boxes_xyxy: FloatArray) -> bool:
        assert self._sample is not None
        changed = np.abs(sample - self._sample) > STILL_DIFFERENCE
        for left, top, right, bottom in _pixels(boxes_xyxy, changed.shape):
            changed[top:bottom, left:right] = False
        return bool(changed.mean() < STILL_SHARE)

    def _estimate(self, frame: Image, boxes_xyxy: FloatArray, sample: IntArray) -> FloatArray | None:
        import cv2

        scale = min(1.0, LARGEST_SIDE / max(frame.shape[:2]))
        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
        if scale < 1:
            size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
            grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        outside = np.full(grey.shape, 255, np.uint8)
        for left, top, right, bottom in _pixels(boxes_xyxy * scale, grey.shape):
            outside[top:bottom, left:right] = 0
        before, before_outside = self._reference, self._outside
        self._reference, self._outside, self._sample = grey, outside, sample
        if before is None:
            return None
        corners = cv2.goodFeaturesToTrack(before, CORNERS, 0.01, 8, mask=before_outside)
        if corners is None or len(corners) < LEAST_INLIERS:
            return None
        moved, status, _ = cv2.calcOpticalFlowPyrLK(
            before, grey, corners, np.empty_like(corners), winSize=(15, 15), maxLevel=3
        )
        found = np.asarray(status)[:, 0] == 1
        if found.sum() < LEAST_INLIERS:
            return None
        affine, inliers = cv2.estimateAffinePartial2D(
            corners[found], moved[found], method=cv2.RANSAC, ransacReprojThreshold=2.0
        )
        if affine is None or inliers.sum() < max(LEAST_INLIERS, LEAST_INLIER_SHARE * found.sum()):
            return None
        affine[:, 2] /= scale
        zoom = similarity_scale(affine)
        return affine if 1 / LARGEST_ZOOM < zoom < LARGEST_ZOOM else None


def _pixels(boxes_xyxy: FloatArray, shape: tuple[int, ...]) -> list[list[int]]:
    """Boxes as pixel ranges of an image of that shape."""
    limits = np.array([shape[1], shape[0], shape[1], shape[0]])
    whole = np.concatenate([np.floor(boxes_xyxy[:, :2]), np.ceil(boxes_xyxy[:, 2:])], axis=1)
    return [list(map(int, row)) for row in np.clip(whole, 0, limits)]
