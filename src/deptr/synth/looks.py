"""What people look like in a frame: puppets of the crowd world, or the user's cut-outs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import pi, sin
from typing import Protocol

import numpy as np

from deptr.records import FloatArray
from deptr.synth.cutouts import CutoutFolder
from deptr.synth.lens import colour_matrix
from deptr.synth.paint import Sprite
from deptr.synth.pose import Activity, Manner, pose_of
from deptr.synth.puppet import draw_person, size_for
from deptr.synth.wardrobe import Outfit

_VIEWS = 16
_PHASES = {Activity.WALK: 12, Activity.RUN: 10, Activity.DANCE: 16, Activity.STAND: 4, Activity.SIT: 4}
_SEATED = 6
_ELEVATIONS = (0.0, 0.12, 0.25, 0.42, 0.65)
_KEPT_SPRITES = 2000


@dataclass(frozen=True)
class Appearance:
    """How somebody is seen at one moment.

    Attributes:
        activity: What they do.
        phase: Where in the movement, in [0, 1).
        seated: How far they have sat down, in [0, 1].
        angle: Direction they face against the direction of sight, see `figure.View`.
        elevation: How far the camera looks down on them, radians.
        height_px: Height of their body in the picture.
    """

    activity: Activity
    phase: float
    seated: float
    angle: float
    elevation: float
    height_px: float


@dataclass(frozen=True, eq=False)
class Dressed:
    """A sprite and how to bend and colour it.

    Attributes:
        sprite: The picture.
        stretch: Factor on the width, negative mirrors.
        lean: Radians to the right.
        colour: ``(4, 4)`` colour matrix or None.
    """

    sprite: Sprite
    stretch: float = 1.0
    lean: float = 0.0
    colour: FloatArray | None = None


class Looks(Protocol):
    """Gives each person of a scene a picture."""

    def dressed(self, person: int, seen: Appearance) -> Dressed:
        """The picture of person number `person`."""


class PuppetLooks:
    """Drawn people, kept while they look the same.

    Args:
        outfits: What each person wears.
        manners: How each person moves.
        light: Direction of the light across the picture, from -1 to 1.
    """

    def __init__(self, outfits: list[Outfit], manners: list[Manner], light: float) -> None:
        self.outfits, self.manners, self.light = outfits, manners, light
        self._kept: OrderedDict[tuple[int | Activity, ...], Sprite] = OrderedDict()

    def dressed(self, person: int, seen: Appearance) -> Dressed:
        """The puppet, drawn or remembered."""
        phases = _PHASES[seen.activity]
        view = round(seen.angle / (2 * pi) * _VIEWS) % _VIEWS
        elevation = min(range(len(_ELEVATIONS)), key=lambda i: abs(_ELEVATIONS[i] - seen.elevation))
        rows = size_for(seen.height_px * 0.85)
        phase, seated = int(seen.phase * phases) % phases, round(seen.seated * _SEATED)
        key = (person, seen.activity, phase, seated, view, elevation, rows)
        if key not in self._kept:
            manner = self.manners[person]
            pose = pose_of(seen.activity, phase / phases, manner)
            if seen.activity is Activity.SIT:
                standing = pose_of(Activity.STAND, phase / phases, manner)
                pose = standing.blend(pose, seated / _SEATED)
            angle = 2 * pi * view / _VIEWS
            sprite = draw_person(
                pose,
                self.outfits[person],
                angle=angle,
                elevation=_ELEVATIONS[elevation],
                rows=rows,
                light=self.light,
            )
            self._kept[key] = sprite
            if len(self._kept) > _KEPT_SPRITES:
                self._kept.popitem(last=False)
        return Dressed(self._kept[key])


class CutoutLooks:
    """Real people cut out of photos; they sway when they walk and turn round when they turn back.

    Args:
        cutouts: The folder.
        chosen: Index of each person's cut-out.
        strength: How much colours bend towards `ambient`, in [0, 1].
        ambient: ``(3,)`` mean colour of the place.
        tints: ``(people, 3)`` own factor on each person's colours.
    """

    def __init__(
        self,
        cutouts: CutoutFolder,
        chosen: list[int],
        strength: float,
        ambient: FloatArray,
        tints: FloatArray,
    ) -> None:
        self.cutouts, self.chosen = cutouts, chosen
        self.strength, self.ambient, self.tints = strength, ambient, tints

    def dressed(self, person: int, seen: Appearance) -> Dressed:
        """The cut-out, leaning with the step, mirrored when it faces left."""
        sprite, mean = self.cutouts.sprite(self.chosen[person])
        moving = seen.activity in (Activity.WALK, Activity.RUN, Activity.DANCE)
        swing = sin(2 * pi * seen.phase) if moving else 0.25 * sin(2 * pi * seen.phase)
        width = 1.0 + 0.05 * abs(swing) * moving
        facing_left = sin(seen.angle) < 0
        level, ambient = max(float(mean.mean()), 8.0), max(float(self.ambient.mean()), 8.0)
        brightness = (ambient / level) ** (0.4 * self.strength)
        tint = (np.maximum(self.ambient, 8.0) / ambient) ** (0.5 * self.strength)
        gain = np.clip(brightness * tint * self.tints[person], 0.4, 1.6)
        colour = colour_matrix(gain, np.zeros(3), 0.95)
        return Dressed(sprite, -width if facing_left else width, 0.025 * swing, colour)
