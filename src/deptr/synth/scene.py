"""A scene over time: people with intentions, a place, a camera that moves, one integer seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from math import pi, sin
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deptr.errors import UsageError
from deptr.records import FloatArray, Image, LabelledFrame
from deptr.synth.backdrop import Backdrop, PaintedPlace, PhotoPlace
from deptr.synth.camera import Billboards
from deptr.synth.crowd import ACTIVITIES, Area, Paths, Script, simulate
from deptr.synth.cutouts import BackgroundFolder, CutoutFolder
from deptr.synth.journey import CameraMotion, Journey
from deptr.synth.lens import Lens
from deptr.synth.looks import Appearance, CutoutLooks, Dressed, Looks, PuppetLooks
from deptr.synth.paint import Canvas
from deptr.synth.pose import Manner
from deptr.synth.props import NARROW, PROPS, prop
from deptr.synth.rng import generator, rounded
from deptr.synth.stage import Cast, Shadows, paint_cast
from deptr.synth.truth import FrameTruth, Wanted
from deptr.synth.wardrobe import Outfit

LEVELS = (1, 2, 3)
_SMALLEST_SIDE = 32
_MOTIONS = tuple(CameraMotion)[:-1]  # a panorama only when asked for
_MOTION_SHARES = (0.36, 0.16, 0.18, 0.2, 0.1)


class World(str, Enum):
    """Who the people are."""

    CROWD = "crowd"
    COMPOSITE = "composite"


@dataclass(frozen=True)
class SceneOptions:
    """What a caller fixes about scenes; None leaves it to the seed.

    Attributes:
        size: Height and width of the frames in pixels.
        frames: How many.
        fps: Frames per second.
        camera: How the camera moves.
        level: Crowding and difficulty: 1 easy, 2 busy, 3 dense.
        script: What happens, instead of a random script of the level.

    Raises:
        UsageError: A value is out of range; an equirectangular picture must be twice as wide as high.
    """

    size: tuple[int, int] = (384, 640)
    frames: int = 200
    fps: float = 20.0
    camera: CameraMotion | None = None
    level: int | None = None
    script: Script | None = None

    def __post_init__(self) -> None:
        if min(self.size) < _SMALLEST_SIDE:
            expected = f"height and width of at least {_SMALLEST_SIDE} pixels"
            raise UsageError(f"size: expected {expected}, got {self.size}")
        if self.frames < 1:
            raise UsageError(f"frames: expected at least 1, got {self.frames}")
        if not 0 < self.fps <= 1000:
            raise UsageError(f"fps: expected a number in (0, 1000], got {self.fps}")
        if self.level is not None and self.level not in LEVELS:
            raise UsageError(f"level: expected one of {LEVELS}, got {self.level}")
        if self.camera is CameraMotion.PANORAMA and self.size[1] < 2 * self.size[0]:
            expected = "a panorama at least twice as wide as high"
            raise UsageError(f"size: expected {expected}, got {self.size} (height, width)")


@dataclass(frozen=True)
class Folders:
    """The user's pictures for the composite world."""

    cutouts: CutoutFolder
    backgrounds: BackgroundFolder

    @classmethod
    def open(cls, cutouts: str | Path, backgrounds: str | Path) -> Folders:
        """Both folders.

        Raises:
            DataError: One is missing or holds no picture.
        """
        return cls(CutoutFolder(cutouts), BackgroundFolder(backgrounds))


class Scene:
    """A sequence that can be asked for any of its frames.

    Args:
        seed: Everything about the scene follows from it, the options and the folders.
        options: What is fixed.
        folders: Makes it a scene of the composite world.

    Example:
        >>> scene = Scene(7, SceneOptions(size=(96, 160), frames=3, level=1))
        >>> truth = scene.frame(2)
        >>> truth.image.shape, bool((truth.depth_m > 0).all())
        ((96, 160, 3), True)
    """

    def __init__(
        self, seed: int, options: SceneOptions | None = None, folders: Folders | None = None
    ) -> None:
        self.seed = seed
        self.options = options or SceneOptions()
        self.name = f"{(World.COMPOSITE if folders else World.CROWD).value}-{seed:06d}"
        rng = generator(seed, 100)
        self.level = self.options.level or int(rng.integers(1, 4))
        drawn = _MOTIONS[int(rng.choice(len(_MOTIONS), p=_MOTION_SHARES))]
        motion = self.options.camera or drawn
        self.journey = Journey.random(generator(seed, 101), self.options.size, motion)
        self.duration_s = self.options.frames / self.options.fps
        self._area = self._choose_area()
        self.heights_m, self.paths = self._people(generator(seed, 102))
        self._things, self._thing_positions = self._furniture(generator(seed, 103), folders)
        self._looks, self._backdrop = self._appearance(generator(seed, 104), folders)
        self._shadows = Shadows.random(generator(seed, 105), sunny=0.5 if folders is None else 0.2)
        self._lens = Lens.random(generator(seed, 106), strength=0.6)
        self._flicker = generator(seed, 107).uniform(0, 1, 3)
        self._still: Image | None = None
        self._still_depth: FloatArray | None = None

    def __len__(self) -> int:
        return self.options.frames

    def _choose_area(self) -> Area:
        """Where people are: so near that they fill the picture, so far that they are small."""
        camera = self.journey.camera(0.0)
        if self.journey.motion is CameraMotion.PANORAMA:
            return Area(1.6, 11.0, 0.0, around=True)
        near = max(0.9 * camera.focal_px * 1.7 / camera.height, 1.6)
        near += 0.8 * max(self.journey.altitude_m - 1.6, 0.0)
        far = near * (3.2 if self.level > 1 else 2.6) + self.journey.speed * self.duration_s
        return Area(near, far, 0.46 * camera.width / camera.focal_px)

    def _people(self, rng: np.random.Generator) -> tuple[FloatArray, Paths]:
        self.script = self.options.script or Script.random(rng, self.level)
        walks = self.script.walks(rng, self._area, self.duration_s)
        heights = rounded(np.clip(rng.normal(1.72, 0.08, len(walks)), 1.45, 2.0), 3)
        return heights, simulate(walks, heights, self.options.frames, self.options.fps)

    def _furniture(self, rng: np.random.Generator, folders: Folders | None) -> tuple[list[int], FloatArray]:
        """Which things stand where; before a photo, nothing that would hide most of it."""
        kinds = range(PROPS) if folders is None else NARROW
        count = int(rng.integers(0, 2 + self.level))
        travel = self.journey.speed * self.duration_s
        near = 0.6 * self._area.near_m + 0.4 * self._area.far_m
        if travel > 0 and not self._area.around:
            near = max(near, self._area.near_m + travel + 1.0)  # the camera does not walk into a car
        far = replace(self._area, near_m=near, far_m=max(self._area.far_m, near + 1.0))
        places = [far.point(rng) for _ in range(count)]
        positions = np.array([(x, 0.0, z) for x, z in places]).reshape(-1, 3)
        return [kinds[int(rng.integers(len(kinds)))] for _ in range(count)], rounded(positions, 4)

    def _appearance(self, rng: np.random.Generator, folders: Folders | None) -> tuple[Looks, Backdrop]:
        count = len(self.heights_m)
        if folders is None:
            teams = [Outfit.random(rng) for _ in range(int(rng.integers(1, 3)))]
            alike = rng.random() < (0.2, 0.4, 0.7)[self.level - 1]
            outfits = [
                teams[index % len(teams)].team_mate(rng) if alike else Outfit.random(rng)
                for index in range(count)
            ]
            manners = [Manner.random(rng) for _ in range(count)]
            return PuppetLooks(outfits, manners, float(rng.uniform(-1, 1))), PaintedPlace.random(rng)
        photo = self._wide_photo(rng, folders.backgrounds)
        ambient = np.array(cv2.mean(photo)[:3])
        chosen = [int(index) for index in rng.integers(0, len(folders.cutouts), count)]
        tints = rng.uniform(0.92, 1.08, (count, 3))
        looks = CutoutLooks(folders.cutouts, chosen, float(rng.uniform(0, 1)), ambient=ambient, tints=tints)
        return looks, PhotoPlace(photo, self.journey.focal_px * 1.1)

    def _wide_photo(self, rng: np.random.Generator, backgrounds: BackgroundFolder) -> Image:
        """A photo a little larger than the frames, so that the camera may turn."""
        image = backgrounds.image(int(rng.integers(len(backgrounds))))
        height, width = self.options.size
        if rng.random() < 0.5:
            image = image[:, ::-1]
        rows, columns = image.shape[:2]
        part = min(rows, columns * height / width)
        top, left = int((rows - part) / 2), int((columns - part * width / height) / 2)
        cut = image[top : rows - top, left : columns - left]
        size = (round(width * 1.3), round(height * 1.3))
        wide: Any = cv2.resize(np.ascontiguousarray(cut), size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide, np.uint8)

    def frame(self, index: int, *, dense: bool = False) -> FrameTruth:
        """Frame number `index` from 0, as the camera shows it.

        Args:
            index: In [0, len(scene)).
            dense: Whether a depth map will be asked for.
        """
        if not 0 <= index < len(self):
            raise UsageError(f"index: expected a frame in [0, {len(self)}), got {index}")
        time_s = index / self.options.fps
        camera = self.journey.camera(time_s)
        canvas = Canvas(self._background(camera), relief=dense)
        ground = self.paths.ground[index]
        count = len(ground)
        feet = np.stack([ground[:, 0], np.zeros(count), ground[:, 1]], axis=1)
        things = [prop(number) for number in self._things]

        def dress(person: int, boards: Billboards) -> Dressed:
            if person >= count:
                return Dressed(things[person - count][0])
            return self._looks.dressed(person, self._seen(index, person, camera.position, boards))

        cast = Cast(
            np.concatenate([feet, self._thing_positions]),
            np.concatenate([self.heights_m, [height for _, height in things]]),
            count,
            dress,
        )
        people, seams = paint_cast(canvas, camera, cast, self._shadows)
        canvas.image = self._lens_at(time_s).apply(canvas.image, generator(self.seed, 110, index))
        depth = self._depth(camera) if dense else None
        name = f"{self.name} frame {index + 1}"
        return FrameTruth(canvas, people, camera, scenery_depth=depth, seam_boxes=seams, name=name)

    def frames(self, wanted: Wanted | None = None) -> Iterator[LabelledFrame]:
        """All frames as training sees them."""
        wanted = wanted or Wanted()
        for index in range(len(self)):
            yield self.frame(index, dense=wanted.dense_depth).labelled(wanted)

    def _seen(self, index: int, person: int, position: FloatArray, boards: Billboards) -> Appearance:
        x, z = self.paths.ground[index, person] - position[[0, 2]]
        away = float(np.hypot(x, z))
        return Appearance(
            ACTIVITIES[int(self.paths.activity[index, person])],
            float(self.paths.phase[index, person]),
            float(self.paths.seated[index, person]),
            float(self.paths.heading[index, person] - np.arctan2(x, z)),
            float(np.arctan2(-position[1] - 0.9, max(away, 0.3))),
            float(np.hypot(*boards.right[person])),
        )

    def _background(self, camera: Any) -> Image:
        if not self.journey.still:
            return self._backdrop.image(camera, soft=True)
        if self._still is None:
            self._still = self._backdrop.image(camera)
        return self._still.copy()

    def _depth(self, camera: Any) -> FloatArray | None:
        if not self.journey.still:
            return self._backdrop.depth(camera)
        if self._still_depth is None:
            self._still_depth = self._backdrop.depth(camera)
        return self._still_depth

    def _lens_at(self, time_s: float) -> Lens:
        """The camera's flaws while the light changes slowly."""
        size, rate, start = self._flicker
        light = 1 + 0.12 * size * sin(2 * pi * (0.05 + 0.15 * rate) * time_s + 2 * pi * start)
        return replace(self._lens, gain=round(self._lens.gain * light, 4))
