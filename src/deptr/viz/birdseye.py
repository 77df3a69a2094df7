"""The bird's-eye inset: where every track stands, image column against depth."""

from __future__ import annotations

import math

import cv2
import numpy as np

from deptr.records import DepthKind, FloatArray, Image, IntArray
from deptr.viz.canvas import Font, rounded
from deptr.viz.colors import INK, Color, identity_color, ink_on, mixed
from deptr.viz.trails import Trails

CORNERS = ("top-right", "bottom-right", "bottom-left")  # the fourth is the caption's
_GRID: Color = (74, 82, 98)
_FAINT: Color = (150, 158, 172)
_NEAR_WIDTH = 0.3  # width of the view at depth 0, as a share of its width at the far end
_HEADROOM = 1.12
_SMOOTHING = 0.35  # share of a new depth in the dot that is shown
_RANGE_SPEED = 0.08  # share by which the range follows per frame, so that the picture does not jump


class BirdsEye:
    """A panel with the camera at the bottom and depth going up.

    The sideways place is the box centre's column as seen from the camera; without a calibration that is
    true up to the unknown focal length.

    Args:
        image_size: Width and height of the image it is laid upon.
        kind: What the depths mean.
        corner: One of `CORNERS`.
    """

    def __init__(self, image_size: tuple[int, int], kind: DepthKind, corner: str = "top-right") -> None:
        self.kind = kind
        self._image_size = image_size
        self._left, self._top, self._width, self._height = panel(image_size, corner)
        unit = self._height / 200
        self._margin = max(6, round(12 * unit))
        self._font = Font(max(10, round(11 * unit)))
        self._dot = max(4, round(7 * unit))
        label = self._font.width("00 m") + self._margin // 2 if kind is DepthKind.METRIC else 0
        self._bottom = self._top + self._height - 2 * self._margin
        self._reach = self._height - 3.4 * self._margin
        self._spread = self._width - 2.4 * self._margin - label
        self._middle = self._left + 1.2 * self._margin + label + self._spread / 2
        self._trails = Trails()
        self._smooth: dict[int, tuple[float, float]] = {}
        self._low: float | None = None
        self._high: float | None = None

    def draw(
        self, image: Image, ids: IntArray, centres_x: FloatArray, depths: FloatArray, now: float
    ) -> None:
        """Lay the panel over `image`.

        Args:
            image: ``(H, W, 3)`` RGB, changed in place.
            ids: ``(N,)`` identities.
            centres_x: ``(N,)`` pixel columns of the box centres.
            depths: ``(N,)`` depths; unknown ones (NaN) are not shown.
            now: Seconds.
        """
        known = np.flatnonzero(np.isfinite(depths))
        self._follow_range(depths[known])
        x0, y0 = self._left, self._top
        rounded(image, (x0, y0, x0 + self._width, y0 + self._height), self._margin, INK, opacity=0.82)
        self._draw_grid(image)
        places: list[tuple[float, int]] = []
        for row in known:
            identity, depth = int(ids[row]), float(depths[row])
            last, seen = self._smooth.get(identity, (depth, now))
            share = _SMOOTHING if now - seen < 1.0 else 1.0
            self._smooth[identity] = last + share * (depth - last), now
            side = float(centres_x[row]) / self._image_size[0] - 0.5
            self._trails.add(identity, now, (side, self._smooth[identity][0]))
            places.append((side, identity))
        self._smooth = {key: value for key, value in self._smooth.items() if now - value[1] < 5.0}
        self._trails.forget_old(now)
        for side, identity in sorted(places, key=lambda place: self._nearness(self._smooth[place[1]][0])):
            self._draw_track(image, identity, side, now)

    def _draw_track(self, image: Image, identity: int, side: float, now: float) -> None:
        color = identity_color(identity)
        for line, age in self._trails.pieces(identity, now):
            faded = mixed(color, INK, 0.15 + 0.75 * age)
            cv2.polylines(image, [self._places(line)], False, faded, 2, cv2.LINE_AA)
        x, y = self._place(side, self._smooth[identity][0])
        cv2.circle(image, (x, y), self._dot + 1, INK, -1, cv2.LINE_AA)
        cv2.circle(image, (x, y), self._dot, color, -1, cv2.LINE_AA)
        word = str(identity)
        if self._font.width(word) <= 2 * self._dot + 4:
            left, top = x - self._font.width(word) // 2, y - self._font.height // 2
            self._font.draw(image, left, top, word, ink_on(color))

    def _draw_grid(self, image: Image) -> None:
        low, high = self._range()
        far_left, far_right = self._at(-0.5, 1.0), self._at(0.5, 1.0)
        for near, far in ((self._at(-0.5, 0.0), far_left), (self._at(0.5, 0.0), far_right)):
            cv2.line(image, near, far, _GRID, 1, cv2.LINE_AA)
        step = nice_step((high - low) / 5)
        value = math.ceil(low / step) * step
        while value < high and self.kind is DepthKind.METRIC:
            share = self._share(value)
            if share > 0.02:
                left, right = self._at(-0.5, share), self._at(0.5, share)
                cv2.line(image, left, right, _GRID, 1, cv2.LINE_AA)
                word = f"{value:g} {self.kind.unit}"
                self._font.draw(
                    image, self._left + self._margin, left[1] - self._font.height // 2, word, _FAINT
                )
            value += step
        if self.kind is not DepthKind.METRIC:
            for share in (0.25, 0.5, 0.75, 1.0):
                cv2.line(image, self._at(-0.5, share), self._at(0.5, share), _GRID, 1, cv2.LINE_AA)
            bottom = self._at(0, 0.0)[1] - self._font.height
            self._font.draw(image, self._left + self._margin, bottom, "near", _FAINT)
            top = self._at(0, 0.75)[1] - self._font.height
            self._font.draw(image, self._left + self._margin, top, "far", _FAINT)
        camera = self._at(0.0, 0.0)
        size = self._dot
        points = np.array([(camera[0], camera[1] + 1), (camera[0] - size, camera[1] + size + 2)])
        points = np.vstack([points, (camera[0] + size, camera[1] + size + 2)])
        cv2.fillPoly(image, [points.astype(np.int32)], _FAINT, cv2.LINE_AA)

    def _follow_range(self, depths: FloatArray) -> None:
        if not len(depths):
            return
        high = float(np.max(depths)) * _HEADROOM
        low = float(np.min(depths)) / _HEADROOM if self.kind is not DepthKind.METRIC else 0.0
        if self._low is None or self._high is None:
            self._low, self._high = low, high
        self._low = self._ease(self._low, low, low < self._low)
        self._high = self._ease(self._high, high, high > self._high)

    def _ease(self, old: float, new: float, outward: bool) -> float:
        speed = 4 * _RANGE_SPEED if outward else _RANGE_SPEED / 8
        return old + speed * (new - old)

    def _range(self) -> tuple[float, float]:
        low, high = self._low or 0.0, self._high or 1.0
        return low, max(high, low + 1e-6)

    def _share(self, depth: float) -> float:
        """How far up the view a depth stands: 0 at the camera, 1 at the far end."""
        low, high = self._range()
        share = (depth - low) / (high - low)
        return min(1.0, max(0.0, 1 - share if self.kind.larger_is_nearer else share))

    def _nearness(self, depth: float) -> float:
        return 1 - self._share(depth)

    def _places(self, line: FloatArray) -> IntArray:
        """Pixels of points (side, depth), ``(M, 2)`` int32."""
        low, high = self._range()
        share = np.clip((line[:, 1] - low) / (high - low), 0, 1)
        share = 1 - share if self.kind.larger_is_nearer else share
        spread = self._spread * (_NEAR_WIDTH + (1 - _NEAR_WIDTH) * share)
        columns = self._middle + line[:, 0] * spread
        return np.round(np.stack([columns, self._bottom - share * self._reach], axis=1)).astype(np.int32)

    def _place(self, side: float, depth: float) -> tuple[int, int]:
        return self._at(side, self._share(depth))

    def _at(self, side: float, share: float) -> tuple[int, int]:
        spread = self._spread * (_NEAR_WIDTH + (1 - _NEAR_WIDTH) * share)
        return round(self._middle + side * spread), round(self._bottom - share * self._reach)


def panel(image_size: tuple[int, int], corner: str) -> tuple[int, int, int, int]:
    """Left, top, width and height of the inset in an image.

    Example:
        >>> panel((768, 576), "bottom-left")
        (12, 368, 230, 196)
    """
    width, height = image_size
    inset_height = min(max(round(0.34 * height), min(180, round(0.6 * height))), round(0.4 * width))
    inset_width = min(round(1.175 * inset_height), width)
    gap = max(4, round(0.02 * height))
    left = width - inset_width - gap if "right" in corner else gap
    top = height - inset_height - gap if "bottom" in corner else gap
    return max(left, 0), max(top, 0), inset_width, inset_height


def quietest_corner(image_size: tuple[int, int], boxes: FloatArray) -> str:
    """The corner in which an inset hides the least of these boxes, ``(N, 4)`` xyxy.

    Example:
        >>> quietest_corner((768, 576), np.array([[700.0, 0, 760, 100], [0, 500, 50, 570]]))
        'bottom-right'
    """

    def hidden(corner: str) -> float:
        left, top, width, height = panel(image_size, corner)
        overlap_x = np.minimum(boxes[:, 2], left + width) - np.maximum(boxes[:, 0], left)
        overlap_y = np.minimum(boxes[:, 3], top + height) - np.maximum(boxes[:, 1], top)
        return float(np.sum(np.maximum(overlap_x, 0) * np.maximum(overlap_y, 0)))

    return min(CORNERS, key=hidden)


def nice_step(step: float) -> float:
    """The round number 1, 2 or 5 times a power of ten that is closest from above.

    Example:
        >>> nice_step(3.1), nice_step(0.07)
        (5.0, 0.1)
    """
    power = 10.0 ** math.floor(math.log10(max(step, 1e-12)))
    return next(round(factor * power, 12) for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
