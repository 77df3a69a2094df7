"""The camera of a run: what is asked about it, and what its file says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deptr.cameras import Calibration, Camera
from deptr.errors import DataError, UsageError
from deptr.io.camera_files import read_calibration
from deptr.io.pose_files import Poses
from deptr.pipeline.spelling import Spelling
from deptr.pipeline.steps import Step
from deptr.records import FloatArray


@dataclass(frozen=True)
class CameraRequest:
    """What is known of the camera that made the frames.

    Attributes:
        file: CameraInfo or OpenCV YAML, KITTI's calib or COLMAP's cameras.txt.
        focal_px: Focal length in pixels, in place of a file.
        poses: File with the camera's pose in the world at each frame, in the format of TUM or KITTI.
    """

    file: str | Path | None = None
    focal_px: float | None = None
    poses: str | Path | None = None

    def check(self, spelling: Spelling) -> None:
        """Look at everything that can be judged before a file is opened.

        Raises:
            UsageError: A choice cannot be meant.
        """
        say = spelling.choice
        if self.focal_px is not None and not (math.isfinite(self.focal_px) and self.focal_px > 0):
            expected = f"expected a positive number of pixels, got {self.focal_px:g}"
            raise UsageError(f"{say('focal_px')}: {expected}")
        if self.focal_px is not None and self.file is not None:
            raise UsageError(f"{say('focal_px')}: give it or {say('camera')}, not both")
        if self.poses is not None and self.focal_px is None and self.file is None:
            raise UsageError(f"{say('poses')}: needs {say('camera')} or {say('focal_px')}")

    def calibration(self, size: tuple[int, int] | None, spelling: Spelling) -> Calibration | None:
        """The camera for images of this size, None where it is not known; None where nothing is known of it.

        Raises:
            DataError: Its file cannot be read, or is of another camera.
            UsageError: The middle of images of unknown size would be a guess.
        """
        if self.file is None:
            if self.focal_px is None:
                return None
            if size is None:
                say = spelling.choice
                names = f"name them as {say('source')}, or give {say('camera')}"
                raise UsageError(f"{say('focal_px')}: needs the size of the images: {names}")
            return Calibration(Camera.of_focal(self.focal_px, size))
        found = read_calibration(self.file)
        if size is None:
            return found
        try:
            camera = found.camera.scaled_to(size)
        except UsageError:
            raise _another(self.file, found.camera, size) from None
        x, y = camera.matrix[:2, 2]
        if not (0 < x < size[0] and 0 < y < size[1]):
            raise _another(self.file, found.camera, size)
        return Calibration(camera, found.to_camera)


class World:
    """Where a run's camera is, for places in metres.

    Args:
        camera: The camera.
        poses: Its poses, None for places in the camera's own axes.

    Attributes:
        camera: The camera.
        missed: Frames so far whose pose was not known.
    """

    def __init__(self, camera: Camera, poses: Poses | None) -> None:
        self.camera, self._poses, self.missed = camera, poses, 0
        self._last = 0

    def pose(self, step: Step) -> FloatArray | None:
        """The camera's pose in the world, ``(4, 4)``, NaN where it is not known; None without a world."""
        if self._poses is None:
            return None
        found = self._poses.at(step.index, step.timestamp)
        if found is None:
            self.missed, self._last = self.missed + 1, step.index
        return np.full((4, 4), np.nan) if found is None else found

    def details(self) -> dict[str, object]:
        """What ``run.json`` says of it."""
        size = self.camera.size
        return {
            "matrix": self.camera.matrix.tolist(),
            "size": None if size is None else list(size),
            "distortion": self.camera.distortion.tolist(),
            "axes": "camera" if self._poses is None else "world",
            "poses": None if self._poses is None else self._poses.name,
            "frames_without_pose": self.missed,
        }

    def notes(self) -> list[str]:
        """How many frames had no pose."""
        if not self.missed or self._poses is None:
            return []
        lacking = f"{self._poses.name}: no pose for {self.missed} frame(s), the last of them {self._last}"
        return [f"{lacking}; places there are unknown"]


def _another(path: str | Path, camera: Camera, size: tuple[int, int]) -> DataError:
    x, y = camera.matrix[:2, 2]
    said = f"images of {camera.size[0]}x{camera.size[1]}, " if camera.size else ""
    return DataError(
        path,
        "the calibration of another camera",
        expected=f"one of images of {size[0]}x{size[1]} pixels",
        found=f"{said}axis at {x:.0f}, {y:.0f}",
    )
