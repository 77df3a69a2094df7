"""What happens to a picture between the world and the file: colour, blur, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from deptr.records import FloatArray, Image
from deptr.synth.rng import noise_bank


@dataclass(frozen=True)
class Lens:
    """Flaws of one camera; 0 and None switch a flaw off.

    Attributes:
        gain: Exposure, a factor on all colours.
        blur: Standard deviation of the blur in pixels.
        motion_px: Length of a straight smear in pixels.
        motion_angle: Its direction in radians.
        noise: Standard deviation of the sensor noise in grey levels.
        jpeg_quality: Quality of a compression in [1, 100], or None.
        grey: Whether colours are lost.
    """

    gain: float = 1.0
    blur: float = 0.0
    motion_px: float = 0.0
    motion_angle: float = 0.0
    noise: float = 0.0
    jpeg_quality: int | None = None
    grey: bool = False

    @classmethod
    def random(cls, rng: np.random.Generator, strength: float = 1.0) -> Lens:
        """A camera with some of the flaws; `strength` scales how bad they are, from 0."""
        draw = rng.random(8)
        return cls(
            gain=float(1 + (draw[0] - 0.5) * 0.7 * strength),
            blur=float(0.4 + 1.4 * draw[1] ** 2) * strength if draw[2] < 0.35 else 0.0,
            motion_px=float(2 + 7 * draw[3] ** 2) * strength if draw[2] > 0.88 else 0.0,
            motion_angle=float(rng.normal(0, 0.4)),
            noise=float(14 * draw[4] ** 2) * strength if draw[5] < 0.6 else 0.0,
            jpeg_quality=int(rng.integers(25, 95)) if draw[6] < 0.4 * strength else None,
            grey=bool(draw[7] < 0.03 * strength),
        )

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture as this camera shows it; `rng` places the noise of this frame."""
        result: Any = image
        if self.gain != 1.0:
            result = cv2.convertScaleAbs(result, alpha=self.gain)
        if self.grey:
            result = cv2.cvtColor(cv2.cvtColor(result, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if self.blur > 0:
            result = cv2.GaussianBlur(result, (0, 0), self.blur)
        if self.motion_px > 1:
            result = cv2.filter2D(result, -1, _smear(self.motion_px, self.motion_angle))
        if self.noise > 0:
            result = self._add_noise(result, rng)
        if self.jpeg_quality is not None:
            _, data = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality])
            result = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return np.ascontiguousarray(result, dtype=np.uint8)

    def _add_noise(self, image: Image, rng: np.random.Generator) -> Image:
        height, width = image.shape[:2]
        top, left = rng.integers(0, 64, 2)
        grain = noise_bank(height, width)[top : top + height, left : left + width]
        weight = self.noise / 32
        return np.asarray(cv2.addWeighted(image, 1.0, grain, weight, -128 * weight), np.uint8)


def _smear(length: float, angle: float) -> FloatArray:
    size = int(length) // 2 * 2 + 3
    kernel = np.zeros((size, size), np.uint8)
    middle = size // 2
    reach = np.round(np.array([np.cos(angle), np.sin(angle)]) * length / 2).astype(int)
    cv2.line(kernel, tuple((middle - reach).tolist()), tuple((middle + reach).tolist()), 1)
    return kernel.astype(np.float32) / float(kernel.sum())


def colour_matrix(gain: FloatArray, offset: FloatArray, saturation: float) -> FloatArray:
    """``(4, 4)`` matrix on (r, g, b, alpha) with colours multiplied by alpha.

    Args:
        gain: ``(3,)`` factor per channel.
        offset: ``(3,)`` grey levels added where alpha is full.
        saturation: 1 keeps colours, 0 makes grey.

    Example:
        >>> colour_matrix(np.ones(3), np.zeros(3), 1.0).tolist() == np.eye(4).tolist()
        True
    """
    luma = np.array([0.299, 0.587, 0.114])
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(luma, (3, 1))
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(gain)[:, None] * mix
    matrix[:3, 3] = np.asarray(offset) / 255
    return matrix
