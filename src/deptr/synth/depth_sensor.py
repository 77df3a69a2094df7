"""What a stereo depth camera would make of an exact depth map: noise, holes, flying pixels, blind borders."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.synth.rng import generator

_EDGE = 0.05  # relative jump of depth between neighbours that counts as an edge
_LONGEST_SHADOW = 48  # pixels beside an object that the second lens cannot see
_PATCH = 24  # pixels: size of the patches without texture, where matching fails


@dataclass(frozen=True)
class DepthSensor:
    """A stereo camera's errors; all are drawn from a seed and the frame's number.

    Depth is measured as disparity, so its noise and its steps grow with the square of the distance. What one
    lens alone sees has no depth: a shadow on the left of each object, and the left border. At edges of depth
    pixels fly between both sides or are lost.

    Attributes:
        baseline_m: Distance of the lenses.
        disparity_noise_px: Standard deviation of a disparity.
        disparity_step_px: Steps in which disparities are told.
        farthest_m: Beyond it nothing is told.
        hole_share: Share of the picture in patches without depth.
        flying_share: Share of the pixels at edges that fly; as many are lost.
        seed: Of the errors.

    Example:
        >>> exact = np.full((48, 64), 5.0, np.float32)
        >>> seen = DepthSensor(seed=3).measure(exact, focal_px=60.0, frame=1)
        >>> bool(np.isnan(seen[:, 0]).all()), bool(abs(np.nanmedian(seen) - 5) < 0.2)
        (True, True)
    """

    baseline_m: float = 0.12
    disparity_noise_px: float = 0.15
    disparity_step_px: float = 1 / 16
    farthest_m: float = 60.0
    hole_share: float = 0.05
    flying_share: float = 0.35
    seed: int = 0

    def measure(self, depth_m: FloatArray, *, focal_px: float, frame: int) -> FloatArray:
        """The map as the sensor gives it.

        Args:
            depth_m: ``(H, W)`` exact metres, NaN = unknown.
            focal_px: Focal length in pixels.
            frame: Number of the frame.

        Returns:
            ``(H, W)`` float32 metres, NaN where nothing was measured.
        """
        rng = generator(self.seed, 130, frame)
        scale = focal_px * self.baseline_m
        exact = np.nan_to_num(depth_m.astype(np.float32), nan=np.inf)
        disparity = scale / exact
        blind = self._blind(disparity)
        edges = _edges(exact)
        flying = edges & (rng.random(exact.shape, np.float32) < self.flying_share)
        lost = edges & (rng.random(exact.shape, np.float32) < self.flying_share)
        beside = cv2.GaussianBlur(disparity, (5, 5), 0)
        measured = np.where(flying, beside, disparity)
        measured += rng.standard_normal(exact.shape, np.float32) * self.disparity_noise_px
        measured = np.rint(measured / self.disparity_step_px) * self.disparity_step_px
        with np.errstate(divide="ignore"):
            result = scale / measured
        unknown = blind | lost | self._patches(rng, exact.shape) | ~np.isfinite(exact) | (measured <= 0)
        return np.where(unknown | (result > self.farthest_m), np.nan, result).astype(np.float32)

    def _patches(self, rng: np.random.Generator, shape: tuple[int, ...]) -> BoolArray:
        small = rng.standard_normal((shape[0] // _PATCH + 2, shape[1] // _PATCH + 2), np.float32)
        smooth = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
        return np.asarray(smooth > np.quantile(smooth, 1 - self.hole_share))

    @staticmethod
    def _blind(disparity: FloatArray) -> BoolArray:
        """What the other lens does not see: beyond its border, or behind something nearer to the right."""
        columns = np.arange(disparity.shape[1], dtype=np.float32)
        blind = np.asarray(columns < disparity)
        longest = min(_LONGEST_SHADOW, disparity.shape[1] - 1, int(disparity.max()))
        for shift in range(1, longest + 1):
            blind[:, :-shift] |= disparity[:, shift:] - disparity[:, :-shift] >= shift
        return blind


def _edges(depth: FloatArray) -> BoolArray:
    far = np.minimum(depth, 1e6)
    largest, smallest = cv2.dilate(far, np.ones((3, 3))), cv2.erode(far, np.ones((3, 3)))
    return np.asarray(largest > smallest * (1 + _EDGE))
