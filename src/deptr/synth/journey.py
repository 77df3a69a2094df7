"""How a camera moves: still, panning, held by hand, on a walking quadruped, zooming, all around."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import atan, exp, log, pi, radians, sin, tan

import numpy as np

from deptr.records import FloatArray
from deptr.synth.camera import Camera, Projection, rotation_matrix
from deptr.synth.rng import rounded


class CameraMotion(str, Enum):
    """What a camera does during a sequence."""

    STATIC = "static"
    PAN = "pan"
    SHAKE = "shake"
    GAIT = "gait"
    ZOOM = "zoom"
    PANORAMA = "panorama"


@dataclass(frozen=True, eq=False)
class Journey:
    """A camera over time; all numbers are drawn once.

    Attributes:
        motion: What it does.
        size: Height and width of the frames.
        altitude_m: Height above the ground.
        focal_px: Focal length at the start.
        pitch: Radians downwards.
        swing: Size of the movement: radians of a pan or shake, share of a zoom.
        rate_hz: Movements, or steps, per second.
        speed: Metres per second forward.
        phases: ``(6,)`` radians that tell one journey from another.
    """

    motion: CameraMotion
    size: tuple[int, int]
    altitude_m: float
    focal_px: float
    pitch: float
    swing: float
    rate_hz: float
    speed: float
    phases: FloatArray

    @classmethod
    def random(cls, rng: np.random.Generator, size: tuple[int, int], motion: CameraMotion) -> Journey:
        """A journey of that kind through a scene."""
        height, width = size
        phases = rounded(rng.uniform(0, 2 * pi, 6))
        if motion is CameraMotion.PANORAMA:
            return cls(motion, size, rng.uniform(0.5, 1.6), width / (2 * pi), 0.0, 0.01, 1.6, 0.4, phases)
        focal = height / 2 / tan(radians(rng.uniform(34, 62)) / 2)
        if motion is CameraMotion.GAIT:
            altitude, speed, rate = rng.uniform(0.35, 0.8), rng.uniform(0.2, 0.7), rng.uniform(1.4, 2.4)
            pitch, swing = radians(rng.uniform(-9, -2)), radians(rng.uniform(0.6, 1.6))
        else:
            altitude = exp(rng.uniform(log(1.3), log(5.0)))
            pitch = radians(rng.uniform(0, 7)) + atan(max(altitude - 1.5, 0) / rng.uniform(9, 18))
            rate, speed = rng.uniform(0.05, 0.14), 0.0
            swing = {CameraMotion.PAN: 0.22, CameraMotion.SHAKE: 0.008, CameraMotion.ZOOM: 0.3}.get(motion, 0)
            if motion is CameraMotion.SHAKE:
                rate = rng.uniform(0.8, 2.0)
        return cls(motion, size, altitude, focal, pitch, float(swing), float(rate), float(speed), phases)

    @property
    def still(self) -> bool:
        """Whether every frame sees the same."""
        return self.motion is CameraMotion.STATIC

    def camera(self, time_s: float) -> Camera:
        """The camera at a time."""
        height, width = self.size
        turn = 2 * pi * self.rate_hz * time_s
        p = self.phases
        yaw, pitch, roll, focal, sink, drift = 0.0, self.pitch, 0.0, self.focal_px, 0.0, 0.0
        if self.motion is CameraMotion.PAN:
            yaw = self.swing * sin(turn + p[0])
            pitch += 0.1 * self.swing * sin(0.6 * turn + p[1])
        elif self.motion is CameraMotion.SHAKE:
            yaw = self.swing * (sin(turn + p[0]) + 0.6 * sin(2.7 * turn + p[1]))
            pitch += self.swing * (sin(1.3 * turn + p[2]) + 0.5 * sin(3.1 * turn + p[3]))
            roll = 0.7 * self.swing * sin(0.9 * turn + p[4])
        elif self.motion is CameraMotion.GAIT:
            # a trot: the trunk sinks twice per stride, and rolls and sways once
            sink = 0.018 * sin(2 * turn + p[0])
            drift = 0.012 * sin(turn + p[1])
            pitch += self.swing * sin(2 * turn + p[2])
            roll = 0.8 * self.swing * sin(turn + p[3])
            yaw = 0.8 * self.swing * sin(turn + p[4]) + 0.06 * sin(0.25 * turn + p[5])
        elif self.motion is CameraMotion.ZOOM:
            focal = self.focal_px * exp(self.swing * sin(turn + p[0]))
        elif self.motion is CameraMotion.PANORAMA:
            sink = 0.01 * sin(2 * turn + p[0])
            yaw = 0.2 * sin(0.05 * turn + p[5])
        position = rounded(np.array([drift, sink - self.altitude_m, self.speed * time_s]))
        round_ = self.motion is CameraMotion.PANORAMA
        projection = Projection.EQUIRECTANGULAR if round_ else Projection.PINHOLE
        rotation = rotation_matrix(yaw, pitch, roll)
        return Camera(width, height, round(focal, 6), rotation, position, projection)
