"""Where tracks are in metres: places and velocities in the camera's frame, or in the world with its poses."""

from __future__ import annotations

import numpy as np

from deptr.cameras import Camera, rigid
from deptr.records import BoolArray, DepthKind, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Part, Step

PIXEL_NOISE = 0.05  # of the box height: standard deviation of a box's middle
DEPTH_NOISE = 0.05  # of the depth: deviation where none is given
LEAST_DEPTH_NOISE = 0.02  # of the depth
UNKNOWN_DEPTH_NOISE = 1.0  # of the depth: a box without depth tells a direction only
INITIAL_SPEED = 2.0  # m/s, standard deviation of a new track's velocity in each direction
ACCELERATION = 1.0  # m^2/s^3, power of the acceleration in each direction
OUTLIER_GATE = 9.0  # squared standard deviations from which on a measurement counts as wrong and weighs less
LEAST_DEPTH = 1e-2  # metres


class MetricMotion(Part):
    """Place and velocity of the middle of every track's box in metres, by a Kalman filter in space.

    Constant velocity with white acceleration, in the axes of the camera, or of the world where the camera's
    pose is told: there a moving camera moves nobody. A box without depth tells its direction only.

    Args:
        camera: What the boxes were seen with.

    Attributes:
        mean: ``(T, 6)`` place and velocity, metres and seconds; NaN until a depth in metres is known.
        covariance: ``(T, 6, 6)``.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._pose: FloatArray | None = np.eye(4)
        self.mean = np.zeros((0, 6))
        self.covariance = np.zeros((0, 6, 6))

    def look(self, pose: FloatArray | None) -> None:
        """Say from where the next frame is seen.

        Args:
            pose: ``(4, 4)`` from the camera's axes to the world's; NaN = unknown, and then boxes tell no
                place; None for places in the camera's own axes.

        Raises:
            UsageError: It is no rotation and translation.
        """
        if pose is not None and np.isnan(pose).any():
            self._pose = None
        else:
            self._pose = np.eye(4) if pose is None else rigid(pose, "pose")

    @property
    def located(self) -> bool:
        """Whether it is known from where this frame was seen."""
        return self._pose is not None

    def predict(self, step: Step) -> None:
        """Move all rows ahead."""
        seconds = step.seconds
        mean, covariance = self.mean, self.covariance
        mean[:, :3] += seconds * mean[:, 3:]
        cross = covariance[:, :3, 3:] + seconds * covariance[:, 3:, 3:]
        covariance[:, :3, :3] += seconds * (covariance[:, 3:, :3] + cross)
        covariance[:, :3, 3:] = cross
        covariance[:, 3:, :3] = cross.transpose(0, 2, 1)
        for axis in range(3):
            covariance[:, axis, axis] += ACCELERATION * seconds**3 / 3
            covariance[:, axis, axis + 3] += ACCELERATION * seconds**2 / 2
            covariance[:, axis + 3, axis] += ACCELERATION * seconds**2 / 2
            covariance[:, axis + 3, axis + 3] += ACCELERATION * seconds

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Take the boxes and depths in; a row without a place starts at its first known depth."""
        if self._pose is None or not len(rows):
            return
        depths = _metric(taken)
        known = np.isfinite(self.mean[rows, 0])
        expected = ((self.mean[rows, :3] - self._pose[:3, 3]) @ self._pose[:3, 2])[known]
        guessed = known & np.isnan(depths)
        places, noise = self._measured(
            taken, np.where(guessed, self._spread(expected, known), depths), guessed
        )
        fresh = ~known & np.isfinite(places[:, 0])
        self._start(rows[fresh], places[fresh], noise[fresh])
        old = known & np.isfinite(places[:, 0])
        self._correct(rows[old], places[old], noise[old])

    def append(self, taken: Measurements) -> None:
        """Start rows where their depth is known, and without a place elsewhere."""
        count = len(taken)
        self.mean = np.concatenate([self.mean, np.full((count, 6), np.nan)])
        self.covariance = np.concatenate([self.covariance, np.full((count, 6, 6), np.nan)])
        if self._pose is None:
            return
        depths = _metric(taken)
        places, noise = self._measured(taken, depths, np.zeros(count, np.bool_))
        known = np.isfinite(depths)
        rows = np.arange(len(self.mean) - count, len(self.mean))
        self._start(rows[known], places[known], noise[known])

    def select(self, kept: Indices) -> None:
        """Keep these rows, in this order."""
        self.mean, self.covariance = self.mean[kept], self.covariance[kept]

    @staticmethod
    def _spread(values: FloatArray, rows: BoolArray) -> FloatArray:
        """Values of some rows as those of all, NaN elsewhere; none behind the camera."""
        result = np.full(len(rows), np.nan)
        result[rows] = np.where(values > LEAST_DEPTH, values, np.nan)
        return result

    def _measured(
        self, taken: Measurements, depths: FloatArray, guessed: BoolArray
    ) -> tuple[FloatArray, FloatArray]:
        """Places ``(N, 3)`` of the boxes' middles and their covariances ``(N, 3, 3)``."""
        assert self._pose is not None
        rays = self._camera.rays((taken.boxes[:, :2] + taken.boxes[:, 2:]) / 2)
        direction = np.concatenate([rays, np.ones((len(rays), 1))], axis=1) @ self._pose[:3, :3].T
        across = PIXEL_NOISE * (taken.boxes[:, 3] - taken.boxes[:, 1]) * depths / self._camera.focal_px
        given = np.fmax(np.where(np.isnan(taken.depth_stds), DEPTH_NOISE * depths, taken.depth_stds), 0.0)
        along = np.maximum(given, LEAST_DEPTH_NOISE * depths)
        along = np.where(guessed, UNKNOWN_DEPTH_NOISE * depths, along)
        sideways = self._pose[:3, :2] @ self._pose[:3, :2].T
        noise = across[:, None, None] ** 2 * sideways
        noise += along[:, None, None] ** 2 * direction[:, :, None] * direction[:, None, :]
        return direction * depths[:, None] + self._pose[:3, 3], noise

    def _start(self, rows: Indices, places: FloatArray, noise: FloatArray) -> None:
        self.mean[rows, :3], self.mean[rows, 3:] = places, 0.0
        covariance = np.zeros((len(rows), 6, 6))
        covariance[:, :3, :3] = noise
        covariance[:, 3:, 3:] = INITIAL_SPEED**2 * np.eye(3)
        self.covariance[rows] = covariance

    def _correct(self, rows: Indices, places: FloatArray, noise: FloatArray) -> None:
        prior = self.covariance[rows]
        error = places - self.mean[rows, :3]
        total = prior[:, :3, :3] + noise
        distance = np.einsum("ti,ti->t", error, np.linalg.solve(total, error[..., None])[..., 0])
        total += np.maximum(distance / OUTLIER_GATE - 1, 0.0)[:, None, None] * total
        gain = np.linalg.solve(total, prior[:, :3, :]).transpose(0, 2, 1)
        self.mean[rows] += np.einsum("tij,tj->ti", gain, error)
        updated = prior - gain @ prior[:, :3, :]
        self.covariance[rows] = (updated + updated.transpose(0, 2, 1)) / 2


def _metric(taken: Measurements) -> FloatArray:
    """Depths in metres, NaN where they are unknown or of another kind."""
    if taken.depth_kind is not DepthKind.METRIC:
        return np.full(len(taken), np.nan)
    return np.where(taken.depths > LEAST_DEPTH, taken.depths, np.nan)
