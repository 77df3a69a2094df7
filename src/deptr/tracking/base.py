"""What all trackers share: the call, the clock, the rows and the report. Each tracker adds its own step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deptr.errors import UsageError
from deptr.records import BoolArray, FloatArray, Image, IntArray, real_number
from deptr.tracking.assignment import Indices, where, without
from deptr.tracking.box_report import BoxReport
from deptr.tracking.boxes import iou, or_else, warp
from deptr.tracking.camera_motion import CameraMotion
from deptr.tracking.entrance import Entrance
from deptr.tracking.fusion import MODES, DepthFusion
from deptr.tracking.lifecycle import CONFIRMED, Lifecycle
from deptr.tracking.measurements import Measurements, pick
from deptr.tracking.motion import REFERENCE_RATE, BoxMotion
from deptr.tracking.panorama import merge_at_seam, unwrap, wrap, yaw_shift
from deptr.tracking.parameters import TrackerParameters, build
from deptr.tracking.track_view import Track, tracks_of

if TYPE_CHECKING:
    import supervision as sv


class Tracker(ABC):
    """A multi-object tracker: detections of one frame in, those with an identity out.

    Args:
        depth: How depth takes part in the association, as a `DepthFusion` or in words (``"kalman"``,
            ``"fixed:gamma=0.2"``); None means adaptive whenever detections carry it.
        frame_rate: Frames per second, any real number, used where `update` gets no timestamp.
        **parameters: The tracker's parameters by name; `parameters_of` of the registry lists them.

    Raises:
        UsageError: A parameter is unknown or out of range.
    """

    Parameters: ClassVar[type[TrackerParameters]]
    tracker_name: ClassVar[str]
    fusion_modes: ClassVar[tuple[str, ...]] = MODES
    parameters: TrackerParameters

    def __init__(
        self, *, depth: DepthFusion | str | None = None, frame_rate: float = 30.0, **parameters: Any
    ) -> None:
        self.frame_rate = real_number(frame_rate)
        if not (math.isfinite(self.frame_rate) and self.frame_rate > 0):
            raise UsageError(
                f"frame_rate: expected a positive number of frames per second, got {frame_rate!r}"
            )
        self.parameters = build(self.Parameters, parameters, self.tracker_name)
        self.depth = DepthFusion.of("adaptive" if depth is None else depth)
        if self.depth.mode not in self.fusion_modes:
            raise UsageError(
                f"fusion: {self.tracker_name} takes {' or '.join(self.fusion_modes)}, "
                f"got {self.depth.mode!r}: choose one of these or another tracker"
            )
        self.reset()

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        self._entrance = Entrance(self.frame_rate)
        self._now = 0.0
        self._frame_count = 0
        self._period: float | None = None
        self._camera = CameraMotion() if self.parameters.camera_motion else None
        self._rows = Lifecycle()
        self._hits: list[tuple[Indices, Indices, FloatArray]] = []
        self._motion = self._new_motion()
        self._depth = self.depth.start()
        self._report = BoxReport() if self.parameters.boxes == "adaptive" else None

    def update(
        self, detections: sv.Detections, frame: Image | None = None, timestamp: float | None = None
    ) -> sv.Detections:
        """Take one frame in.

        Args:
            detections: Any detector's; depth travels in ``data["depth"]``. Never changed. Rows without a
                finite score or a box of finite, positive extent are left out, with an `InputWarning`.
            frame: ``(H, W, 3)`` RGB, needed only where camera motion is estimated.
            timestamp: Seconds; without it a frame is ``1 / frame_rate`` later than the one before.

        Returns:
            The detections that belong to a confirmed track, in their order, with ``tracker_id`` and boxes as
            floats, each of positive extent. In a panorama the parts of a box that the seam cut are one, and
            each box has its centre inside.

        Raises:
            UsageError: A timestamp is not finite, a column of the detections has not one value for each box,
                or a frame is missing or of the wrong kind.
        """
        detections = self._entrance.admit(detections)
        if self.parameters.panorama:
            self._period = self._panorama_width(frame)
            detections = merge_at_seam(detections, self._period)
        seen = self._depth.read(Measurements.of(detections))
        seconds = self._entrance.seconds(timestamp)
        self._frame_count += 1
        self._now += seconds
        self._follow_camera(frame, seen)
        self._rows.tick()
        self._step(seen, seconds * REFERENCE_RATE)
        if self._report is not None:
            rows = self._rows
            self._report.learn(rows.boxes, self._motion.boxes(), rows.columns >= 0, seconds)
        reported = where(self._reported())
        reported = reported[np.argsort(self._rows.columns[reported])]
        result = pick(detections, self._rows.columns[reported])
        result.tracker_id = self._rows.ids[reported]
        return self._with_boxes(result, reported)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Every track that is remembered, seen or not, in the order of birth."""
        return tracks_of(self._rows, self._motion, self._depth, self._now, self._period)

    @abstractmethod
    def _new_motion(self) -> BoxMotion:
        """The box filter of this tracker."""

    @abstractmethod
    def _step(self, seen: Measurements, frames: float) -> None:
        """Predict, associate, update, initiate, delete; `frames` is the time passed in 1/30 s."""

    def _reported(self) -> BoolArray:
        """Which tracks belong into this frame's answer, ``(T,)``."""
        return np.asarray((self._rows.states == CONFIRMED) & (self._rows.columns >= 0))

    def _with_boxes(self, result: sv.Detections, rows: Indices) -> sv.Detections:
        if self.parameters.boxes != "observed" and len(rows):
            boxes = self._motion.boxes()[rows]
            if self._report is not None:
                boxes = self._report.blend(self._rows.boxes[rows], boxes)
            result.xyxy = or_else(boxes, self._rows.boxes[rows]).astype(result.xyxy.dtype)
        if self._period is not None:
            kind = result.xyxy.dtype
            result.xyxy = wrap(result.xyxy.astype(np.float64), self._period).astype(kind)
        return result

    def _panorama_width(self, frame: Image | None) -> float:
        width = self.parameters.panorama_width or (frame.shape[1] if frame is not None else 0)
        if not width:
            raise UsageError("panorama: its width is needed: set panorama_width or pass frames to update")
        return float(width)

    def _follow_camera(self, frame: Image | None, seen: Measurements) -> None:
        """Move all tracks with the image, if the camera moved."""
        if self._camera is not None:
            if frame is None:
                raise UsageError("camera_motion: frames are needed: pass frame=... to update")
            affine = self._camera.update(frame, seen.boxes)
            if affine is not None and len(self._rows):
                self._warp(affine)
        elif self._period is not None and len(self._rows):
            shift = yaw_shift(self._motion.boxes(), seen.boxes, self._period)
            if shift:
                self._warp(np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0]]))

    def _warp(self, affine: FloatArray) -> None:
        """Move everything that has a place in the image by a ``(2, 3)`` similarity."""
        self._motion.warp(affine)
        self._depth.warp(affine)
        self._rows.boxes = warp(self._rows.boxes, affine)

    def _predict(self, frames: float | FloatArray, hold_size: BoolArray | None = None) -> FloatArray:
        """Move all tracks ahead and return their boxes."""
        self._motion.predict(frames, hold_size=hold_size)
        seconds = float(np.max(frames, initial=0.0)) / REFERENCE_RATE
        return self._depth.predict(seconds, self._motion.boxes())

    def _hit(self, rows: Indices, seen: Measurements, columns: Indices) -> None:
        """These tracks took these detections; their filters learn of it in `_take_in`."""
        if not len(rows):
            return
        boxes = seen.boxes[columns]
        if self._period is not None:
            boxes = unwrap(boxes, self._motion.boxes()[rows], self._period)
        scores, classes = seen.scores[columns], seen.classes[columns]
        self._rows.hit(rows, boxes, scores, classes, columns=columns, time=self._now)
        self._hits.append((rows, columns, boxes))

    def _take_in(self, seen: Measurements) -> None:
        """Correct all tracks that were hit in this frame at once, which is faster than per association."""
        if not self._hits:
            return
        rows, columns, boxes = (np.concatenate(parts) for parts in zip(*self._hits, strict=True))
        self._hits.clear()
        self._correct(rows, replace(seen.take(columns), boxes=boxes))

    def _correct(self, rows: Indices, taken: Measurements) -> None:
        """Take the measurement of each of these tracks in."""
        self._motion.correct(rows, taken.boxes)
        self._depth.correct(rows, taken)

    def _recover(self, seen: Measurements, free: Indices) -> tuple[Indices, Indices]:
        """Tracks found again by depth and motion in space, and the detections that are still free."""
        left = where(self._rows.columns < 0)
        if not self._depth.telling or not len(left) or not len(free):
            return left[:0], free
        rows, columns = self._depth.recover(left, seen.take(free), self._rows.misses[left])
        same = self._same_class(left, seen.classes[free])
        if same is not None:
            keep = same[rows, columns]
            rows, columns = rows[keep], columns[keep]
        self._hit(left[rows], seen, free[columns])
        return left[rows], without(free, free[columns])

    def _birth(self, seen: Measurements, columns: Indices, state: int) -> None:
        """Start tracks at these detections."""
        if not len(columns):
            return
        taken = seen.take(columns)
        self._motion.append(taken.boxes)
        self._depth.append(taken)
        if self._report is not None:
            self._report.append(len(columns))
        self._rows.append(seen, columns, self._now, state)

    def _keep(self, mask: BoolArray) -> None:
        """Delete all tracks but these."""
        if mask.all():
            return
        self._select(where(mask))

    def _select(self, kept: Indices) -> None:
        """Keep these rows of everything that has a row per track."""
        for part in (self._rows, self._motion, self._depth):
            part.select(kept)
        if self._report is not None:
            self._report.select(kept)

    def _iou(self, boxes_a: FloatArray, boxes_b: FloatArray, *, pixel: float = 0.0) -> FloatArray:
        """Overlap of tracks and detections, ``(T, D)``."""
        return iou(boxes_a, boxes_b, pixel=pixel, period=self._period)

    def _fuse(
        self, costs: FloatArray, rows: Indices, seen: Measurements, *, cost_limit: float
    ) -> tuple[FloatArray, BoolArray | None]:
        """Costs with depth taken in, and the allowed pairs, None for all; classes stay apart if asked."""
        costs, allowed = self._depth.fuse(costs, rows, seen, cost_limit=cost_limit)
        same = self._same_class(rows, seen.classes)
        return costs, allowed if same is None else same if allowed is None else allowed & same

    def _same_class(self, rows: Indices, classes: IntArray) -> BoolArray | None:
        """Which pairs are of one class, ``(T, D)``; None where classes do not matter."""
        if self.parameters.class_agnostic:
            return None
        return np.asarray(self._rows.classes[rows][:, None] == classes)

    def _expired(self) -> BoolArray:
        """Tracks not seen for longer than they are remembered; half a millisecond absorbs rounding."""
        return self._now - self._rows.seen > self.parameters.lost_seconds + 5e-4

    def _split(self, scores: FloatArray) -> tuple[Indices, Indices]:
        """Detections of the first association and those of the second."""
        high, low = self.parameters.high_score, self.parameters.low_score
        return where(scores > high), where((scores > low) & (scores < high))
