"""What a detector of some quality makes of bodies that are there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from deptr.boxes import paired_iou
from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.learned.observations import LOG_Z, LOG_Z_STD, UNKNOWN_STD, observe

NOTHING = -1  # identity of a detection of nothing
DEPTH_KINDS = {  # share of the clips in which depth is like this
    "exact": 0.2,
    "noisy": 0.3,
    "biased": 0.1,
    "useless": 0.1,
    "shuffled": 0.08,
    "constant": 0.05,
    "missing": 0.17,
}


@dataclass(frozen=True)
class Clip:
    """Detections of some frames and what is true of each.

    Attributes:
        size: Width and height of the image.
        frames: ``(M,)`` frame of each detection, from 0, ascending.
        seconds: ``(T,)`` time of each frame.
        seen: ``(M, 7)`` detections, see `observe`.
        identities: ``(M,)`` from 0, -1 for a detection of nothing.
        boxes: ``(M, 4)`` true box, the detected one where there is none.
        log_z: ``(M,)`` true log depth, NaN where there is none.
        quality: ``(M,)`` IoU of the detection with the truth.
        states: ``(M, S)`` query states of a detector, ``S = 0`` without.
        scene: Which of the rendered worlds it is, -1 of others.
        first_frame: Of it, from 0.
    """

    size: tuple[float, float]
    frames: IntArray
    seconds: FloatArray
    seen: FloatArray
    identities: IntArray
    boxes: FloatArray
    log_z: FloatArray
    quality: FloatArray
    states: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    scene: int = -1
    first_frame: int = 0


def with_depth(clip: Clip, log_z: FloatArray | None, std: float = UNKNOWN_STD) -> Clip:
    """A clip with other depths ``(M,)``, None for none."""
    seen = clip.seen.copy()
    seen[:, LOG_Z] = np.nan if log_z is None else log_z
    seen[:, LOG_Z_STD] = std
    return replace(clip, seen=seen)


def detected(
    rng: np.random.Generator,
    truth: FloatArray,
    log_z: FloatArray,
    seconds: FloatArray,
    *,
    size: tuple[float, float],
    most: int,
) -> Clip:
    """What a detector drawn at random finds.

    Args:
        rng: Draws it.
        truth: ``(T, N, 4)`` true boxes in pixels.
        log_z: ``(T, N)`` true log depths, NaN where a body is behind the camera.
        seconds: ``(T,)`` times.
        size: Width and height of the image.
        most: Frames after so many detections are left out.
    """
    detector = _Detector(rng, truth.shape[1], size)
    parts: list[_Frame] = []
    total = 0
    for frame in range(len(truth)):
        found = detector.look(truth[frame], log_z[frame])
        total += len(found.identities)
        if total > most:
            break
        parts.append(found)
    frames = np.repeat(np.arange(len(parts)), [len(part.identities) for part in parts])
    return Clip(
        size,
        frames,
        seconds,
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.identities for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.log_z for part in parts]),
        np.concatenate([part.quality for part in parts]),
        np.zeros((len(frames), 0)),
    )


@dataclass(frozen=True)
class _Frame:
    """Columns of `Clip` for one frame."""

    seen: FloatArray
    identities: IntArray
    boxes: FloatArray
    log_z: FloatArray
    quality: FloatArray


class _Detector:
    """Box noise that comes and goes, misses, false boxes, and what it tells of depth."""

    def __init__(self, rng: np.random.Generator, count: int, size: tuple[float, float]) -> None:
        self._rng, self._size = rng, size
        self._jitter = float(
            rng.choice([0.0, 0.01, 0.02, 0.05, 0.1, 0.15], p=[0.1, 0.2, 0.25, 0.2, 0.15, 0.1])
        )
        self._drift = float(rng.choice([0.0, 1.0]))
        self._slow = self._jitter * self._drift * rng.normal(size=(count, 4))
        self._missed = float(rng.uniform(0, 0.12))
        self._nothing = float(rng.choice([0.0, 0.2, 1.0]))  # false boxes in a frame
        self._hides = float(rng.uniform(0.55, 0.95))  # cover from which on nobody is found
        self._depths = _Depths(rng, count)

    def look(self, truth: FloatArray, log_z: FloatArray) -> _Frame:
        """What is found in one frame, in random order."""
        rng, (width, height) = self._rng, self._size
        boxes = np.clip(truth, 0, [width, height, width, height])
        sides = boxes[:, 2:] - boxes[:, :2]
        inside = np.isfinite(log_z) & (np.nan_to_num(sides) > 0.004 * height).all(1)
        cover = _covered(boxes, log_z, inside)
        limit = self._hides + 0.05 * rng.normal(size=len(boxes))
        rows = (inside & (rng.random(len(boxes)) > self._missed) & (cover < limit)).nonzero()[0]
        noise = self._jitter * rng.normal(size=(len(rows), 4)) * (1 + cover[rows, None])
        self._slow = 0.9 * self._slow + 0.44 * self._drift * self._jitter * rng.normal(size=self._slow.shape)
        seen = boxes[rows] + (noise + self._slow[rows]) * np.tile(sides[rows], 2)
        seen[:, 2:] = np.maximum(seen[:, 2:], seen[:, :2] + 0.002 * height)
        scores = np.clip(0.95 - 0.6 * cover[rows] + 0.08 * rng.normal(size=len(rows)), 0.12, 1.0)
        false = _false_boxes(rng, int(rng.poisson(self._nothing)), boxes[inside], self._size)
        scores = np.concatenate([scores, rng.uniform(0.12, 0.8, len(false))])
        given, stds = self._depths.of(rng, log_z, rows, len(false))
        order = rng.permutation(len(scores))
        return _Frame(
            observe(np.concatenate([seen, false]), scores, given, stds)[order],
            np.concatenate([rows, np.full(len(false), NOTHING)])[order],
            np.concatenate([boxes[rows], false])[order],
            np.concatenate([log_z[rows], np.full(len(false), np.nan)])[order],
            np.concatenate([paired_iou(seen, boxes[rows]), np.ones(len(false))])[order],
        )


def _covered(boxes: FloatArray, log_z: FloatArray, inside: BoolArray) -> FloatArray:
    """``(N,)`` share of each box that nearer ones hide, counted one by one."""
    a, b = boxes[:, None], boxes[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.maximum(sides, 0).prod(-1) * (log_z[None] < log_z[:, None] - 1e-9) * inside[None]
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(-1), 1e-6)
    left = (1 - np.clip(np.nan_to_num(shared) / area[:, None], 0, 1)).prod(1)
    return np.asarray(1 - left)


def _false_boxes(
    rng: np.random.Generator, count: int, near: FloatArray, size: tuple[float, float]
) -> FloatArray:
    """Detections of nothing: half beside real boxes, half anywhere."""
    out = np.empty((count, 4))
    for row in range(count):
        if len(near) and rng.random() < 0.5:
            box = near[rng.integers(len(near))]
            out[row] = box + rng.normal(0, 0.25, 4) * np.tile(box[2:] - box[:2], 2)
        else:
            h = size[1] * np.exp(rng.uniform(np.log(0.03), np.log(0.5)))
            corner = rng.uniform(0, 1, 2) * [size[0] - h / 2, size[1] - h / 2]
            out[row] = [*corner, corner[0] + h * rng.uniform(0.3, 1.5), corner[1] + h]
    out[:, 2:] = np.maximum(out[:, 2:], out[:, :2] + 0.005 * size[1])
    return out


class _Depths:
    """The depth that a source of one kind gives for true ones."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        kinds = list(DEPTH_KINDS)
        self.kind = str(rng.choice(kinds, p=list(DEPTH_KINDS.values())))
        self.noise = {
            "exact": 0.0,
            "noisy": float(rng.uniform(0.01, 0.15)),
            "biased": 0.03,
            "useless": 0.4,
        }.get(self.kind, 0.0)
        self.bias = rng.normal(0, 0.1, count) * (self.kind == "biased" or rng.random() < 0.2)
        self.holes = float(rng.choice([0.0, 0.0, 0.1, 0.5]))
        self.told = rng.random() < 0.6
        self.level = float(rng.normal(2.0, 1.0))

    def of(
        self, rng: np.random.Generator, log_z: FloatArray, rows: IntArray, false: int
    ) -> tuple[FloatArray, FloatArray]:
        """Log depths and deviations of these rows, then of false detections."""
        self.bias = self.bias + (0.01 * rng.normal(size=len(self.bias)) if self.kind == "biased" else 0.0)
        truth = np.concatenate([log_z[rows] + self.bias[rows], rng.normal(self.level, 0.7, false)])
        given = truth + self.noise * rng.normal(size=len(truth))
        if self.kind == "shuffled":
            given = rng.permutation(given)
        if self.kind == "constant":
            given = np.full(len(truth), self.level)
        hole = rng.random(len(truth)) < (1.0 if self.kind == "missing" else self.holes)
        given = np.where(hole, np.nan, given)
        std = max(self.noise, 0.01) * np.exp(0.2 * rng.normal(size=len(truth)))
        return given, np.where(hole | (not self.told), np.nan, std)
