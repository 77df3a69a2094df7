"""What all trackers share: the step, once for all of them. Each adds its association and its rules."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from deptr.boxes import or_else
from deptr.cameras import Camera
from deptr.errors import UsageError
from deptr.records import BoolArray, FloatArray, Image, real_number
from deptr.tracking.assignment import Bonus, Indices, Listed, Matches, assign, without
from deptr.tracking.box_report import BoxReport
from deptr.tracking.camera_motion import CameraMotion
from deptr.tracking.depth.fusion import MODES, DepthFusion
from deptr.tracking.depth.state import DepthState, start_depth
from deptr.tracking.entrance import Entrance
from deptr.tracking.lifecycle import CONFIRMED, LOST, TENTATIVE, Lifecycle
from deptr.tracking.measurements import Measurements, pick
from deptr.tracking.metric_motion import MetricMotion
from deptr.tracking.motion import BoxMotion
from deptr.tracking.panorama import merge_at_seam, unwrap, wrap, yaw_shift
from deptr.tracking.parameters import Declared, Value, checked, number, parameters_of_class, switch, word
from deptr.tracking.part import REFERENCE_RATE, Part, Step
from deptr.tracking.track_view import Track, metric_columns, placed, tracks_of

if TYPE_CHECKING:
    import supervision as sv

ROUNDING_SECONDS = 5e-4  # of timestamps
ReportedBox = Literal["observed", "filtered", "adaptive"]


class Tracker(Declared, ABC):
    """A multi-object tracker: detections of one frame in, those with an identity out.

    Args:
        depth: How depth takes part in the association, as a `DepthFusion` or in words (``"kalman"``,
            ``"fixed:gamma=0.2"``); None means adaptive whenever detections carry it.
        frame_rate: Frames per second, any real number, used where `update` gets no timestamp.
        camera: What the boxes are seen with. Where their depth is in metres, `tracks` and the answers of
            `update` then say places and velocities in metres.

    Raises:
        UsageError: A parameter is unknown or out of range, or the tracker has no such fusion.
    """

    tracker_name: ClassVar[str]
    fusion_modes: ClassVar[tuple[str, ...]] = MODES
    smoothing_step: ClassVar[float] = math.inf  # seconds between frames up to which boxes are smoothed
    reads_looks: ClassVar[bool] = False  # whether ``data["embedding"]`` takes part
    new_tracks_wait: ClassVar[bool] = False  # at their first box, until a second one tells where they go

    depth: DepthFusion | str | None = None
    frame_rate: float = 30.0
    camera: Camera | None = None
    low_score: float = number(default=0.1, low=0, high=1, help="detections below this are ignored")
    high_score: float = number(
        default=0.6, low=0, high=1, help="detections above this take part in the first association"
    )
    new_score: float = number(
        default=0.7, low=0, high=1, help="an unmatched detection starts a track from this score on"
    )
    lost_seconds: float = number(
        default=1.0, low=0, high=3600, help="how long a track that is not seen is remembered"
    )
    confirm_frames: int = number(
        default=2, low=1, high=1000, help="matched frames before a track is reported"
    )
    sure_score: float = number(
        default=1.0, low=0, high=1, help="a track detected above this score is reported without waiting"
    )
    boxes: ReportedBox = word(
        default="adaptive",
        choices=get_args(ReportedBox),
        help="reported box: the detection's, the filter's, or the better by learned box noise",
    )
    class_agnostic: bool = switch(default=True, help="let a track change its class")
    camera_motion: bool = switch(
        default=False, help="compensate camera motion from the frames (needs frames)"
    )
    panorama: bool = switch(default=False, help="360 degree image whose left and right border touch")
    panorama_width: int = number(
        default=0, low=0, high=1_000_000, help="width of the panorama in pixels, 0 = that of the frames"
    )

    def __init__(
        self,
        *,
        depth: DepthFusion | str | None = None,
        frame_rate: float = 30.0,
        camera: Camera | None = None,
        **parameters: Any,
    ) -> None:
        self.camera = camera
        self.frame_rate = real_number(frame_rate)
        if not (math.isfinite(self.frame_rate) and self.frame_rate > 0):
            raise UsageError(
                f"frame_rate: expected a positive number of frames per second, got {frame_rate!r}"
            )
        declared = parameters_of_class(type(self))
        given = checked(declared, parameters, self.tracker_name)
        for parameter in declared:
            setattr(self, parameter.name, given.get(parameter.name, parameter.default))
        self.depth = self.fusion = DepthFusion.parse("adaptive" if depth is None else depth)
        if self.fusion.mode not in self.fusion_modes:
            raise UsageError(
                f"fusion: {self.tracker_name} takes {' or '.join(self.fusion_modes)}, "
                f"got {self.fusion.mode!r}: choose one of these or another tracker"
            )
        if self.panorama and camera is not None:
            raise UsageError("camera: expected none for a panorama, whose pixels are no pinhole camera's")
        self.reset()

    @property
    def parameters(self) -> dict[str, Value]:
        """Every parameter with its value."""
        return {entry.name: getattr(self, entry.name) for entry in parameters_of_class(type(self))}

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        self._entrance = Entrance(self.frame_rate)
        self._period: float | None = None
        self._camera = CameraMotion() if self.camera_motion else None
        self._rows = Lifecycle()
        self._motion = self._new_motion()
        self._depth = self._new_depth()
        self._report = BoxReport(self._motion, self.smoothing_step) if self.boxes == "adaptive" else None
        self._parts: list[Part] = [self._rows, self._motion]
        if self._depth is not None:
            self._parts += self._depth.parts
        if self._report is not None:
            self._parts.append(self._report)
        self._metric = None if self.camera is None else MetricMotion(self.camera)
        if self._metric is not None:
            self._parts.append(self._metric)
        self._parts += self._new_parts()

    def update(
        self,
        detections: sv.Detections,
        frame: Image | None = None,
        timestamp: float | None = None,
        pose: FloatArray | None = None,
    ) -> sv.Detections:
        """Take one frame in.

        Args:
            detections: Any detector's; depth travels in ``data["depth"]``. Never changed. Rows without a
                finite score or a box of finite, positive extent are left out, with an `InputWarning`.
            frame: ``(H, W, 3)`` RGB, needed only where camera motion is estimated.
            timestamp: Seconds; without it a frame is ``1 / frame_rate`` later than the one before.
            pose: ``(4, 4)`` from the camera's axes to the world's, NaN = unknown, where the tracker knows its
                camera: places are then those in the world. Give it with every frame, or with none.

        Returns:
            The detections that belong to a confirmed track, in their order, with ``tracker_id`` and boxes as
            floats, each of positive extent. With a camera also ``data["position_m"]``,
            ``data["velocity_m_s"]`` and ``data["position_std_m"]``, ``(N, 3)`` each, NaN while no depth in
            metres was known. In a panorama the parts of a box that the seam cut are one, and each box has its
            centre inside.

        Raises:
            UsageError: A timestamp is not finite, a column of the detections has not one value for each box,
                or a frame is missing or of the wrong kind.
        """
        rows, depth = self._rows, self._depth
        detections = self._look(self._entrance.admit(detections), frame, pose)
        seen = Measurements.of(detections)
        if depth is not None:
            seen = depth.read(seen)
        seconds = self._entrance.seconds(timestamp)

        waiting = (rows.states == TENTATIVE) & (rows.matches == 0) if self.new_tracks_wait else None
        step = Step(seconds, seconds * REFERENCE_RATE, waiting, rows.states == LOST)
        for part in self._parts:
            part.predict(step)
        boxes = self._motion.boxes()
        if depth is not None and depth.noise.leads:
            boxes = depth.boxes(boxes)

        high = (seen.scores > self.high_score).nonzero()[0]
        low = ((seen.scores > self.low_score) & (seen.scores < self.high_score)).nonzero()[0]
        free = self._associate(seen, boxes, high, low)
        if depth is not None and depth.noise.recovers:
            free = self._recover(seen, free)

        matched = (rows.columns >= 0).nonzero()[0]
        taken = seen.take(rows.columns[matched])
        if self._period is not None:
            taken = replace(taken, boxes=unwrap(taken.boxes, self._motion.boxes()[matched], self._period))
        for part in self._parts:
            part.correct(matched, taken)
        self._revise(step)

        kept = self._kept(rows.now - rows.last_seen > self.lost_seconds + ROUNDING_SECONDS)
        if not kept.all():
            self._select(kept.nonzero()[0])
        births = free[seen.scores[free] >= self.new_score]
        if len(births):
            self._initiate(seen.take(births))
        return self._answer(detections)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Every track that is remembered, seen or not, in the order of birth."""
        views = self._views()
        return views if self._metric is None else placed(views, self._metric)

    def _views(self) -> tuple[Track, ...]:
        """What can be read of each track in the image."""
        return tracks_of(self._rows, self._motion, self._depth, self._period)

    @abstractmethod
    def _new_motion(self) -> BoxMotion:
        """The box filter of this tracker."""

    def _new_depth(self) -> DepthState | None:
        """What this tracker knows of depth beside its box filter; None where it has no say there."""
        return start_depth(self.fusion, self._motion)

    def _new_parts(self) -> list[Part]:
        """What this tracker keeps of each track besides; the base keeps it in step."""
        return []

    @abstractmethod
    def _associate(self, seen: Measurements, boxes: FloatArray, high: Indices, low: Indices) -> Indices:
        """Pair tracks with detections, stage by stage, each with `_match`.

        Args:
            seen: The frame's detections.
            boxes: ``(T, 4)`` xyxy, where the tracks are expected.
            high: Detections above `high_score`.
            low: Those between `low_score` and `high_score`.

        Returns:
            Detections that may start a track, in their order.
        """

    @abstractmethod
    def _revise(self, step: Step) -> None:
        """Say of each track in what state it is now that the frame's detections have been taken."""

    @abstractmethod
    def _reported_at_once(self) -> bool:
        """Whether tracks that start in this frame need no second detection."""

    def _kept(self, expired: BoolArray) -> BoolArray:
        """Which tracks to keep, ``(T,)``, given those that were not seen for longer than is remembered."""
        return ~expired

    def _reported(self) -> BoolArray:
        """Which tracks this frame's answer tells of, ``(T,)``: those that are confirmed and were seen."""
        return np.asarray((self._rows.states == CONFIRMED) & (self._rows.columns >= 0))

    def _match(
        self,
        seen: Measurements,
        rows: Indices,
        columns: Indices,
        costs: FloatArray | Listed,
        similarity: FloatArray | None = None,
        *,
        cost_limit: float,
        depth_slack: float = 0.0,
        bonus: Bonus | None = None,
        without_depth: Callable[[BoolArray | None], Matches] | None = None,
    ) -> tuple[Indices, Indices]:
        """One stage of the association: pair these tracks with these detections at the least total cost.

        Args:
            seen: The frame's detections.
            rows: ``(T,)`` tracks.
            columns: ``(D,)`` detections.
            costs: ``(T, D)`` from boxes alone, 0 the best, 1 without overlap; or those of some pairs.
            similarity: ``(T, D)`` IoU, from which depth learns; None keeps depth out of this stage.
            cost_limit: Largest cost of a pair before depth.
            depth_slack: How far depth may raise it above.
            bonus: Subtracted from the costs that depth has changed.
            without_depth: How to pair where depth has no say, given the pairs that are allowed, instead.

        Returns:
            Those of the tracks and of the detections that are still free.
        """
        if not (len(rows) and len(columns)):
            return rows, columns
        depth = None if similarity is None else self._depth
        fused = None
        if depth is not None and similarity is not None:
            candidates = seen.take(columns)
            depth.settle(similarity, rows, candidates)
            fused = depth.fuse(costs, rows, candidates, cost_limit=cost_limit)
        allowed = None
        if not self.class_agnostic:
            allowed = self._rows.classes[rows][:, None] == seen.classes[columns]
        if fused is not None:
            matches = assign(fused.less(bonus), cost_limit=cost_limit + depth_slack, allowed=allowed)
        elif without_depth is not None:
            matches = without_depth(allowed)
        else:
            matches = assign(costs, cost_limit=cost_limit, allowed=allowed)
        if depth is not None and similarity is not None:
            depth.learn(similarity, rows, candidates, matches)
        self._rows.columns[rows[matches.rows]] = columns[matches.columns]
        return without(rows, matches.rows), without(columns, matches.columns)

    def _recover(self, seen: Measurements, free: Indices) -> Indices:
        """Find tracks again by depth and motion in space; the detections that are still free."""
        rows = self._rows
        left = (rows.columns < 0).nonzero()[0]
        if self._depth is None or seen.values is None or not len(left) or not len(free):
            return free
        t, d = self._depth.recover(left, seen.take(free), rows.misses[left])
        if not self.class_agnostic:
            same = rows.classes[left[t]] == seen.classes[free[d]]
            t, d = t[same], d[same]
        rows.columns[left[t]] = free[d]
        rows.states[left[t]] = CONFIRMED
        return without(free, d)

    def _select(self, kept: Indices) -> None:
        """Forget all tracks but these."""
        for part in self._parts:
            part.select(kept)

    def _initiate(self, taken: Measurements) -> None:
        """Start a track at each of these detections."""
        for part in self._parts:
            part.append(taken)
        sure = self._reported_at_once() | (taken.scores > self.sure_score)
        self._rows.states[-len(taken) :] = np.where(sure, CONFIRMED, TENTATIVE)

    def _answer(self, detections: sv.Detections) -> sv.Detections:
        """The detections that confirmed tracks took, in their order."""
        rows = self._rows
        reported = self._reported().nonzero()[0]
        reported = reported[np.argsort(rows.columns[reported])]
        result = pick(detections, rows.columns[reported])
        result.tracker_id = rows.ids[reported]
        kind, observed = result.xyxy.dtype, rows.boxes[reported]
        if self.boxes != "observed":
            boxes = self._motion.boxes()[reported]
            if self._report is not None:
                boxes = self._report.blend(observed, boxes)
            result.xyxy = or_else(boxes, observed).astype(kind)
        if self._period is not None:
            result.xyxy = wrap(result.xyxy.astype(np.float64), self._period).astype(kind)
        if self._metric is not None:
            result.data.update(metric_columns(self._metric, reported))
        return result

    def _look(self, detections: sv.Detections, frame: Image | None, pose: FloatArray | None) -> sv.Detections:
        """Say where the camera is, and move all tracks as it did; the detections, whole across a seam."""
        if self._metric is not None:
            self._metric.look(pose)
        if self.panorama or self.camera_motion:
            return self._follow_camera(detections, frame)
        return detections

    def _follow_camera(self, detections: sv.Detections, frame: Image | None) -> sv.Detections:
        """Move all tracks as the camera did; the detections, whole where a seam cut them."""
        affine: FloatArray | None = None
        if self.panorama:
            width = self.panorama_width or (frame.shape[1] if frame is not None else 0)
            if not width:
                raise UsageError("panorama: its width is needed: set panorama_width or pass frames to update")
            self._period = float(width)
            detections = merge_at_seam(detections, self._period)
        boxes = np.asarray(detections.xyxy, np.float64).reshape(-1, 4)
        if self._camera is not None:
            if frame is None:
                raise UsageError("camera_motion: frames are needed: pass frame=... to update")
            affine = self._camera.update(frame, boxes)
        elif self._period is not None and len(self._rows):
            shift = yaw_shift(self._motion.boxes(), boxes, self._period)
            if shift:
                affine = np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0]])
        if affine is not None and len(self._rows):
            for part in self._parts:
                part.warp(affine)
        return detections
