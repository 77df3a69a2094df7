"""Painting a cast of people and things onto a background, farthest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray
from deptr.synth.camera import Billboards, Camera, Projection
from deptr.synth.looks import Dressed
from deptr.synth.paint import FIRST_OTHER, NOBODY, Canvas, Sprite
from deptr.synth.rng import rounded
from deptr.synth.truth import PersonTruth

NEAREST_M = 0.45  # whoever comes nearer than this is not painted
MOST_PEOPLE = FIRST_OTHER - 1
_ARM_SPAN, _THING_SPAN = 0.7, 1.7  # half the width of what is drawn, in heights


@dataclass(frozen=True, eq=False)
class Shadows:
    """How shadows fall.

    Attributes:
        darkness: 0 none, 1 black.
        sun: ``(2,)`` metres (x, z) of shadow for each metre of height, None under a grey sky.
    """

    darkness: float
    sun: FloatArray | None = None

    @classmethod
    def random(cls, rng: np.random.Generator, sunny: float = 0.5) -> Shadows:
        """Some light; `sunny` is the probability of a sun."""
        darkness = float(rng.uniform(0.15, 0.55))
        if rng.random() >= sunny:
            return cls(darkness if rng.random() < 0.8 else 0.0)
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.4)
        return cls(darkness, rounded(np.array([np.sin(angle), np.cos(angle)]) * length))


@dataclass(frozen=True, eq=False)
class Cast:
    """Who and what stands on the ground; people come first.

    Attributes:
        positions: ``(N, 3)`` ground points in the world.
        heights_m: ``(N,)``.
        people: How many of the N are people.
        dress: Gives the picture of number i, asked only for those who may be seen.
        softness: Blur of everything painted, pixels.
    """

    positions: FloatArray
    heights_m: FloatArray
    people: int
    dress: Callable[[int, Billboards], Dressed]
    softness: float = 0.0


def paint_cast(
    canvas: Canvas, camera: Camera, cast: Cast, shadows: Shadows
) -> tuple[list[PersonTruth], list[tuple[int, int, int, int]]]:
    """Paint shadows, then people and things from far to near.

    Returns:
        The people of whom something lies inside the picture, and the boxes of second halves of people
        on the seam of a panorama.
    """
    boards = camera.billboards(cast.positions, cast.heights_m)
    order = [
        int(i)
        for i in np.argsort(-boards.depth, kind="stable")
        if _in_view(boards, int(i), camera, cast.people)
    ]
    dressed = {i: cast.dress(i, boards) for i in order}
    _paint_shadows(canvas, camera, cast, shadows, boards=boards, dressed=dressed)
    people: list[PersonTruth] = []
    seams: list[tuple[int, int, int, int]] = []
    for i in order:
        worn = dressed[i]
        matrix = boards.matrix(i, worn.sprite, worn.stretch, worn.lean)
        depth = float(boards.depth[i])
        owner = i + 1 if i < cast.people else canvas.other(depth)
        painted = canvas.paint(worn.sprite, matrix, owner, colour=worn.colour, softness=cast.softness)
        if camera.projection is Projection.EQUIRECTANGULAR:
            other = _across_seam(canvas, worn, matrix, depth)
            if other is not None and i < cast.people:
                seams.append(other)
        if painted is not None and i < cast.people:
            height = float(cast.heights_m[i])
            people.append(PersonTruth(painted, i + 1, depth, cast.positions[i], height))
    return sorted(people, key=lambda person: person.track_id), seams


def _across_seam(
    canvas: Canvas, worn: Dressed, matrix: FloatArray, depth: float
) -> tuple[int, int, int, int] | None:
    """Paint what sticks out of a panorama's one side on its other side; the box of what was painted."""
    width = canvas.owner.shape[1]
    left, top, right, bottom, _ = worn.sprite.opaque_extent()
    columns = [float(matrix[0] @ (x, y, 1.0)) for x in (left, right) for y in (top, bottom)]
    shift = width if min(columns) < 0 else -width if max(columns) > width else 0
    if shift == 0:
        return None
    moved = matrix + np.array([[0, 0, shift], [0, 0, 0]])
    painted = canvas.paint(worn.sprite, moved, canvas.other(depth), colour=worn.colour)
    return None if painted is None else painted.box


def _in_view(boards: Billboards, index: int, camera: Camera, people: int) -> bool:
    """Whether any of a thing may lie in the picture, however it is drawn."""
    if boards.nearest[index] < NEAREST_M:
        return False
    if camera.projection is Projection.EQUIRECTANGULAR:
        return True
    wide, high = float(np.hypot(*boards.right[index])), float(np.hypot(*boards.down[index]))
    reach = wide * (_ARM_SPAN if index < people else _THING_SPAN) + 0.2 * high
    x, y = boards.foot[index].tolist()
    across = -reach < x < camera.width + reach
    return bool(across and -0.3 * high < y < camera.height + 1.35 * high)


def _paint_shadows(
    canvas: Canvas,
    camera: Camera,
    cast: Cast,
    shadows: Shadows,
    *,
    boards: Billboards,
    dressed: dict[int, Dressed],
) -> None:
    if shadows.darkness <= 0:
        return
    if shadows.sun is None or camera.projection is Projection.EQUIRECTANGULAR:
        blob = shadow_blob(shadows.darkness)
        for i in dressed:
            canvas.paint(blob, boards.matrix(i, blob, stretch=0.7), NOBODY)
        return
    tips = cast.positions + np.outer(cast.heights_m, (shadows.sun[0], 0.0, shadows.sun[1]))
    pixels, depth = camera.project(tips)
    black = np.zeros((4, 4))
    black[3, 3] = shadows.darkness
    for i, worn in dressed.items():
        if depth[i] < NEAREST_M:
            continue
        fallen = Billboards(
            boards.foot[i : i + 1],
            boards.right[i : i + 1],
            boards.foot[i : i + 1] - pixels[i : i + 1],
            boards.depth[i : i + 1],
            boards.nearest[i : i + 1],
        )
        matrix = fallen.matrix(0, worn.sprite, worn.stretch)
        canvas.paint(worn.sprite, matrix, NOBODY, colour=black, softness=1.2)


def shadow_blob(darkness: float) -> Sprite:
    """A soft dark blob that lies at somebody's foot."""
    rows, columns = np.mgrid[-1:1:24j, -1:1:64j]
    fade = np.clip(1 - np.hypot(rows, columns), 0, 1) ** 0.7
    rgba = np.zeros((24, 64, 4), np.uint8)
    rgba[:, :, 3] = np.rint(rounded(fade) * darkness * 255).astype(np.uint8)
    return Sprite(rgba, (32.0, 12.0), 96.0, extent=(0.0, 0.0, 64.0, 24.0, 1))
