"""What lies behind the people: a painted place that moves with the camera, or a photo."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any, Protocol

import cv2
import numpy as np

from deptr.records import FloatArray, Image
from deptr.synth.camera import Camera, Projection
from deptr.synth.lens import colour_matrix
from deptr.synth.rng import rounded
from deptr.synth.scenery import (
    GROUND_M,
    GROUND_PX,
    GROUNDS,
    HORIZON_ROW,
    PANORAMA_SIZE,
    PANORAMAS,
    ground_levels,
    panorama,
)

_PANORAMA_FOCAL = PANORAMA_SIZE[1] / (2 * pi)  # pixels per radian, and per unit of tangent
_COARSEST = 5
_PLANE_FOCAL = 2 * _PANORAMA_FOCAL  # a pinhole camera sees the panorama as a plane far away


class Backdrop(Protocol):
    """Something that fills the frame before people are painted."""

    def image(self, camera: Camera, *, soft: bool = False) -> Image:
        """A fresh ``(H, W, 3)`` uint8 RGB picture that may be painted over; `soft` may be half as fine."""

    def depth(self, camera: Camera) -> FloatArray | None:
        """``(H, W)`` float32 metres, None when unknown."""


@dataclass(frozen=True, eq=False)
class PaintedPlace:
    """A ground plane before a horizon.

    Attributes:
        ground: Which ground tile.
        surroundings: Which panorama.
        turn: Direction of the tiles, radians.
        shift: ``(2,)`` metres by which the tiles are moved.
        reach_m: Depth at which the ground ends and the panorama begins.
        colours: ``(3, 4)`` colour matrix of the whole place.
    """

    ground: int
    surroundings: int
    turn: float
    shift: tuple[float, float]
    reach_m: float
    colours: FloatArray

    @classmethod
    def random(cls, rng: np.random.Generator) -> PaintedPlace:
        """Any place."""
        gain = rng.uniform(0.6, 1.2) * rng.uniform(0.93, 1.07, 3)
        matrix = colour_matrix(gain, rng.normal(0, 8, 3), rng.uniform(0.5, 1.3))
        return cls(
            int(rng.integers(GROUNDS)),
            int(rng.integers(PANORAMAS)),
            float(rng.uniform(0, 2 * pi)),
            (float(rng.uniform(0, 8)), float(rng.uniform(0, 8))),
            float(rng.uniform(25, 90)),
            np.column_stack([matrix[:3, :3], matrix[:3, 3] * 255]),
        )

    def image(self, camera: Camera, *, soft: bool = False) -> Image:
        """The place as the camera sees it."""
        if soft:
            coarse = self.image(camera.halved())
            size = (camera.width, camera.height)
            return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        if camera.projection is Projection.EQUIRECTANGULAR:
            picture = self._around(camera)
        else:
            picture = np.empty((camera.height, camera.width, 3), np.uint8)
            sky = self._first_ground_row(camera)
            picture[:sky] = self._far(camera, sky)
            self._paint_ground(picture, camera)
        return np.asarray(cv2.transform(picture, self.colours), np.uint8)

    def depth(self, camera: Camera) -> FloatArray:
        """Ground depth, and `reach_m` where the panorama stands."""
        if camera.projection is Projection.EQUIRECTANGULAR:
            _, _, down = _directions(camera)
            distance = -camera.position[1] / np.maximum(down, 1e-6)
        else:
            a, b, c = _fall(camera)
            rows = (b * (np.arange(camera.height) + 0.5) + c).astype(np.float32)
            columns = (a * (np.arange(camera.width) + 0.5)).astype(np.float32)
            fall = np.maximum(rows[:, None] + columns, np.float32(1e-6))
            distance = np.divide(np.float32(-camera.position[1]), fall, out=fall)
        return np.asarray(np.minimum(distance, self.reach_m), np.float32)

    def _first_ground_row(self, camera: Camera) -> int:
        """First row that shows nothing but ground, or the picture's height."""
        a, b, c = _fall(camera)
        if b <= 0:
            return camera.height
        limit = -float(camera.position[1]) / self.reach_m
        edge = (limit - c - min(a * camera.width, 0.0)) / b
        return min(max(int(edge) + 3, 1), camera.height)

    def _far(self, camera: Camera, rows: int) -> Any:
        """The panorama as a plane infinitely far away, as far down as `rows`."""
        plane = np.array([[_PLANE_FOCAL, 0, PANORAMA_SIZE[1] / 2], [0, _PLANE_FOCAL, HORIZON_ROW], [0, 0, 1]])
        matrix = rounded(plane @ camera.rotation.T @ np.linalg.inv(camera.matrix), 9)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (camera.width, rows)
        return cv2.warpPerspective(
            panorama(self.surroundings), matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT
        )

    def _paint_ground(self, picture: Any, camera: Camera) -> None:
        """The ground in bands of rows, each from the tile that is as fine as the rows show it."""
        a, b, c = _fall(camera)
        altitude = -float(camera.position[1])
        rows = np.arange(camera.height) + 0.5
        middle_fall = b * rows + c + a * camera.width / 2
        with np.errstate(divide="ignore"):
            depth = np.where(middle_fall > 0, altitude / np.maximum(middle_fall, 1e-9), np.inf)
        metres_per_row = depth**2 / (altitude * camera.focal_px) * 0.6
        levels = np.clip(np.floor(np.log2(metres_per_row * GROUND_PX / GROUND_M + 1e-9)), 0, _COARSEST)
        tilt = abs(a) * camera.width / 2
        shown = middle_fall + tilt > altitude / self.reach_m
        if not shown.any():
            return
        to_ground = self._pixels_to_tile(camera)
        tiles = ground_levels(self.ground)
        for level in np.unique(levels[shown]).astype(int):
            band = np.flatnonzero(shown & (levels == level))
            top, bottom = int(band[0]), int(band[-1]) + 1
            matrix = np.diag([0.5**level, 0.5**level, 1.0]) @ to_ground
            matrix = rounded(matrix @ np.array([[1, 0, 0], [0, 1, top], [0, 0, 1.0]]), 9)
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            size = (camera.width, bottom - top)
            drawn = cv2.warpPerspective(tiles[level], matrix, size, flags=flags, borderMode=cv2.BORDER_WRAP)
            picture[top:bottom] = self._cut(drawn, picture[top:bottom], top, (a, b, c), altitude)

    def _cut(
        self, drawn: Any, behind: Any, top: int, fall: tuple[float, float, float], altitude: float
    ) -> Any:
        """The band where it is nearer than `reach_m`, and what is behind it elsewhere."""
        a, b, c = fall
        height, width = drawn.shape[:2]
        limit = altitude / self.reach_m
        ends = np.array([0.0, float(width)])
        edge = (limit - c - a * ends) / b - top  # row at which the ground begins at both sides
        if edge.max() <= 0:
            return drawn
        corners = np.array([[0, edge[0]], [width, edge[1]], [width, height + 9], [0, height + 9]])
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.rint(rounded(corners)).astype(np.int32)], 255)
        result = behind.copy()
        cv2.copyTo(drawn, mask, result)
        return result

    def _pixels_to_tile(self, camera: Camera) -> FloatArray:
        """Homography from picture pixels to ground tile pixels."""
        rays = camera.rotation.T @ np.linalg.inv(camera.matrix)
        altitude = -camera.position[1]
        # ground = position + ray * altitude / ray_down: linear in homogeneous pixels
        ground = np.stack(
            [
                rays[0] * altitude + rays[1] * camera.position[0],
                rays[2] * altitude + rays[1] * camera.position[2],
                rays[1],
            ]
        )
        return np.asarray(self._tile_matrix() @ ground)

    def _tile_matrix(self) -> FloatArray:
        scale = GROUND_PX / GROUND_M
        turn = np.array([[cos(self.turn), -sin(self.turn)], [sin(self.turn), cos(self.turn)]]) * scale
        return np.array([[*turn[0], self.shift[0] * scale], [*turn[1], self.shift[1] * scale], [0, 0, 1.0]])

    def _around(self, camera: Camera) -> Any:
        """The whole sphere: panorama above, ground below."""
        right, ahead, down = _directions(camera)
        azimuth = np.arctan2(right, ahead)
        x = (azimuth / (2 * pi) + 0.5) * PANORAMA_SIZE[1]
        y = np.arcsin(np.clip(down, -1, 1)) * _PANORAMA_FOCAL + HORIZON_ROW
        far = cv2.remap(
            panorama(self.surroundings),
            rounded(x, 2).astype(np.float32),
            np.clip(rounded(y, 2), 0, PANORAMA_SIZE[0] - 1).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        altitude = -camera.position[1]
        reach = altitude / np.maximum(down, 1e-3)
        tile = self._tile_matrix()
        ground_x, ground_z = camera.position[0] + right * reach, camera.position[2] + ahead * reach
        level = 2
        u = (tile[0, 0] * ground_x + tile[0, 1] * ground_z + tile[0, 2]) / 2**level
        v = (tile[1, 0] * ground_x + tile[1, 1] * ground_z + tile[1, 2]) / 2**level
        side = GROUND_PX / 2**level
        near = cv2.remap(
            ground_levels(self.ground)[level],
            rounded(u % side, 2).astype(np.float32),
            rounded(v % side, 2).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        mask = np.where(down * self.reach_m > altitude, np.uint8(255), np.uint8(0))
        cv2.copyTo(near, mask, far)
        return far


@dataclass(frozen=True, eq=False)
class PhotoPlace:
    """A photo that turns with the camera but has no depth.

    Attributes:
        photo: ``(h, w, 3)`` uint8, larger than the frames so that the camera may turn.
        focal_px: Focal length that the photo is taken to have.
    """

    photo: Image
    focal_px: float

    def image(self, camera: Camera, *, soft: bool = False) -> Image:
        """The photo as a plane far away; it is never soft."""
        height, width = self.photo.shape[:2]
        plane = np.array([[self.focal_px, 0, width / 2], [0, self.focal_px, height / 2], [0, 0, 1]])
        forward = np.exp(min(float(camera.position[2]) / 40, 0.4))
        matrix = camera.matrix.copy()
        matrix[0, 0] *= forward
        matrix[1, 1] *= forward
        view = rounded(plane @ camera.rotation.T @ np.linalg.inv(matrix), 9)
        size = (camera.width, camera.height)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpPerspective(self.photo, view, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(warped, np.uint8)

    def depth(self, camera: Camera) -> None:
        """Nobody knows the depth of a photo."""
        return None


def _fall(camera: Camera) -> tuple[float, float, float]:
    """How far a ray falls per metre of depth: ``a * x + b * y + c`` at pixel (x, y)."""
    a, b, c = rounded(camera.rotation.T[1] @ np.linalg.inv(camera.matrix), 9).tolist()
    return a, b, c


def _directions(camera: Camera) -> tuple[FloatArray, FloatArray, FloatArray]:
    """World direction (right, ahead, down), each ``(H, W)``, of an equirectangular picture's pixels."""
    azimuth = (np.arange(camera.width) + 0.5 - camera.width / 2) / camera.focal_px
    elevation = (np.arange(camera.height) + 0.5 - camera.height / 2) / camera.focal_px
    flat = np.cos(elevation)[:, None]
    local = (
        np.sin(azimuth)[None] * flat,
        np.sin(elevation)[:, None] + 0 * azimuth,
        np.cos(azimuth)[None] * flat,
    )
    turned = np.tensordot(camera.rotation.T, np.stack(local), axes=1)
    return turned[0], turned[2], turned[1]
