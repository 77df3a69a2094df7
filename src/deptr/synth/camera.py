"""Cameras: where a point of the world lands in the picture and how deep it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import cos, sin

import numpy as np

from deptr.records import FloatArray
from deptr.synth.paint import Sprite
from deptr.synth.rng import rounded


class Projection(str, Enum):
    """How directions become pixels."""

    PINHOLE = "pinhole"
    EQUIRECTANGULAR = "equirectangular"


def rotation_matrix(yaw: float, pitch: float, roll: float) -> FloatArray:
    """Rotation from world to camera axes, ``(3, 3)``.

    World and camera axes are x right, y down, z forward. Angles in radians: a positive yaw turns the
    camera to its right, a positive pitch looks down, a positive roll tilts its head to the right.

    Example:
        >>> rotation_matrix(0.0, 0.0, 0.0).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    turn = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, cos(pitch), -sin(pitch)], [0, sin(pitch), cos(pitch)]])
    tilt = np.array([[cos(roll), sin(roll), 0], [-sin(roll), cos(roll), 0], [0, 0, 1]])
    return rounded(tilt @ nod @ turn, 9)


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera at one moment.

    Attributes:
        width: Picture width in pixels.
        height: Picture height in pixels.
        focal_px: Focal length in pixels; for equirectangular pictures the pixels per radian.
        rotation: ``(3, 3)`` from world to camera axes.
        position: ``(3,)`` metres in the world (x right, y down with the ground at 0, z forward).
        projection: Pinhole or equirectangular.

    Example:
        >>> camera = Camera(640, 384, 500.0, rotation_matrix(0, 0, 0), np.array([0.0, -1.5, 0.0]))
        >>> pixels, depth = camera.project(np.array([[0.0, 0.0, 10.0]]))
        >>> pixels.tolist(), depth.tolist()
        ([[320.0, 267.0]], [10.0])
    """

    width: int
    height: int
    focal_px: float
    rotation: FloatArray
    position: FloatArray
    projection: Projection = Projection.PINHOLE

    @property
    def matrix(self) -> FloatArray:
        """``(3, 3)`` camera matrix; for equirectangular pictures it maps (azimuth, elevation, 1)."""
        return np.array(
            [[self.focal_px, 0, self.width / 2], [0, self.focal_px, self.height / 2], [0, 0, 1.0]]
        )

    def halved(self) -> Camera:
        """The same view in a picture of half the size (rounded up)."""
        width, height = (self.width + 1) // 2, (self.height + 1) // 2
        return replace(self, width=width, height=height, focal_px=self.focal_px / 2)

    def to_camera(self, points: FloatArray) -> FloatArray:
        """World points ``(N, 3)`` in camera axes, metres."""
        return np.asarray((points - self.position) @ self.rotation.T)

    def project(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pixels ``(N, 2)`` and depth ``(N,)`` in metres of world points ``(N, 3)``.

        Depth is the distance along the optical axis for a pinhole camera (points behind it have a
        depth below 0 and meaningless pixels) and the straight distance for an equirectangular one.
        """
        local = self.to_camera(points)
        if self.projection is Projection.EQUIRECTANGULAR:
            flat = np.hypot(local[:, 0], local[:, 2])
            angles = np.stack([np.arctan2(local[:, 0], local[:, 2]), np.arctan2(local[:, 1], flat)], axis=1)
            pixels = angles * self.focal_px + (self.width / 2, self.height / 2)
            return rounded(pixels), rounded(np.linalg.norm(local, axis=1))
        depth = local[:, 2]
        safe = np.where(depth > 1e-3, depth, 1e-3)
        pixels = local[:, :2] / safe[:, None] * self.focal_px + (self.width / 2, self.height / 2)
        return rounded(pixels), rounded(depth)

    def billboards(self, positions: FloatArray, heights_m: FloatArray) -> Billboards:
        """Where upright things on the ground land, facing the camera.

        Args:
            positions: ``(N, 3)`` ground points in the world.
            heights_m: ``(N,)`` heights in metres.
        """
        count = len(positions)
        upward = np.zeros((count, 3))
        upward[:, 1] = -heights_m
        middle = positions + upward / 2
        if self.projection is Projection.EQUIRECTANGULAR:
            ray = middle - self.position
            sideways = np.stack([ray[:, 2], np.zeros(count), -ray[:, 0]], axis=1)
            sideways /= np.maximum(np.linalg.norm(sideways, axis=1, keepdims=True), 1e-9)
        else:
            sideways = np.tile(self.rotation[0], (count, 1))
        half = sideways * heights_m[:, None] / 8
        points = np.concatenate([positions, positions + upward, middle, middle - half, middle + half])
        pixels, depth = self.project(points)
        foot, head, _, left, right = pixels.reshape(5, count, 2)
        across = right - left
        if self.projection is Projection.EQUIRECTANGULAR:
            turn = 2 * np.pi * self.focal_px
            across[:, 0] -= turn * np.round(across[:, 0] / turn)
            head = head + np.stack([turn * np.round((foot[:, 0] - head[:, 0]) / turn), np.zeros(count)], 1)
        depths = depth.reshape(5, count)
        return Billboards(foot, across * 4, foot - head, depths[2], depths[:3].min(axis=0))


@dataclass(frozen=True, eq=False)
class Billboards:
    """Upright things in picture coordinates, one row each.

    Attributes:
        foot: ``(N, 2)`` pixel of the ground point.
        right: ``(N, 2)`` pixels for one body height to the right.
        down: ``(N, 2)`` pixels from head to foot.
        depth: ``(N,)`` metres, of the middle of the body.
        nearest: ``(N,)`` metres, of the nearest of foot, middle and head.
    """

    foot: FloatArray
    right: FloatArray
    down: FloatArray
    depth: FloatArray
    nearest: FloatArray

    def matrix(self, index: int, sprite: Sprite, stretch: float = 1.0, lean: float = 0.0) -> FloatArray:
        """``(2, 3)`` from sprite pixels to picture pixels.

        Args:
            index: Row of the thing.
            sprite: Its picture.
            stretch: Factor on its width; negative mirrors it.
            lean: Radians by which it leans, for small angles.
        """
        scale = 1.0 / sprite.height_px
        across = self.right[index].tolist()
        down = self.down[index].tolist()
        rows = []
        for right, fall, foot in zip(across, down, self.foot[index].tolist(), strict=True):
            x, y = right * stretch * scale, fall * scale
            x, y = x - lean * y, y + lean * x
            rows.append((round(x, 8), round(y, 8), round(foot - x * sprite.foot[0] - y * sprite.foot[1], 6)))
        return np.array(rows)
