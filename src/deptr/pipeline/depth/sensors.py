"""Depth that sensors measured: images of depth or disparity, and points of a laser scanner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deptr.cameras import Calibration
from deptr.depth.box_depths import BoxDepths
from deptr.depth.from_points import depth_from_points, depth_of_disparity
from deptr.depth.in_boxes import depth_in_boxes
from deptr.depth.registration import Registration
from deptr.errors import DataError, UsageError
from deptr.io.companions import Companions
from deptr.io.depth_maps import DepthMaps
from deptr.io.point_files import read_points
from deptr.pipeline.depth.source import DepthSource
from deptr.pipeline.spelling import Spelling
from deptr.pipeline.steps import Step
from deptr.records import DepthKind, FloatArray, with_depth

if TYPE_CHECKING:
    import supervision as sv

_LIKELY = (0.02, 1000.0)  # metres between which half of a picture's depths lie in any unit that is right
_SIDES = 0.01  # by which the ratio of sides may differ, for rounding
_LEAST_IN_VIEW = 0.002  # of the points, before the camera


class SensorDepth(DepthSource):
    """What the sensors of this module share: counting frames with depth, boxes without."""

    def __init__(self, name: str, kind: DepthKind, place: str, by: str, notes: tuple[str, ...]) -> None:
        self.name, self.kind = name, kind
        self._place, self._by, self._notes = place, by, notes
        self._frames = self._known = self._boxes = self._boxes_known = 0

    def _filled(self, detections: sv.Detections, found: BoxDepths | None) -> sv.Detections:
        assert self.kind is not None
        self._frames += 1
        if found is None:
            unknown = np.full(len(detections), np.nan)
            return with_depth(detections, unknown, unknown, self.kind)
        self._known += 1
        self._boxes += len(found.depth)
        self._boxes_known += int(np.isfinite(found.depth).sum())
        return with_depth(detections, found.depth, found.std, self.kind)

    def details(self) -> dict[str, object]:
        """Where it was read and how much of it there was."""
        return {
            "files": self._place,
            "matched_by": self._by,
            "frames": self._frames,
            "frames_known": self._known,
        }

    def notes(self) -> list[str]:
        """How files were matched, how many frames had none, and whether they told nothing of the boxes."""
        notes = list(self._notes)
        if self._known < self._frames:
            lacking = f"{self._place}: {self._frames - self._known} of {self._frames} frames have no file"
            notes.append(f"{lacking}; their depths are unknown")
        if self._boxes and not self._boxes_known:
            notes.append(
                f"{self._place}: knows the depth of none of {self._boxes} boxes; is it of this recording?"
            )
        return notes


class MapDepth(SensorDepth):
    """Depth of boxes out of depth maps, or out of disparities with a camera and the distance of its lenses.

    Args:
        maps: The maps.
        size: Width and height of the images; None where only boxes are known.
        registration: Moves maps of another camera.
        disparity: Camera and distance of lenses in metres, where the maps are disparities.
        spelling: How messages name the choices.

    Raises:
        DataError: The first map cannot belong to these images.
    """

    def __init__(
        self,
        maps: DepthMaps,
        size: tuple[int, int] | None,
        *,
        registration: Registration | None = None,
        disparity: tuple[Calibration, float] | None = None,
        spelling: Spelling,
    ) -> None:
        kind = DepthKind.METRIC if disparity is not None else maps.scale.kind
        super().__init__("maps" if disparity is None else "disparity", kind, maps.name, maps.by, maps.notes)
        self._maps, self._size, self._spelling = maps, size, spelling
        self._registration, self._disparity = registration, disparity
        self._checked = False

    def fill(self, detections: sv.Detections, step: Step) -> sv.Detections:
        """The detections with the depth of their objects in the map of the moment."""
        given = self._maps.at(step.index, step.timestamp)
        if given is None:
            return self._filled(detections, None)
        depth_map = self._moved(given)
        self._check(depth_map)
        height, width = depth_map.shape
        masks = None if detections.mask is None else np.asarray(detections.mask, np.bool_)
        if masks is not None and masks.shape[1:] != depth_map.shape:
            masks = None
        if self._size is None and len(detections):
            self._check_extent(np.asarray(detections.xyxy), (width, height))
        found = depth_in_boxes(
            depth_map, np.asarray(detections.xyxy), masks, kind=self.kind or "metric", image_size=self._size
        )
        return self._filled(detections, found)

    def details(self) -> dict[str, object]:
        """Where it was read, its unit and how much of it there was."""
        registered = {"registered_here": self._registration is not None}
        return {**super().details(), "step": self._maps.scale.step, **registered}

    def close(self) -> None:
        """Let go of the file."""
        self._maps.close()

    def _moved(self, given: FloatArray) -> FloatArray:
        """A map in metres, as the camera of the images sees it."""
        if self._disparity is not None:
            (calibration, baseline_m), (height, width) = self._disparity, given.shape
            factor = width / (calibration.camera.size or (width, height))[0]
            return depth_of_disparity(given, calibration.camera, baseline_m * factor)
        if self._registration is None:
            return given
        try:
            return self._registration.apply(given)
        except UsageError as error:
            raise DataError(self._place, "not of the depth camera", found=str(error)) from error

    def _check(self, depth_map: FloatArray) -> None:
        """Whether a map can be of these images, and once whether its unit can be right."""
        height, width = depth_map.shape
        if self._size is not None and self._registration is None:
            ratio = width / self._size[0] * self._size[1] / height
            if abs(ratio - 1) > _SIDES:
                say = self._spelling.choice
                raise DataError(
                    self._place,
                    "depth of another size than the images",
                    expected=f"{self._size[0]}x{self._size[1]} pixels, or the same ratio of sides",
                    found=f"{width}x{height}",
                    hint=f"depth of another camera needs {say('depth_camera')} and {say('extrinsics')}",
                )
        known = depth_map[np.isfinite(depth_map)]
        if self._checked or self.kind is not DepthKind.METRIC or not len(known):
            return
        self._checked = True
        middle = float(np.median(known))
        if not _LIKELY[0] < middle < _LIKELY[1]:
            say = self._spelling.choice
            units = ("1/256", "1/16") if self._disparity is not None else ("mm", "m")
            raise DataError(
                self._place,
                "the unit cannot be right",
                expected="most of a picture within 2 cm and 1,000 m",
                found=f"half of the first map beyond {middle:{',.0f' if middle > 1 else '.2g'}} m",
                hint=f"say the unit, as in {say('unit', units[0])} or {say('unit', units[1])}",
            )

    def _check_extent(self, boxes: FloatArray, size: tuple[int, int]) -> None:
        reach = np.nanmax(boxes[:, 2:], axis=0)
        if (reach > np.array(size) * 1.1).any():
            found = f"{size[0]}x{size[1]}, a box that ends at {reach[0]:.0f}, {reach[1]:.0f}"
            expected = f"maps of the images' size; name the images as {self._spelling.choice('source')}"
            problem = "depth of another size than the boxes"
            raise DataError(self._place, problem, expected=expected, found=found)


class PointDepth(SensorDepth):
    """Depth of boxes out of the points of a laser scanner.

    Args:
        files: The file of each frame.
        calibration: The camera, and how the scanner stands to it.

    Raises:
        DataError: The points of the first file lie outside of the camera's view.
    """

    def __init__(self, files: Companions, calibration: Calibration) -> None:
        super().__init__("points", DepthKind.METRIC, str(files.folder), files.by, files.notes)
        self._files, self._calibration = files.files, calibration
        self._check_view(self._files[min(self._files)])

    def fill(self, detections: sv.Detections, step: Step) -> sv.Detections:
        """The detections with the depth of the points before them."""
        path = self._files.get(step.index)
        if path is None:
            return self._filled(detections, None)
        points = read_points(path)
        return self._filled(
            detections, depth_from_points(points, np.asarray(detections.xyxy), self._calibration)
        )

    def _check_view(self, path: Path) -> None:
        points = read_points(path).astype(np.float64)
        turned = points @ self._calibration.to_camera[:3, :3].T + self._calibration.to_camera[:3, 3]
        pixels = self._calibration.camera.project(turned)
        size = self._calibration.camera.size
        inside = (pixels >= 0).all(1) & (pixels < np.array(size or (np.inf, np.inf))).all(1)
        if len(points) and inside.mean() < _LEAST_IN_VIEW:
            raise DataError(
                path,
                "hardly any point lies in the camera's view",
                expected="points and a calibration of one recording",
                found=f"{int(inside.sum())} of {len(points)} points",
                hint="is the transform from the scanner to the camera right, and not the other way?",
            )
