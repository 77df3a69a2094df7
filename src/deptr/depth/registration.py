"""Depth maps of one camera as another camera would see them."""

from __future__ import annotations

import numpy as np

from deptr.cameras import Camera
from deptr.errors import UsageError
from deptr.records import FloatArray


class Registration:
    """Moves depth maps into the view of the colour camera, the nearest first.

    The answer has the field of view of the colour image, at the resolution of the depth map, so that a denser
    image does not tear it into holes.

    Args:
        depth_camera: That of the depth maps.
        camera: That of the images.
        to_camera: ``(4, 4)`` from the depth camera's axes to the colour camera's, metres.

    Raises:
        UsageError: A camera does not say the size of its images.

    Example:
        >>> depth, colour = Camera.of_focal(100.0, (64, 48)), Camera.of_focal(200.0, (128, 96))
        >>> seen = Registration(depth, colour, np.eye(4)).apply(np.full((48, 64), 2.0))
        >>> seen.shape, float(np.nanmedian(seen))
        ((48, 64), 2.0)
    """

    def __init__(self, depth_camera: Camera, camera: Camera, to_camera: FloatArray) -> None:
        if depth_camera.size is None or camera.size is None:
            raise UsageError("registration: expected cameras that say the size of their images")
        width, height = depth_camera.size
        self.size = depth_camera.size
        shrink = min(depth_camera.focal_px / camera.focal_px, 1.0)
        size = (max(round(camera.size[0] * shrink), 1), max(round(camera.size[1] * shrink), 1))
        factors = np.array(size) / np.array(camera.size)
        matrix = camera.matrix.copy()
        matrix[:2] *= factors[:, None]
        self._view = Camera(matrix, size, camera.distortion, camera.fisheye)
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        rays = depth_camera.rays(np.stack([columns.ravel(), rows.ravel()], axis=1))
        directions = np.concatenate([rays, np.ones((len(rays), 1))], axis=1)
        self._directions = directions @ to_camera[:3, :3].T
        self._origin = to_camera[:3, 3]

    def apply(self, depth_map: FloatArray) -> FloatArray:
        """A map ``(H, W)`` in metres as the colour camera sees it, ``(H', W')``, NaN = unknown.

        Raises:
            UsageError: The map has another size than the depth camera's images.
        """
        width, height = self.size
        if depth_map.shape != (height, width):
            expected = f"expected {width}x{height} pixels as its camera says"
            raise UsageError(f"depth_map: {expected}, got {depth_map.shape[1]}x{depth_map.shape[0]}")
        depths = depth_map.ravel()
        known = np.flatnonzero(np.isfinite(depths) & (depths > 0))
        points = self._directions[known] * depths[known, None] + self._origin
        pixels = self._view.project(points)
        assert self._view.size is not None
        columns, rows = self._view.size
        pixels = np.rint(pixels)  # a pixel's middle has whole coordinates in camera matrices
        seen = (pixels >= 0).all(1) & (pixels < (columns, rows)).all(1)
        x, y = pixels[seen].astype(np.intp).T
        result = np.full(columns * rows, np.inf, np.float32)
        np.minimum.at(result, y * columns + x, points[seen, 2].astype(np.float32))
        result[np.isinf(result)] = np.nan
        return result.reshape(rows, columns)
