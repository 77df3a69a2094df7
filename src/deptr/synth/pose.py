"""How people of the crowd world hold themselves: joint angles, and joints in space."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from enum import Enum
from math import cos, hypot, pi, sin

import numpy as np

from deptr.records import FloatArray

# lengths as fractions of body height, after the usual anthropometric tables
_HIP_HALF, _SHOULDER_HALF = 0.05, 0.101
_THIGH, _SHIN, _FOOT = 0.245, 0.246, 0.105
_UPPER_ARM, _FOREARM, _HAND = 0.176, 0.15, 0.05
_SPINE, _HEAD = 0.288, 0.113
_ANKLE = 0.039


class Joint:
    """Rows of the array that `joints` returns; left and right are the person's own."""

    PELVIS, CHEST, HEAD = 0, 1, 2
    HIP, KNEE, ANKLE, TOE = (3, 4), (5, 6), (7, 8), (9, 10)
    SHOULDER, ELBOW, WRIST, HAND = (11, 12), (13, 14), (15, 16), (17, 18)


class Activity(str, Enum):
    """What a person is doing."""

    WALK = "walk"
    RUN = "run"
    STAND = "stand"
    DANCE = "dance"
    SIT = "sit"


@dataclass(frozen=True)
class Pose:
    """Joint angles in radians; pairs are (left, right).

    Attributes:
        hip: Thigh forward.
        spread: Thigh outward.
        knee: Bend of the knee.
        shoulder: Upper arm forward.
        raise_: Upper arm outward; pi points up.
        elbow: Bend of the elbow, forward.
        fold: Forearm inward.
        lean: Trunk forward.
        sway: Trunk to the person's right.
        twist: Shoulders against hips.
        turn: Head against shoulders.
        nod: Head forward.
    """

    hip: tuple[float, float] = (0.0, 0.0)
    spread: tuple[float, float] = (0.04, 0.04)
    knee: tuple[float, float] = (0.05, 0.05)
    shoulder: tuple[float, float] = (0.0, 0.0)
    raise_: tuple[float, float] = (0.12, 0.12)
    elbow: tuple[float, float] = (0.2, 0.2)
    fold: tuple[float, float] = (0.0, 0.0)
    lean: float = 0.02
    sway: float = 0.0
    twist: float = 0.0
    turn: float = 0.0
    nod: float = 0.0

    def blend(self, other: Pose, share: float) -> Pose:
        """The pose on the way to another, `share` in [0, 1]."""
        mixed: list[float | tuple[float, float]] = []
        for mine, theirs in zip(astuple(self), astuple(other), strict=True):
            if isinstance(mine, tuple):
                left, right = (a + (b - a) * share for a, b in zip(mine, theirs, strict=True))
                mixed.append((left, right))
            else:
                mixed.append(mine + (theirs - mine) * share)
        return Pose(*mixed)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Manner:
    """A person's own way to move; each value is drawn once per person.

    Attributes:
        stride: Size of steps and arm swing around 1.
        idle: Which way of standing, from 0.
        beat: Four phases and four sizes that make a dance.
        lean: Trunk forward, radians.
    """

    stride: float = 1.0
    idle: int = 0
    beat: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 1.0, 0.5, 0.7, 0.6)
    lean: float = 0.03

    @classmethod
    def random(cls, rng: np.random.Generator) -> Manner:
        """A new person's manner."""
        beat = (*rng.uniform(0, 2 * pi, 4).tolist(), *rng.uniform(0.2, 1.0, 4).tolist())
        return cls(rng.uniform(0.8, 1.15), int(rng.integers(0, 6)), beat, rng.normal(0.03, 0.03))


def pose_of(activity: Activity, phase: float, manner: Manner) -> Pose:
    """The pose at a moment of a repeated movement, `phase` in [0, 1)."""
    angle = 2 * pi * phase
    if activity is Activity.WALK:
        return _walk(angle, manner)
    if activity is Activity.RUN:
        return _run(angle, manner)
    if activity is Activity.DANCE:
        return _dance(angle, manner)
    if activity is Activity.SIT:
        return _sit(angle)
    return _stand(angle, manner)


def _walk(angle: float, manner: Manner) -> Pose:
    size = 0.44 * manner.stride
    swing = size * sin(angle)
    lift = tuple(0.08 + 0.85 * manner.stride * max(0.0, side * cos(angle)) ** 2 for side in (1, -1))
    return Pose(
        hip=(0.06 + swing, 0.06 - swing),
        spread=(0.02, 0.02),
        knee=(lift[0], lift[1]),
        shoulder=(-0.85 * swing, 0.85 * swing),
        elbow=(0.3 + 0.25 * max(0.0, -sin(angle)), 0.3 + 0.25 * max(0.0, sin(angle))),
        lean=manner.lean,
        twist=0.22 * swing,
        turn=0.25 * sin(manner.beat[0]),
    )


def _run(angle: float, manner: Manner) -> Pose:
    size = 0.75 * manner.stride
    swing = size * sin(angle)
    lift = tuple(0.3 + 1.25 * max(0.0, side * cos(angle)) for side in (1, -1))
    return Pose(
        hip=(0.2 + swing, 0.2 - swing),
        knee=(lift[0], lift[1]),
        shoulder=(-0.9 * swing, 0.9 * swing),
        raise_=(0.18, 0.18),
        elbow=(1.45, 1.45),
        lean=0.16,
        twist=0.3 * swing,
    )


def _stand(angle: float, manner: Manner) -> Pose:
    breath = 0.02 * sin(angle)
    look = 0.4 * sin(angle + manner.beat[1])
    arms: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
    arms = (
        ((0.0, 0.0), (0.1, 0.1), (0.15, 0.15), (0.0, 0.0)),  # hanging
        ((-0.25, -0.25), (0.28, 0.28), (0.75, 0.75), (-0.1, -0.1)),  # hands in the pockets
        ((0.35, 0.0), (0.1, 0.1), (1.75, 0.2), (-0.35, 0.0)),  # looking at a phone
        ((0.25, 0.25), (0.12, 0.12), (1.6, 1.5), (-1.0, -1.0)),  # arms crossed
        ((-0.15, -0.15), (0.65, 0.65), (0.9, 0.9), (-1.5, -1.5)),  # hands on the hips
        ((0.6, 0.05), (0.15, 0.1), (1.2, 0.3), (-0.2, 0.0)),  # talking with one hand
    )[manner.idle]
    nod = 0.35 if manner.idle == 2 else 0.05
    return Pose(
        hip=(0.05, -0.05),
        spread=(0.07, 0.07),
        shoulder=(arms[0][0] + breath, arms[0][1] + breath),
        raise_=arms[1],
        elbow=arms[2],
        fold=arms[3],
        sway=0.03 * sin(angle + manner.beat[2]),
        turn=look,
        nod=nod,
    )


def _dance(angle: float, manner: Manner) -> Pose:
    p, s = manner.beat[:4], manner.beat[4:]
    up = tuple(0.35 + 1.5 * s[0] * (0.5 + 0.5 * sin(angle + p[0] + k * p[1])) for k in (0, 1))
    reach = tuple(0.7 * s[1] * sin(2 * angle + p[2] + k * p[3]) for k in (0, 1))
    bend = 0.25 + 0.3 * s[2] * (1 + sin(2 * angle + p[3]))
    step = 0.3 * s[3] * sin(angle + p[1])
    return Pose(
        hip=(bend * 0.5 + step, bend * 0.5 - step),
        spread=(0.12 + 0.15 * s[3], 0.12 + 0.1 * s[2]),
        knee=(bend + 0.5 * max(0.0, step), bend + 0.5 * max(0.0, -step)),
        shoulder=(reach[0], reach[1]),
        raise_=(up[0], up[1]),
        elbow=(0.5 + 0.8 * s[1], 0.6 + 0.6 * s[0]),
        fold=(-0.5 * s[3] * (1 + sin(angle + p[3])), 0.4 * s[2]),
        lean=0.1 * sin(2 * angle + p[0]),
        sway=0.16 * s[2] * sin(angle + p[2]),
        twist=0.45 * s[3] * sin(angle + p[0]),
        turn=0.3 * sin(angle + p[1]),
    )


def _sit(angle: float) -> Pose:
    return Pose(
        hip=(1.45, 1.42),
        spread=(0.14, 0.14),
        knee=(1.5, 1.42),
        shoulder=(0.5, 0.45),
        raise_=(0.15, 0.15),
        elbow=(0.75, 0.8),
        fold=(-0.25, -0.25),
        lean=0.08 + 0.02 * sin(angle),
        turn=0.3 * sin(angle),
    )


def joints(pose: Pose) -> FloatArray:
    """Joints in the person's own axes, ``(19, 3)``: right, up, forward, in body heights.

    The lower foot stands on the ground (up = 0) and the middle of the feet lies at the origin, so that
    a person neither sinks nor slides however they bend.

    Example:
        >>> joints(Pose())[Joint.HEAD].round(2).tolist()
        [0.0, 0.93, 0.01]
    """
    points: list[_Point] = [(0.0, 0.0, 0.0)] * 19
    upright = cos(pose.lean) * cos(pose.sway)
    chest = (sin(pose.sway) * _SPINE, upright * _SPINE, sin(pose.lean) * _SPINE)
    nodding = pose.lean + pose.nod * 0.6
    points[Joint.CHEST] = chest
    points[Joint.HEAD] = _reach(chest, (sin(pose.sway) * 0.5, cos(nodding), sin(nodding)), _HEAD)
    for side, sign in enumerate((-1.0, 1.0)):
        _leg(points, pose, side, sign)
        _arm(points, pose, side, sign)
    soles = [points[row][1] - _ANKLE for row in Joint.ANKLE] + [points[row][1] - 0.015 for row in Joint.TOE]
    ankles = [points[row][2] for row in Joint.ANKLE]
    return np.array(points) - (0.0, min(soles), (ankles[0] + ankles[1]) / 4)


_Point = tuple[float, float, float]


def _reach(start: _Point, direction: _Point, length: float) -> _Point:
    return (
        start[0] + direction[0] * length,
        start[1] + direction[1] * length,
        start[2] + direction[2] * length,
    )


def _leg(points: list[_Point], pose: Pose, side: int, sign: float) -> None:
    hip, spread, knee = pose.hip[side], pose.spread[side], pose.knee[side]
    points[Joint.HIP[side]] = (sign * _HIP_HALF, 0.0, 0.0)
    thigh = (sign * sin(spread), -cos(hip) * cos(spread), sin(hip) * cos(spread))
    points[Joint.KNEE[side]] = _reach(points[Joint.HIP[side]], thigh, _THIGH)
    below = hip - knee
    shin = (sign * sin(spread) * 0.5, -cos(below), sin(below))
    points[Joint.ANKLE[side]] = _reach(points[Joint.KNEE[side]], shin, _SHIN)
    tip = 0.75 * min(below, 0.0) + 0.3 * max(below, 0.0) - 0.12
    points[Joint.TOE[side]] = _reach(points[Joint.ANKLE[side]], (sign * 0.18, sin(tip), cos(tip)), _FOOT)


def _arm(points: list[_Point], pose: Pose, side: int, sign: float) -> None:
    chest, reach = points[Joint.CHEST], sign * _SHOULDER_HALF
    points[Joint.SHOULDER[side]] = (
        chest[0] * 0.94 + reach * cos(pose.twist),
        chest[1] * 0.94,
        chest[2] * 0.94 - reach * sin(pose.twist),
    )
    swing, lift = pose.shoulder[side], pose.raise_[side]
    upper = (sign * sin(lift), -cos(swing) * cos(lift), sin(swing) * cos(lift) ** 2)
    points[Joint.ELBOW[side]] = _reach(points[Joint.SHOULDER[side]], upper, _UPPER_ARM)
    bend, aside = swing + pose.elbow[side], lift + pose.fold[side]
    lowered = 1.0 - min(lift / (pi / 2), 1.0)
    raised = (1 - lowered) / 1.09  # towards (0.35, 1, 0.25), a forearm held up
    lower = (
        sign * (sin(aside) * lowered + 0.35 * raised),
        -cos(bend) * cos(aside) * lowered + raised,
        sin(bend) * cos(aside) * lowered + 0.25 * raised,
    )
    length = max(hypot(*lower), 1e-6)
    points[Joint.WRIST[side]] = _reach(points[Joint.ELBOW[side]], lower, _FOREARM / length)
    points[Joint.HAND[side]] = _reach(points[Joint.WRIST[side]], lower, _HAND / length)
