"""A person of the crowd world as a list of shapes, from any side."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, pi, sin, tan

import numpy as np

from deptr.records import BoolArray, FloatArray, IntArray
from deptr.synth.pose import Joint, Pose, joints
from deptr.synth.wardrobe import Material, Outfit

_RIM = 0.008  # contact shadow around each shape, in body heights
_CORNERS = 16
_ROWS = _CORNERS // 2
_CAPS = np.concatenate([np.linspace(pi / 2, 3 * pi / 2, _ROWS), np.linspace(3 * pi / 2, 5 * pi / 2, _ROWS)])
_ROUND = np.linspace(0, 1, _CORNERS, endpoint=False)
# down the left side of a column of n rows and up the right side, its last row repeated
_PICKS = [np.minimum([*range(_ROWS), *range(_ROWS - 1, -1, -1)], max(n - 1, 0)) for n in range(_ROWS + 1)]
_FLANKS = np.concatenate([np.full(_ROWS, -1.0), np.full(_ROWS, 1.0)])
_SITTING = 0.9  # thigh angle from which the lap lies before the trunk


@dataclass(frozen=True, eq=False)
class Shapes:
    """The pieces of a person in body heights, farthest first: x right, y down from the foot point.

    Attributes:
        depth: ``(S,)`` how much farther from the camera than the body's middle.
        material: ``(S,)`` rows of the palette.
        shaded: ``(S,)`` whether the shape has a contact shadow and a lit core.
        polygons: ``(S, 3, 16, 2)``: the outline widened by its contact shadow, the outline, the lit core.
    """

    depth: FloatArray
    material: IntArray
    shaded: BoolArray
    polygons: FloatArray


class View:
    """The camera's side on a person.

    Args:
        angle: Direction that the person faces against the direction of sight, radians: 0 shows the
            back, pi the face, pi / 2 somebody looking to the right.
        elevation: How far the camera looks down on them, radians.
    """

    def __init__(self, angle: float, elevation: float = 0.0) -> None:
        self.angle = angle
        self.cos, self.sin = cos(angle), sin(angle)
        self.drop = min(tan(max(elevation, 0.0)), 0.7)

    def flat(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Picture coordinates ``(N, 2)`` and depth ``(N,)`` of points (right, up, forward)."""
        away = points[:, 2] * self.cos - points[:, 0] * self.sin
        across = points[:, 0] * self.cos + points[:, 2] * self.sin
        return np.stack([across, -points[:, 1] - away * self.drop], axis=1), away

    def half_width(self, width: float, thickness: float, twist: float = 0.0) -> float:
        """Half the width in the picture of an upright elliptic column."""
        return hypot(width * cos(self.angle + twist), thickness * sin(self.angle + twist))


def person_shapes(pose: Pose, outfit: Outfit, view: View, light: float, detail: bool) -> Shapes:
    """Shapes of a person, farthest first.

    Args:
        pose: How they hold themselves.
        outfit: How they look.
        view: From where they are seen.
        light: Direction of the light across the picture, from -1 (left) to 1 (right).
        detail: Whether a face and soles are worth drawing.
    """
    points = joints(pose)
    for rows, factor in ((Joint.SHOULDER, outfit.shoulders), (Joint.HIP, outfit.girth**0.5)):
        points[list(rows), 0] *= factor
    flat, away = view.flat(points)
    builder = _Builder(flat, away, points, light)
    _legs(builder, pose, outfit, detail)
    _arms(builder, outfit)
    _trunk(builder, pose, outfit, view)
    _skirt(builder, outfit, view)
    _luggage(builder, outfit, view)
    _head(builder, pose, outfit, View(view.angle + pose.twist + pose.turn), detail)
    return builder.shapes()


class _Builder:
    """Collects shapes; knows the joints in the picture and in space."""

    def __init__(self, flat: FloatArray, away: FloatArray, points: FloatArray, light: float) -> None:
        self.flat, self.away, self.points, self.light = flat, away, points, light
        self._labels: list[tuple[float, int, float, float]] = []  # depth, material, rim, part that is core
        self._kinds: list[int] = []
        self._tubes: list[tuple[float, ...]] = []
        self._blobs: list[tuple[float, ...]] = []
        self._columns: list[tuple[FloatArray, FloatArray]] = []

    def limb(self, ends: tuple[int, int], radii: tuple[float, float], material: int, depth: float) -> None:
        """A tapered tube between two joints."""
        self.tube(self.flat[ends[0]], self.flat[ends[1]], radii, material, depth)

    def tube(
        self, start: FloatArray, end: FloatArray, radii: tuple[float, float], material: int, depth: float
    ) -> None:
        """A tapered tube between two places of the picture."""
        self._tubes.append((start[0], start[1], end[0], end[1], *radii))
        self._labels.append((depth, material, _RIM, 0.5))
        self._kinds.append(0)

    def blob(
        self,
        centre: FloatArray,
        half: tuple[float, float],
        material: int,
        depth: float,
        *,
        span: tuple[float, float] = (0.0, 2 * pi),
        rim: float = _RIM,
    ) -> None:
        """An ellipse, or the part of it between two angles (0 right, pi / 2 down)."""
        self._blobs.append((centre[0], centre[1], *half, *span))
        self._labels.append((depth, material, rim, 0.6))
        self._kinds.append(1)

    def column(self, centres: FloatArray, halves: FloatArray, material: int, depth: float) -> None:
        """A body of given half widths along a line of up to 8 centres, top to bottom."""
        self._columns.append((centres, halves))
        self._labels.append((depth, material, _RIM, 0.5))
        self._kinds.append(2)

    def shapes(self) -> Shapes:
        """Everything collected, farthest first."""
        bases, units, sizes = zip(self._tube_parts(), self._blob_parts(), self._column_parts(), strict=True)
        kinds = np.array(self._kinds)
        rows = np.argsort(np.argsort(kinds, kind="stable"), kind="stable")
        base, unit, size = (np.concatenate(parts)[rows] for parts in (bases, units, sizes))
        labels = np.array(self._labels)
        rim, core = labels[:, 2, None, None], labels[:, 3, None, None]
        lit = np.stack([np.full(len(kinds), self.light * 0.3), np.where(kinds < 2, -0.13, 0.0)], axis=1)
        spread = unit * size
        polygons = np.stack(
            [base + unit * (size + rim), base + spread, base + spread * core + lit[:, None] * size], axis=1
        )
        order = np.argsort(-labels[:, 0], kind="stable")
        labels = labels[order]
        return Shapes(labels[:, 0], labels[:, 1].astype(np.int64), labels[:, 2] > 0, polygons[order])

    def _tube_parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        table = np.array(self._tubes).reshape(-1, 6)
        along = table[:, 2:4] - table[:, :2]
        angles = np.arctan2(along[:, 1], along[:, 0])[:, None] + _CAPS
        unit = np.stack([np.cos(angles), np.sin(angles)], axis=2)
        base = np.repeat(table[:, :4].reshape(-1, 2, 2), _ROWS, axis=1)
        size = np.repeat(table[:, 4:], _ROWS, axis=1)[:, :, None]
        return base, unit, np.broadcast_to(size, base.shape)

    def _blob_parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        table = np.array(self._blobs).reshape(-1, 6)
        angles = table[:, 4:5] + (table[:, 5:] - table[:, 4:5]) * _ROUND
        unit = np.stack([np.cos(angles), np.sin(angles)], axis=2)
        base = np.broadcast_to(table[:, None, :2], unit.shape)
        return base, unit, np.broadcast_to(table[:, None, 2:4], unit.shape)

    def _column_parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        base = np.zeros((len(self._columns), _CORNERS, 2))
        size = np.zeros_like(base)
        for row, (centres, halves) in enumerate(self._columns):
            picks = _PICKS[len(halves)]
            base[row] = centres[picks]
            size[row, :, 0] = halves[picks]
        unit = np.zeros_like(base)
        unit[:, :, 0] = _FLANKS
        return base, unit, size


def _legs(builder: _Builder, pose: Pose, outfit: Outfit, detail: bool) -> None:
    girth, loose = outfit.girth**0.7, outfit.looseness
    covered = Material.TROUSERS if outfit.legs <= 1 else Material.SKIN
    room = loose if outfit.legs <= 1 else 0.0
    for side in (0, 1):
        hip, knee, ankle, toe = (row[side] for row in (Joint.HIP, Joint.KNEE, Joint.ANKLE, Joint.TOE))
        depth = float(builder.away[knee])
        if pose.hip[side] < _SITTING:
            depth = 0.05 + 0.2 * depth
        lower = Material.TROUSERS if outfit.legs == 0 else Material.SKIN
        wide = room if outfit.legs == 0 else 0.0
        sole = builder.flat[ankle] + (0.0, 0.018)
        builder.tube(sole, builder.flat[toe] + (0.0, 0.003), (0.021, 0.015), Material.SHOES, depth + 0.003)
        if detail:
            down = np.array([0.0, 0.012])
            builder.tube(sole + down, builder.flat[toe] + down, (0.01, 0.006), Material.SOLE, depth + 0.004)
        builder.limb((knee, ankle), (0.036 * girth + wide, 0.022 + wide * 1.3), lower, depth + 0.002)
        builder.limb((hip, knee), (0.052 * girth + room * 0.6, 0.038 * girth + room), covered, depth + 0.001)


def _arms(builder: _Builder, outfit: Outfit) -> None:
    girth, loose = outfit.girth**0.6, outfit.looseness
    cloth = Material.JACKET if outfit.jacket else Material.SHIRT
    upper = cloth if outfit.sleeve >= 1 or outfit.jacket else Material.SKIN
    lower = cloth if outfit.sleeve == 2 or outfit.jacket else Material.SKIN
    for side in (0, 1):
        shoulder, elbow, wrist, hand = (
            row[side] for row in (Joint.SHOULDER, Joint.ELBOW, Joint.WRIST, Joint.HAND)
        )
        depth = float(builder.away[elbow] + builder.away[wrist]) / 2 - 0.012
        wide = loose if lower is not Material.SKIN else 0.0
        builder.limb((wrist, hand), (0.013, 0.015), Material.SKIN, depth - 0.001)
        builder.limb((elbow, wrist), (0.024 * girth + wide, 0.016 + wide), lower, depth - 0.002)
        room = loose if upper is not Material.SKIN else 0.0
        radii = (0.029 * girth + room * 0.5, 0.024 * girth + room)
        builder.limb((shoulder, elbow), radii, upper, depth - 0.003)


# rows from top to bottom: place along the spine, half width, half thickness, bulge forward
_TRUNK = np.array(
    [
        (1.10, 0.030, 0.032, -0.005),
        (1.06, 0.060, 0.045, -0.004),
        (1.00, 0.100, 0.052, 0.000),
        (0.86, 0.106, 0.066, 0.006),
        (0.68, 0.101, 0.070, 0.012),
        (0.40, 0.088, 0.062, 0.006),
        (0.15, 0.091, 0.064, 0.000),
        (-0.02, 0.099, 0.074, -0.010),
        (-0.16, 0.094, 0.072, -0.010),
    ]
)


def _trunk_rows(builder: _Builder, pose: Pose, outfit: Outfit, view: View) -> tuple[FloatArray, FloatArray]:
    """Centres ``(9, 2)`` and half widths ``(9,)`` of the trunk in the picture, top to bottom."""
    factor = np.where(_TRUNK[:, 0] < 0.7, outfit.girth, outfit.shoulders)
    spine = builder.points[Joint.CHEST] - builder.points[Joint.PELVIS]
    middle = builder.points[Joint.PELVIS] + _TRUNK[:, :1] * spine
    middle[:, 2] += _TRUNK[:, 3] * outfit.girth
    angles = view.angle + pose.twist * np.clip(_TRUNK[:, 0], 0.0, 1.0)
    width, thickness = _TRUNK[:, 1] * factor, _TRUNK[:, 2] * outfit.girth
    return view.flat(middle)[0], np.hypot(width * np.cos(angles), thickness * np.sin(angles))


def _trunk(builder: _Builder, pose: Pose, outfit: Outfit, view: View) -> None:
    loose = outfit.looseness
    neck = builder.flat[Joint.CHEST]
    builder.tube(neck, builder.flat[Joint.HEAD], (0.031, 0.028), Material.SKIN, 0.004)
    lower = Material.TROUSERS if outfit.legs <= 1 else Material.SHIRT
    centres, halves = _trunk_rows(builder, pose, outfit, view)
    builder.column(centres[6:], halves[6:] + loose * 0.5, lower, 0.003)
    hem = 8 if outfit.looseness > 0.008 else 7
    builder.column(centres[:hem], halves[:hem] + loose * 0.6, Material.SHIRT, 0.0)
    facing = -view.cos
    chest = (builder.points[Joint.CHEST] * 0.7 + builder.points[Joint.PELVIS] * 0.3) + (0, 0, 0.07)
    front, _ = view.flat(chest[None])
    if outfit.print_ and facing > 0.2:
        builder.blob(front[0], (0.05 * facing, 0.035), Material.SHIRT_2, -0.001, rim=0.0)
    if outfit.jacket:
        builder.column(centres[1:], halves[1:] + loose + 0.005, Material.JACKET, -0.002)
        if facing > 0.1:
            ahead = np.array([0.07 * view.sin, 0.0])
            opening = np.linspace(0.018, 0.045, 8) * facing
            builder.column(centres[:8] + ahead * 0.9, opening, Material.SHIRT, -0.003)


def _skirt(builder: _Builder, outfit: Outfit, view: View) -> None:
    if outfit.legs < 2:
        return
    share = 0.75 if outfit.legs == 2 else 1.5
    hips, knees, ankles = (builder.flat[list(row)] for row in (Joint.HIP, Joint.KNEE, Joint.ANKLE))
    hem = hips + (knees - hips) * min(share, 1.0) + (ankles - knees) * max(share - 1.0, 0.0)
    top = builder.flat[Joint.PELVIS] - (0.0, 0.06)
    middle = np.array([hem[:, 0].mean(), hem[:, 1].mean()])
    reach = float(np.ptp(hem[:, 0])) / 2 + 0.06 + 0.02 * outfit.girth
    waist = view.half_width(0.092 * outfit.girth, 0.066 * outfit.girth)
    hips_wide = view.half_width(0.108 * outfit.girth, 0.085 * outfit.girth)
    centres = np.stack([top, top * 0.6 + middle * 0.4, middle])
    halves = np.array([waist, max(hips_wide, (waist + reach) / 2), max(reach, hips_wide)])
    cloth = Material.TROUSERS if outfit.legs == 2 else Material.SHIRT
    builder.column(centres, halves, cloth, -0.0005)


def _luggage(builder: _Builder, outfit: Outfit, view: View) -> None:
    chest, pelvis = builder.points[Joint.CHEST], builder.points[Joint.PELVIS]
    if outfit.bag == 1:
        middle = chest * 0.62 + pelvis * 0.38 + (0.0, 0.0, -0.105)
        place, depth = view.flat(middle[None])
        half = (view.half_width(0.085, 0.05), 0.115)
        sides = half[0] * np.array([0.6, 0.9, 1.0, 1.0, 0.85])
        rows = place[0] + half[1] * np.array([[0, -1.0], [0, -0.8], [0, -0.3], [0, 0.8], [0, 1.0]])
        builder.column(rows, sides, Material.BAG, float(depth[0]) - 0.01)
    elif outfit.bag == 2:
        middle = pelvis + np.array((0.13, -0.01, 0.02))
        place, depth = view.flat(middle[None])
        near = float(depth[0]) - 0.02
        builder.tube(builder.flat[Joint.SHOULDER[0]], place[0], (0.006, 0.006), Material.BAG, near + 0.001)
        wide = view.half_width(0.025, 0.07)
        sides = np.array([wide * 0.85, wide, wide, wide * 0.9])
        rows = place[0] + np.array([[0, -0.035], [0, -0.03], [0, 0.05], [0, 0.06]])
        builder.column(rows, sides, Material.BAG, near)


def _head(builder: _Builder, pose: Pose, outfit: Outfit, view: View, detail: bool) -> None:
    centre = builder.flat[Joint.HEAD]
    facing, across = -view.cos, view.sin
    ahead = np.array([across, 0.0])
    half = (view.half_width(0.046, 0.056), 0.066)
    hair = Material.SKIN if outfit.hair == "bald" else Material.HAIR
    if outfit.hair == "hood":
        hair = Material.JACKET if outfit.jacket else Material.SHIRT
        builder.blob(centre + np.array((0, 0.01)), (half[0] + 0.016, 0.084), hair, -0.02)
    if outfit.hair in ("long", "bob"):
        _long_hair(builder, outfit, view, centre, half)
    bigger = 0.004 if outfit.hair == "bald" else 0.008
    builder.blob(centre - ahead * 0.006 - (0, 0.004), (half[0] + bigger, half[1] + 0.004), hair, -0.022)
    if facing > -0.55:
        seen = min((facing + 0.55) / 0.9, 1.0)
        face = centre + ahead * 0.02 * (1.4 - seen) + (0.0, 0.012)
        width = (0.022 + 0.02 * seen) if outfit.hair != "bald" else half[0]
        builder.blob(face, (width, 0.053), Material.SKIN, -0.03, rim=0.002)
        if detail and facing > 0.1:
            _features(builder, view, centre + np.array((0, pose.nod * 0.02)), outfit)
    elif outfit.hair in ("short", "bald", "cap"):
        builder.blob(centre + np.array((0.0, 0.05)), (half[0] * 0.6, 0.022), Material.SKIN, -0.03, rim=0.0)
    if outfit.hair == "bun":
        bun = centre - ahead * 0.05 - (0, 0.055)
        builder.blob(bun, (0.026, 0.024), Material.HAIR, -0.021 if facing > 0 else -0.04)
    if outfit.hair == "cap":
        top = centre - (0, 0.022)
        builder.blob(top, (half[0] + 0.01, 0.055), Material.BAG, -0.04, span=(pi, 2 * pi))
        if facing > -0.6:
            brim = top + ahead * 0.06
            builder.blob(brim, (0.03 + 0.014 * abs(across), 0.01), Material.BAG, -0.041)


def _long_hair(
    builder: _Builder, outfit: Outfit, view: View, centre: FloatArray, half: tuple[float, float]
) -> None:
    length = 0.15 if outfit.hair == "long" else 0.075
    behind = np.array([-0.035 * view.sin, 0.0])
    centres = np.stack(
        [centre - (0, 0.02), centre + behind + (0, length * 0.6), centre + behind + (0, length)]
    )
    halves = np.array([half[0] + 0.006, half[0] + 0.012, half[0] * 0.8])
    depth = 0.12 if view.cos < 0 else -0.015
    builder.column(centres, halves, Material.HAIR, depth)


def _features(builder: _Builder, view: View, centre: FloatArray, outfit: Outfit) -> None:
    facing = -view.cos
    for sign in (-1.0, 1.0):
        x = sign * 0.019 * view.cos + 0.042 * view.sin
        place = centre + np.array((x, 0.004))
        builder.blob(place, (0.0075 * max(facing, 0.3), 0.0038), Material.WHITE, -0.05, rim=0.0)
        builder.blob(place, (0.0032, 0.0036), Material.DARK, -0.051, rim=0.0)
        brow = Material.DARK if outfit.hair in ("bald", "cap", "hood") else Material.HAIR
        builder.blob(place - np.array((0, 0.012)), (0.009 * max(facing, 0.4), 0.0018), brow, -0.051, rim=0.0)
    nose = centre + np.array((0.054 * view.sin, 0.02))
    builder.blob(nose, (0.006, 0.009), Material.SKIN, -0.05, rim=0.004)
    mouth = centre + np.array((0.046 * view.sin, 0.04))
    builder.blob(mouth, (0.014 * max(facing, 0.4), 0.0045), Material.LIPS, -0.05, rim=0.0)
