"""Cameras as programs know them: how rays become pixels, and where a camera stands in a world."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from deptr.errors import UsageError
from deptr.records import FloatArray


@dataclass(frozen=True, eq=False)
class Camera:
    """How a camera turns rays into pixels. Axes: x right, y down, z forward.

    Attributes:
        matrix: ``(3, 3)`` camera matrix in pixels.
        size: Width and height of its images, None when unknown.
        distortion: ``(K,)`` coefficients in OpenCV's order, empty for none.
        fisheye: Whether they are those of OpenCV's fisheye model.
        frame_id: Name of its axes in recordings.

    Example:
        >>> camera = Camera.of_focal(500.0, (640, 480))
        >>> camera.project(np.array([[1.0, 0.0, 5.0]])).tolist()
        [[420.0, 240.0]]
        >>> camera.rays(np.array([[420.0, 240.0]])).tolist()
        [[0.2, 0.0]]
    """

    matrix: FloatArray
    size: tuple[int, int] | None = None
    distortion: FloatArray = field(default_factory=lambda: np.zeros(0))
    fisheye: bool = False
    frame_id: str = "camera"

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, np.float64)
        expected = "a 3 x 3 camera matrix with positive focal lengths"
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise UsageError(f"matrix: expected {expected}, got {matrix.tolist()}")
        if not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
            raise UsageError(f"matrix: expected {expected}, got {matrix[0, 0]:g} and {matrix[1, 1]:g}")
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "distortion", np.trim_zeros(np.asarray(self.distortion, np.float64), "b"))

    @classmethod
    def of_focal(cls, focal_px: float, size: tuple[int, int]) -> Camera:
        """A camera without distortion whose axis meets the middle of the image."""
        width, height = size
        return cls(np.array([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1.0]]), size)

    @property
    def focal_px(self) -> float:
        """Mean focal length in pixels."""
        return float(self.matrix[0, 0] + self.matrix[1, 1]) / 2

    def scaled_to(self, size: tuple[int, int]) -> Camera:
        """The same camera with images of another size.

        Raises:
            UsageError: The sides have another ratio.
        """
        if self.size is None or size == self.size:
            return replace(self, size=size)
        factors = np.array(size) / np.array(self.size)
        if abs(factors[0] / factors[1] - 1) > 0.01:
            have, want = "x".join(map(str, self.size)), "x".join(map(str, size))
            raise UsageError(f"camera: expected one of images of {want} pixels, got one of {have}")
        matrix = self.matrix.copy()
        matrix[:2] *= factors[:, None]
        return replace(self, matrix=matrix, size=size)

    def rays(self, pixels: FloatArray) -> FloatArray:
        """Where rays through pixels ``(N, 2)`` meet the plane at depth 1, ``(N, 2)``."""
        points = np.asarray(pixels, np.float64).reshape(-1, 2)
        if self.distortion.size and len(points):
            import cv2

            undo = cv2.fisheye.undistortPoints if self.fisheye else cv2.undistortPoints
            return np.asarray(undo(points[:, None], self.matrix, self._coefficients), np.float64).reshape(
                -1, 2
            )
        fx, skew, cx = self.matrix[0]
        y = (points[:, 1] - self.matrix[1, 2]) / self.matrix[1, 1]
        return np.stack([(points[:, 0] - cx - skew * y) / fx, y], axis=1)

    def project(self, points: FloatArray) -> FloatArray:
        """Pixels ``(N, 2)`` of points ``(N, 3)`` in front of the camera; NaN for those behind it."""
        depth = np.where(points[:, 2] > 0, points[:, 2], np.nan)
        plane = points[:, :2] / depth[:, None]
        if self.distortion.size and len(points):
            import cv2

            flat = np.nan_to_num(plane)
            here = np.zeros(3)
            if self.fisheye:
                pixels = cv2.fisheye.distortPoints(flat[:, None], self.matrix, self._coefficients)
            else:
                whole = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
                pixels = cv2.projectPoints(whole, here, here, self.matrix, self._coefficients)[0]
            return np.where(np.isnan(plane), np.nan, np.asarray(pixels, np.float64).reshape(-1, 2))
        return np.asarray(plane @ self.matrix[:2, :2].T + self.matrix[:2, 2])

    @property
    def _coefficients(self) -> FloatArray:
        """As many as OpenCV wants."""
        wanted = 4 if self.fisheye else next(n for n in (4, 5, 8, 12, 14) if n >= len(self.distortion))
        return np.pad(self.distortion, (0, wanted - len(self.distortion)))


@dataclass(frozen=True, eq=False)
class Calibration:
    """A camera, and where what another sensor measures lies before it.

    Attributes:
        camera: The camera.
        to_camera: ``(4, 4)`` from the sensor's axes to the camera's, metres.
    """

    camera: Camera
    to_camera: FloatArray = field(default_factory=lambda: np.eye(4))

    def __post_init__(self) -> None:
        moved = rigid(self.to_camera, "to_camera")
        object.__setattr__(self, "to_camera", moved)


def rigid(matrix: FloatArray, name: str) -> FloatArray:
    """A rotation and a translation, ``(4, 4)``, of what may lack the last row.

    Raises:
        UsageError: It is none; the message calls it `name`.

    Example:
        >>> rigid(np.eye(4)[:3], "pose").shape
        (4, 4)
    """
    given = np.asarray(matrix, np.float64)
    if given.shape == (3, 4):
        given = np.concatenate([given, [[0.0, 0.0, 0.0, 1.0]]])
    turned = given[:3, :3] if given.shape == (4, 4) else np.zeros((3, 3))
    right = np.allclose(turned @ turned.T, np.eye(3), atol=1e-2) and np.linalg.det(turned) > 0
    if not (right and np.isfinite(given).all()):
        raise UsageError(f"{name}: expected a rotation and a translation as 3 x 4 or 4 x 4 numbers")
    return given
