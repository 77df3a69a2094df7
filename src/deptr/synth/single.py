"""Unrelated frames: one scene, one moment, from one seed."""

from __future__ import annotations

from collections.abc import Callable
from math import atan, exp, log, pi, radians, tan
from typing import Any

import cv2
import numpy as np

from deptr.records import FloatArray, Image, LabelledFrame
from deptr.synth.backdrop import PaintedPlace
from deptr.synth.camera import Billboards, Camera, rotation_matrix
from deptr.synth.cutouts import BackgroundFolder, CutoutFolder, premultiplied
from deptr.synth.lens import Lens, colour_matrix
from deptr.synth.looks import Dressed
from deptr.synth.paint import Canvas, Sprite
from deptr.synth.pose import Activity, Manner, pose_of
from deptr.synth.props import PROPS, prop
from deptr.synth.puppet import draw_person, size_for
from deptr.synth.rng import generator, settle
from deptr.synth.stage import Cast, Shadows, paint_cast
from deptr.synth.truth import FrameTruth, Wanted
from deptr.synth.wardrobe import Outfit

Heights = Callable[[np.random.Generator, int], FloatArray]
_NEAREST_M = 0.7
_GROUPED, _BLOCKED, _TEAMED = 0.3, 0.35, 0.35  # probabilities
_ACTIVITIES = (Activity.WALK, Activity.RUN, Activity.STAND, Activity.DANCE, Activity.SIT)


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


def people_heights(rng: np.random.Generator, count: int) -> FloatArray:
    """``(count,)`` metres: mostly grown-ups, some children."""
    children = rng.random(count) < 0.1
    return settle(np.where(children, rng.uniform(0.9, 1.4, count), rng.normal(1.7, 0.09, count)), 3)


def varied_heights(rng: np.random.Generator, count: int) -> FloatArray:
    """``(count,)`` metres from 0.9 to 2.05: mostly grown-ups, in a quarter of the frames many children.

    So many are not as tall as most that a box's height alone says little about how far away its owner is.
    """
    share = 0.5 if rng.random() < 0.25 else 0.12
    grown = np.clip(rng.normal(1.7, 0.11, count), 1.45, 2.05)
    return settle(np.where(rng.random(count) < share, rng.uniform(0.9, 1.5, count), grown), 3)


class CompositeWorld:
    """Unrelated frames made of the user's cut-outs and backgrounds.

    Args:
        cutouts: People, see `CutoutFolder`.
        backgrounds: Places, see `BackgroundFolder`.
        size: Height and width of the frames.
        wanted: Which labels to make.
        largest_crowd: Most people that a frame is given.
        heights: How tall they are.
    """

    def __init__(
        self,
        cutouts: CutoutFolder,
        backgrounds: BackgroundFolder,
        size: tuple[int, int],
        wanted: Wanted,
        largest_crowd: int,
        *,
        heights: Heights = people_heights,
    ) -> None:
        self.cutouts, self.backgrounds = cutouts, backgrounds
        self.size, self.wanted, self.largest_crowd = size, wanted, largest_crowd
        self.heights = heights

    def frame(self, seed: int) -> LabelledFrame:
        """The frame of that seed."""
        rng = generator(seed)
        camera = random_camera(rng, self.size)
        canvas = Canvas(photo_background(rng, self.backgrounds, self.size))
        place = canvas.image.copy()
        count = random_count(rng, self.largest_crowd)
        heights = self.heights(rng, count)
        positions = random_ground_positions(rng, camera, count, heights)
        blockers = int(rng.integers(1, 4)) if rng.random() < _BLOCKED else 0
        chosen = rng.integers(0, len(self.cutouts), count)
        strength = rng.uniform(0, 1)

        def dress(index: int, boards: Billboards) -> Dressed:
            own = generator(seed, 1, index)
            if index >= count:
                return Dressed(photo_blocker(own, self.backgrounds), own.uniform(0.4, 1.6))
            sprite, mean = self.cutouts.sprite(int(chosen[index]))
            stretch = own.choice([-1.0, 1.0]) * own.uniform(0.88, 1.18)
            colour = harmonised(own, mean, local_colour(place, boards.foot[index]), strength)
            return Dressed(sprite, stretch, own.normal(0, 0.04), colour)

        cast = Cast(
            np.concatenate([positions, random_blocker_positions(rng, camera, blockers)]),
            np.concatenate([heights, rng.uniform(0.4, 2.2, blockers)]),
            count,
            dress,
            softness=float(rng.uniform(0.0, 0.9)),
        )
        people, seams = paint_cast(canvas, camera, cast, Shadows.random(rng, sunny=0.25))
        truth = FrameTruth(canvas, people, camera, seam_boxes=seams, name=f"composite {seed}")
        canvas.image = Lens.random(rng).apply(canvas.image, rng)
        return truth.labelled(self.wanted)


class CrowdWorld:
    """Unrelated frames of drawn people in painted places.

    Args:
        size: Height and width of the frames.
        wanted: Which labels to make.
        largest_crowd: Most people that a frame is given.
        heights: How tall they are.
    """

    def __init__(
        self,
        size: tuple[int, int],
        wanted: Wanted,
        largest_crowd: int,
        *,
        heights: Heights = people_heights,
    ) -> None:
        self.size, self.wanted, self.largest_crowd = size, wanted, largest_crowd
        self.heights = heights

    def frame(self, seed: int) -> LabelledFrame:
        """The frame of that seed."""
        rng = generator(seed, 2)
        camera = random_camera(rng, self.size)
        place = PaintedPlace.random(rng)
        canvas = Canvas(place.image(camera), relief=self.wanted.dense_depth)
        count = random_count(rng, self.largest_crowd)
        heights = self.heights(rng, count)
        positions = random_ground_positions(rng, camera, count, heights)
        blockers = int(rng.integers(1, 4)) if rng.random() < _BLOCKED else 0
        things = [prop(int(rng.integers(PROPS))) for _ in range(blockers)]
        team = Outfit.random(rng) if rng.random() < _TEAMED else None
        light = float(rng.uniform(-1, 1))

        def dress(index: int, boards: Billboards) -> Dressed:
            if index >= count:
                return Dressed(things[index - count][0])
            own = generator(seed, 3, index)
            rows = size_for(float(np.hypot(*boards.right[index])) * 0.85)
            return Dressed(
                random_puppet(own, team, camera=camera, position=positions[index], rows=rows, light=light)
            )

        cast = Cast(
            np.concatenate([positions, random_blocker_positions(rng, camera, blockers)]),
            np.concatenate([heights, [height for _, height in things]]),
            count,
            dress,
        )
        people, seams = paint_cast(canvas, camera, cast, Shadows.random(rng))
        depth = place.depth(camera) if self.wanted.dense_depth else None
        truth = FrameTruth(
            canvas, people, camera, scenery_depth=depth, seam_boxes=seams, name=f"crowd {seed}"
        )
        canvas.image = Lens.random(rng).apply(canvas.image, rng)
        return truth.labelled(self.wanted)


def random_puppet(
    rng: np.random.Generator,
    team: Outfit | None,
    *,
    camera: Camera,
    position: FloatArray,
    rows: int,
    light: float,
) -> Sprite:
    """Somebody doing something, seen from a random side."""
    outfit = team.team_mate(rng) if team is not None else Outfit.random(rng)
    activity = _ACTIVITIES[int(rng.choice(5, p=[0.42, 0.1, 0.26, 0.12, 0.1]))]
    pose = pose_of(activity, float(rng.random()), Manner.random(rng))
    away = float(np.hypot(position[0] - camera.position[0], position[2] - camera.position[2]))
    elevation = float(np.arctan2(-camera.position[1] - 0.9, max(away, 0.3)))
    angle = float(rng.uniform(0, 2 * pi))
    return draw_person(pose, outfit, angle=angle, elevation=elevation, rows=rows, light=light)


def photo_blocker(rng: np.random.Generator, backgrounds: BackgroundFolder) -> Sprite:
    """A box, pillar or bush shaped piece of a photo."""
    image = backgrounds.image(int(rng.integers(len(backgrounds))))
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


def local_colour(image: Image, foot: FloatArray) -> FloatArray:
    """Mean colour ``(3,)`` of the picture around a foot point ``(x, y)``."""
    height, width = image.shape[:2]
    x = int(np.clip(foot[0], 24, width - 24))
    y = int(np.clip(foot[1] - 20, 40, height - 24))
    return np.array(cv2.mean(image[y - 40 : y + 24, x - 24 : x + 24])[:3])
