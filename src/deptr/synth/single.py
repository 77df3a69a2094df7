"""One unrelated frame of the composite world: cut-out people before a photo, in known depth order."""

from __future__ import annotations

from math import atan, exp, log, radians, tan
from typing import Any

import cv2
import numpy as np

from deptr.records import FloatArray, Image, LabelledFrame
from deptr.synth.camera import Camera, rotation_matrix
from deptr.synth.cutouts import BackgroundFolder, CutoutFolder, premultiplied
from deptr.synth.lens import Lens, colour_matrix
from deptr.synth.paint import OCCLUDER, Canvas, Sprite
from deptr.synth.rng import generator, settle
from deptr.synth.truth import PersonTruth, Wanted, labelled_frame

_LARGEST_CROWD = 30
_NEAREST_M = 0.7
_GROUPED = 0.3


def random_camera(rng: np.random.Generator, size: tuple[int, int]) -> Camera:
    """A camera at the height of a robot, a person or a lamp post, looking ahead or down."""
    height, width = size
    kind = rng.random()
    if kind < 0.25:
        altitude = rng.uniform(0.25, 1.1)
    elif kind < 0.7:
        altitude = rng.uniform(1.1, 2.0)
    else:
        altitude = exp(rng.uniform(log(2.0), log(7.0)))
    focal = height / 2 / tan(radians(rng.uniform(26, 78)) / 2)
    pitch = radians(rng.uniform(-6, 9)) + atan(max(altitude - 1.2, 0) / rng.uniform(7, 22))
    rotation = rotation_matrix(0.0, pitch, radians(rng.normal(0, 1.5)))
    return Camera(width, height, float(focal), rotation, np.array([0.0, -altitude, 0.0]))


def random_ground_positions(
    rng: np.random.Generator, camera: Camera, count: int, heights_m: FloatArray
) -> FloatArray:
    """Ground points ``(count, 3)`` of people from tiny to larger than the picture, some in groups."""
    smallest = log(rng.uniform(9, 40) if rng.random() < 0.6 else rng.uniform(40, 110))
    largest = log(camera.height * rng.choice([0.3, 0.8, 1.3, 2.2]))
    pixels = np.exp(rng.uniform(min(smallest, largest - 0.7), largest, count))
    depth = np.maximum(camera.focal_px * heights_m / pixels, _NEAREST_M)
    column = rng.uniform(-0.06, 1.06, count) - 0.5
    lateral = column * camera.width * depth / camera.focal_px
    position = np.stack([lateral, np.zeros(count), depth], axis=1)
    for index in range(1, count):
        if rng.random() < _GROUPED:
            friend = position[rng.integers(0, index)]
            position[index] = friend + np.array([rng.normal(0, 0.55), 0, rng.normal(0, 0.5)])
    position[:, 2] = np.maximum(position[:, 2], _NEAREST_M)
    return settle(position, 4)


def random_count(rng: np.random.Generator, largest: int) -> int:
    """How many people: often few, sometimes none, sometimes a crowd."""
    draw = rng.random()
    if draw < 0.05:
        return 0
    if draw < 0.5:
        return int(rng.integers(1, min(6, largest) + 1))
    return int(rng.integers(1, largest + 1))


def photo_background(rng: np.random.Generator, backgrounds: BackgroundFolder, size: tuple[int, int]) -> Image:
    """A random part of a random place in other colours."""
    height, width = size
    image = backgrounds.image(int(rng.integers(len(backgrounds))))
    rows, columns = image.shape[:2]
    aspect = width / height * exp(rng.normal(0, 0.15))
    tallest = min(rows, columns / aspect)
    part = tallest * rng.uniform(0.45, 1.0)
    top = int(rng.uniform(0, rows - part))
    left = int(rng.uniform(0, columns - part * aspect))
    cut: Any = image[top : top + max(int(part), 8), left : left + max(int(part * aspect), 8)]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    cut = cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.8:
        colours = colour_matrix(
            rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3), rng.normal(0, 8, 3), rng.uniform(0.4, 1.3)
        )
        affine = np.column_stack([colours[:3, :3], colours[:3, 3] * 255])
        cut = cv2.transform(cut, affine)
    return np.ascontiguousarray(cut, dtype=np.uint8)


def harmonised(
    rng: np.random.Generator, mean: FloatArray, surroundings: FloatArray, strength: float
) -> FloatArray:
    """Colour matrix that moves a person of colour `mean` towards their `surroundings`.

    Args:
        rng: Draws the person's own tint.
        mean: ``(3,)`` mean colour of the person.
        surroundings: ``(3,)`` mean colour of the background there.
        strength: 0 keeps the colours, 1 takes over brightness and tint.
    """
    level, ambient = max(float(mean.mean()), 8.0), max(float(surroundings.mean()), 8.0)
    brightness = (ambient / level) ** (0.45 * strength)
    tint = (np.maximum(surroundings, 8.0) / ambient) ** (0.5 * strength)
    gain = np.clip(brightness * tint * rng.uniform(0.93, 1.07, 3), 0.35, 1.7)
    return colour_matrix(gain, rng.normal(0, 4, 3), rng.uniform(0.7, 1.15))


class CompositeWorld:
    """Unrelated frames made of the user's cut-outs and backgrounds.

    Args:
        cutouts: People, see `CutoutFolder`.
        backgrounds: Places, see `BackgroundFolder`.
        size: Height and width of the frames.
        largest_crowd: Most people that a frame is given.
        wanted: Which labels to make.
    """

    def __init__(
        self,
        cutouts: CutoutFolder,
        backgrounds: BackgroundFolder,
        size: tuple[int, int],
        wanted: Wanted,
        largest_crowd: int = _LARGEST_CROWD,
    ) -> None:
        self.cutouts = cutouts
        self.backgrounds = backgrounds
        self.size = size
        self.wanted = wanted
        self.largest_crowd = largest_crowd

    def frame(self, seed: int) -> LabelledFrame:
        """The frame of that seed."""
        rng = generator(seed)
        camera = random_camera(rng, self.size)
        canvas = Canvas(photo_background(rng, self.backgrounds, self.size))
        count = random_count(rng, self.largest_crowd)
        heights = np.where(
            rng.random(count) < 0.1, rng.uniform(0.9, 1.4, count), rng.normal(1.7, 0.09, count)
        )
        positions = random_ground_positions(rng, camera, count, heights)
        people = self._paint_all(rng, canvas, camera, positions, heights)
        image = Lens.random(rng).apply(canvas.image, rng)
        canvas.image = image
        return labelled_frame(canvas, people, camera, self.wanted, name=f"composite {seed}")

    def _paint_all(
        self,
        rng: np.random.Generator,
        canvas: Canvas,
        camera: Camera,
        positions: FloatArray,
        heights: FloatArray,
    ) -> list[PersonTruth]:
        """Shadows, then people and occluders from far to near."""
        people_count = len(positions)
        blockers = int(rng.integers(1, 4)) if rng.random() < 0.35 else 0
        positions = np.concatenate([positions, random_blocker_positions(rng, camera, blockers)])
        heights = np.concatenate([heights, rng.uniform(0.4, 2.2, blockers)])
        boards = camera.billboards(positions, heights)
        order = [
            int(i) for i in np.argsort(-boards.depth, kind="stable") if boards.nearest[i] > _NEAREST_M / 2
        ]
        chosen = rng.integers(0, len(self.cutouts), people_count)
        strength, softness = rng.uniform(0, 1), rng.uniform(0.0, 0.9)
        shadow = rng.uniform(0.15, 0.6) if rng.random() < 0.7 else 0.0
        sprites = {i: self.cutouts.sprite(int(chosen[i])) for i in order if i < people_count}
        if shadow:
            blob = shadow_sprite(shadow)
            for i in sprites:
                canvas.paint(blob, boards.matrix(i, blob, stretch=0.7))
        people: list[PersonTruth] = []
        for i in order:
            if i >= people_count:
                block = self._blocker(rng)
                canvas.paint(block, boards.matrix(i, block, stretch=rng.uniform(0.4, 1.6)), OCCLUDER)
                continue
            sprite, mean = sprites[i]
            stretch = rng.choice([-1.0, 1.0]) * rng.uniform(0.88, 1.18)
            matrix = boards.matrix(i, sprite, stretch, rng.normal(0, 0.04))
            colour = harmonised(rng, mean, _local_colour(canvas.image, boards.foot[i]), strength)
            painted = canvas.paint(sprite, matrix, len(people) + 1, colour=colour, softness=softness)
            if painted is not None:
                people.append(PersonTruth(painted, i + 1, float(boards.depth[i]), positions[i]))
        return people

    def _blocker(self, rng: np.random.Generator) -> Sprite:
        """A box, pillar or bush shaped piece of another photo."""
        image = self.backgrounds.image(int(rng.integers(len(self.backgrounds))))
        side = min(image.shape[0], image.shape[1], 160)
        top = int(rng.integers(0, image.shape[0] - side + 1))
        left = int(rng.integers(0, image.shape[1] - side + 1))
        piece = np.zeros((side + 2, side + 2, 4), np.uint8)
        piece[1:-1, 1:-1, :3] = image[top : top + side, left : left + side]
        alpha = np.zeros((side + 2, side + 2), np.uint8)
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * side + rng.uniform(-0.12, 0.12, (4, 2)) * side
        corners[2:, 1] = side
        if rng.random() < 0.3:
            middle = side // 2
            cv2.ellipse(alpha, (middle, middle), (middle - 2, middle - 1), 0, 0, 360, 255, -1)
        else:
            cv2.fillConvexPoly(alpha, np.clip(np.rint(corners), 1, side).astype(np.int32), 255)
        piece[:, :, 3] = alpha
        return Sprite(premultiplied(piece), (side / 2 + 1, side + 1.0), float(side))


def random_blocker_positions(rng: np.random.Generator, camera: Camera, count: int) -> FloatArray:
    """Ground points ``(count, 3)`` of things that stand in the way, rather near."""
    depth = np.exp(rng.uniform(log(1.5), log(12), count))
    lateral = rng.uniform(-0.5, 0.5, count) * camera.width * depth / camera.focal_px
    return settle(np.stack([lateral, np.zeros(count), depth], axis=1), 4)


def shadow_sprite(darkness: float) -> Sprite:
    """A soft dark blob that lies at somebody's foot; as wide as its `height_px`."""
    rows, columns = np.mgrid[-1:1:24j, -1:1:64j]
    fade = np.clip(1 - np.hypot(rows, columns), 0, 1) ** 0.7
    rgba = np.zeros((24, 64, 4), np.uint8)
    rgba[:, :, 3] = np.rint(settle(fade) * darkness * 255).astype(np.uint8)
    return Sprite(rgba, (32.0, 12.0), 96.0, extent=(0.0, 0.0, 64.0, 24.0, 1))


def _local_colour(image: Image, foot: FloatArray) -> FloatArray:
    """Mean colour of the picture around a foot point."""
    height, width = image.shape[:2]
    x = int(np.clip(foot[0], 24, width - 24))
    y = int(np.clip(foot[1] - 20, 40, height - 24))
    return np.array(cv2.mean(image[y - 40 : y + 24, x - 24 : x + 24])[:3])
