"""Simulated worlds without pictures: bodies before a moving camera."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.training.identity.detections import Clip, detected


@dataclass(frozen=True)
class WorldSettings:
    """Ranges from which worlds are drawn.

    Attributes:
        frames: Fewest and most frames of a clip.
        objects: Fewest and most bodies.
        most_detections: Later frames are left out once there are so many.
        rates: Lowest and highest frames per second.
    """

    frames: list[int] = field(default_factory=lambda: [10, 24])
    objects: list[int] = field(default_factory=lambda: [3, 28])
    most_detections: int = 240
    rates: list[float] = field(default_factory=lambda: [1.0, 30.0])


def simulate(rng: np.random.Generator, settings: WorldSettings) -> Clip:
    """One clip of a world of its own."""
    frames = int(rng.integers(settings.frames[0], settings.frames[1] + 1))
    most = max(settings.objects[0], min(settings.objects[1], settings.most_detections // frames + 4))
    count = int(rng.integers(settings.objects[0], most + 1))
    rate = float(np.exp(rng.uniform(*np.log(settings.rates))))
    steps = np.maximum(rng.normal(1.0, 0.1 * (rng.random() < 0.3), frames), 0.2) / rate
    steps *= np.where(rng.random(frames) < 0.03, 2.0, 1.0)  # lost frames
    seconds = np.cumsum(steps)
    height = float(rng.uniform(300, 1600))
    size = (height * float(rng.uniform(1.0, 2.2)), height)
    world = _on_ground if rng.random() < 0.75 else _in_plane
    boxes, log_z = world(rng, count, steps, size)
    return detected(rng, boxes, log_z, seconds, size=size, most=settings.most_detections)


def _wander(
    rng: np.random.Generator, start: FloatArray, acceleration: FloatArray, memory_s: float, steps: FloatArray
) -> FloatArray:
    """``(T, N, C)`` velocities that forget themselves in some seconds and are shaken meanwhile."""
    out = np.empty((len(steps), *start.shape))
    velocity, mean = start.copy(), 0.5 * start
    for frame, step in enumerate(steps):
        keep = np.exp(-step / memory_s)
        noise = acceleration * np.sqrt(min(step, 2 * memory_s))
        velocity = mean + keep * (velocity - mean) + noise * rng.normal(size=start.shape)
        out[frame] = velocity
    return out


def _on_ground(
    rng: np.random.Generator, count: int, steps: FloatArray, size: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Boxes ``(T, N, 4)`` and log depths of bodies on a plane before a camera that may turn and drive."""
    width, height = size
    focal = height * float(rng.uniform(0.6, 1.8))
    horizon = height * float(rng.uniform(0.1, 0.6))
    mount = float(np.exp(rng.uniform(np.log(0.8), np.log(8.0))))
    vehicles = rng.random(count) < rng.choice([0.0, 0.0, 0.3, 1.0, 1.0])
    drive = float(rng.uniform(0, 18)) * (vehicles.any() or rng.random() < 0.1) * (rng.random() < 0.6)
    road = vehicles & (rng.random() < 0.6)
    x, z = _places(rng, vehicles, road, view=width / focal, drive_m=drive * float(steps.sum()))
    turn = rng.uniform(0, 2 * np.pi, count)
    along = rng.choice([-0.5, 0.5], count) * np.pi + 0.05 * rng.normal(size=count)
    turn = np.where(road & (rng.random(count) < 0.9), along, turn)
    tall = np.where(vehicles, rng.uniform(1.3, 2.0, count), rng.uniform(1.0, 1.95, count))
    side = np.minimum(np.abs(np.cos(turn)) + 0.5 * road * np.abs(x / z), 1.0)
    broad = np.where(vehicles, 1.7 + 2.6 * side, tall * rng.uniform(0.28, 0.5, count))
    velocity = _velocities(rng, vehicles, turn, steps)
    turning = rng.choice([0.0, 0.0, 0.03, 0.15, 0.3][: 5 if drive else 4])
    pan = np.cumsum(_wander(rng, np.zeros(1), np.array([turning]), 1.0, steps)[:, 0] * steps)
    path = np.cumsum(velocity * steps[:, None, None], axis=0)
    path[..., 1] -= np.cumsum(drive * steps)[:, None]
    shake = height * rng.choice([0.0, 0.0, 0.002, 0.01]) * rng.normal(size=(len(steps), 2))
    at_x, at_z = x + path[..., 0], z + path[..., 1]
    at_x, at_z = (
        at_x * np.cos(pan)[:, None] - at_z * np.sin(pan)[:, None],
        (at_x * np.sin(pan)[:, None] + at_z * np.cos(pan)[:, None]),
    )
    at_z = np.where(at_z > 0.8, at_z, np.nan)
    u = width / 2 + focal * at_x / at_z + shake[:, :1]
    foot = horizon + focal * mount / at_z + shake[:, 1:]
    h, w = focal * tall / at_z, focal * broad / at_z
    sway = 1 + 0.1 * np.sin(2 * np.pi * np.cumsum(steps)[:, None] * rng.uniform(0.8, 1.2, count) + turn)
    w = w * np.where(vehicles, 1.0, sway)
    return np.stack([u - w / 2, foot - h, u + w / 2, foot], axis=-1), np.log(at_z)


def _places(
    rng: np.random.Generator, vehicles: BoolArray, road: BoolArray, *, view: float, drive_m: float
) -> tuple[FloatArray, FloatArray]:
    """Where bodies stand at first, metres to the right and ahead.

    Args:
        rng: Draws them.
        vehicles: ``(N,)`` which of them are vehicles.
        road: ``(N,)`` which of these keep to a road ahead.
        view: Width of the image at a distance of 1.
        drive_m: Way that the camera will drive.
    """
    count = len(vehicles)
    far = np.exp(rng.uniform(np.log(3.0), np.log(rng.choice([8.0, 20.0, 60.0])), count))
    z = np.where(vehicles, 2 * far, far)
    x = rng.uniform(-0.6, 0.6, count) * z * view
    x, z = np.where(road, 6 * rng.normal(size=count), x), np.where(road, z + drive_m * rng.random(count), z)
    if rng.random() < 0.5:  # a group
        middle = int(rng.integers(count))
        group = rng.random(count) < 0.7
        spread = float(rng.uniform(0.5, 4.0))
        x = np.where(group, x[middle] + spread * rng.normal(size=count), x)
        z = np.where(group, np.maximum(z[middle] + spread * rng.normal(size=count), 1.5), z)
    return x, z


def _velocities(
    rng: np.random.Generator, vehicles: BoolArray, turn: FloatArray, steps: FloatArray
) -> FloatArray:
    """``(T, N, 2)`` metres per second of bodies that look in these directions; some vehicles are parked."""
    count = len(vehicles)
    speed = np.where(vehicles, rng.uniform(0, 15, count), rng.uniform(0, 2.0, count))
    speed = np.where(rng.random(count) < 0.1, 2 * speed, speed)
    parked = vehicles & (rng.random(count) < rng.choice([0.0, 0.3, 0.7]))
    shaken = np.where(vehicles, rng.uniform(0.5, 3.0), rng.uniform(0.1, 1.5))
    start = np.where(parked, 0.0, speed)[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    return _wander(rng, start, np.where(parked, 0.0, shaken)[:, None], float(rng.uniform(0.5, 4.0)), steps)


def _in_plane(
    rng: np.random.Generator, count: int, steps: FloatArray, size: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Boxes that wander over the image and change their size: whatever is no body on a ground."""
    width, height = size
    log_h = np.log(height) + rng.uniform(np.log(0.03), np.log(0.4), count)
    aspect = rng.uniform(np.log(0.3), np.log(2.5), count)
    place = rng.uniform(0, 1, (count, 2)) * [width, height]
    if rng.random() < 0.4:
        place = place[:1] + rng.normal(size=(count, 2)) * np.exp(log_h)[:, None] * rng.uniform(0.5, 3.0)
    speed = rng.normal(size=(count, 3)) * [rng.uniform(0, 2), rng.uniform(0, 0.7), rng.uniform(0, 0.2)]
    shaken = np.array([1.0, 0.4, 0.1]) * rng.uniform(0.02, 1.5)
    velocity = _wander(rng, speed, shaken, float(rng.uniform(0.5, 4.0)), steps)
    size_now = log_h + np.cumsum(velocity[..., 2] * steps[:, None], axis=0)
    moves = velocity[..., :2] * np.exp(size_now)[..., None] * steps[:, None, None]
    centre = place + np.cumsum(moves, axis=0)
    h = np.exp(size_now)
    w = h * np.exp(aspect)
    boxes = np.stack(
        [centre[..., 0] - w / 2, centre[..., 1] - h / 2, centre[..., 0] + w / 2, centre[..., 1] + h / 2], -1
    )
    return boxes, np.log(height) - size_now + 0.2 * rng.normal(size=count)
