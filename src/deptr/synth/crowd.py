"""Where everybody goes: roles, scripted meetings, and a small simulation of walking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import cos, pi, sin, sqrt

import numpy as np

from deptr.records import FloatArray, IntArray
from deptr.synth.pose import Activity
from deptr.synth.rng import rounded

ACTIVITIES = tuple(Activity)
_TURN_RATE = 2.6  # radians per second
_ARRIVED_M = 0.45
_ELBOW_ROOM_M = 0.5
_SIT_DOWN_S = 1.2


class Role(Enum):
    """What kind of a path somebody follows."""

    WALKER = "walker"
    PAUSER = "pauser"
    RUNNER = "runner"
    DANCER = "dancer"
    SITTER = "sitter"
    STANDER = "stander"


@dataclass(frozen=True)
class Area:
    """The part of the ground where people are, seen from the camera's first place.

    Attributes:
        near_m: Smallest depth.
        far_m: Largest depth.
        slope: Half the width of the area per metre of depth.
        around: Whether it is a ring around the camera instead of a wedge before it.
    """

    near_m: float
    far_m: float
    slope: float
    around: bool = False

    def point(self, rng: np.random.Generator, column: float | None = None) -> FloatArray:
        """A ground point (x, z); `column` in [-1, 1] fixes how far to the side it lies."""
        share = rng.random()
        depth = sqrt(self.near_m**2 + share * (self.far_m**2 - self.near_m**2))
        side = rng.uniform(-1, 1) if column is None else column
        return self.at(side, depth)

    def at(self, column: float, depth: float) -> FloatArray:
        """The ground point at a column in [-1, 1] and a depth."""
        if self.around:
            return np.array([sin(column * pi), cos(column * pi)]) * depth
        return np.array([column * self.slope * depth, depth])


@dataclass(eq=False)
class Walk:
    """One person's intentions.

    Attributes:
        role: Kind of path.
        route: Ground points (x, z) to visit in turn; the first is the start.
        speed: Metres per second.
        pause_s: How long they stand at each point.
        moment_s: When a sitter sits down.
        heading: First direction, radians, 0 away along z, pi / 2 to the right.
    """

    role: Role
    route: Sequence[FloatArray]
    speed: float
    pause_s: float = 0.0
    moment_s: float = 0.0
    heading: float = 0.0


@dataclass(frozen=True, eq=False)
class Paths:
    """Everybody at every frame; arrays are (frames, people).

    Attributes:
        ground: ``(frames, people, 2)`` x and z in metres.
        heading: Radians, 0 away along z, pi / 2 to the right.
        activity: Row of `ACTIVITIES`.
        phase: In [0, 1).
        seated: How far somebody has sat down, in [0, 1].
    """

    ground: FloatArray
    heading: FloatArray
    activity: IntArray
    phase: FloatArray
    seated: FloatArray


@dataclass
class Script:
    """What shall happen, by level of crowding (1 easy, 2 busy, 3 dense).

    Attributes:
        people: How many.
        crossings: Pairs who cross before the camera, one behind the other.
        equal_depth: Pairs who pass each other at nearly the same depth.
        groups: Sizes of groups who walk together.
        dancers: Share of the others who dance in place.
    """

    people: int
    crossings: int = 0
    equal_depth: int = 0
    groups: list[int] = field(default_factory=list)
    dancers: float = 0.0

    @classmethod
    def random(cls, rng: np.random.Generator, level: int) -> Script:
        """A script of that level."""
        low, high = {1: (5, 9), 2: (12, 18), 3: (24, 34)}[level]
        people = int(rng.integers(low, high + 1))
        crossings = {1: 1, 2: 3, 3: 6}[level]
        groups = [int(rng.integers(2, 5)) for _ in range(level - 1)]
        dancers = float(rng.choice([0.0, 0.0, 0.25, 0.8]))
        return cls(people, crossings, {1: 0, 2: 1, 3: 3}[level], groups, dancers)

    def walks(self, rng: np.random.Generator, area: Area, duration_s: float) -> list[Walk]:
        """Everybody's intentions; scripted people come first."""
        walks: list[Walk] = []
        for index in range(self.crossings + self.equal_depth):
            gap = rng.uniform(0.8, 2.5) if index < self.crossings else rng.uniform(0.12, 0.4)
            walks += _crossing(rng, area, gap, duration_s)
        for size in self.groups:
            walks += _group(rng, area, size)
        while len(walks) < self.people:
            walks.append(_somebody(rng, area, self.dancers, duration_s))
        return walks[: self.people]


def _wander(rng: np.random.Generator, area: Area, stops: int = 12) -> list[FloatArray]:
    return [area.point(rng) for _ in range(stops)]


def _crossing(rng: np.random.Generator, area: Area, gap: float, duration_s: float) -> list[Walk]:
    """Two people on lines across the picture who meet at one column at one moment."""
    depth = rng.uniform(area.near_m + 0.8, area.near_m + 0.6 * (area.far_m - area.near_m))
    meet_s = rng.uniform(0.15, 0.75) * duration_s
    column = rng.uniform(-0.5, 0.5)
    walks = []
    for direction, z in ((1.0, depth), (-1.0, depth + gap)):
        speed = rng.uniform(0.8, 1.5)
        meeting = area.at(column, z)
        along = np.array([cos(column * pi), -sin(column * pi)]) if area.around else np.array([1.0, 0.0])
        start = meeting - direction * along * speed * meet_s
        route = [start, meeting + direction * along * speed * duration_s * 1.2]
        walks.append(Walk(Role.WALKER, route, speed, heading=_heading(route)))
    return walks


def _group(rng: np.random.Generator, area: Area, size: int) -> list[Walk]:
    """People who keep together."""
    route, speed = _wander(rng, area), rng.uniform(0.7, 1.2)
    walks = []
    for member in range(size):
        offset = rng.normal(0, 0.25, 2) + np.array((0.6 * (member - size / 2), 0.0))
        own = [point + offset for point in route]
        walks.append(Walk(Role.WALKER, own, speed, heading=_heading(own)))
    return walks


def _somebody(rng: np.random.Generator, area: Area, dancers: float, duration_s: float) -> Walk:
    route = _wander(rng, area)
    if rng.random() < dancers:
        heading = pi + rng.normal(0, 0.8)
        return Walk(Role.DANCER, route[:1], rng.uniform(0.1, 0.5), rng.uniform(1.0, 2.2), heading=heading)
    roles = (Role.WALKER, Role.PAUSER, Role.RUNNER, Role.SITTER, Role.STANDER)
    role = roles[int(rng.choice(5, p=[0.5, 0.2, 0.08, 0.08, 0.14]))]
    speed = rng.uniform(2.4, 3.6) if role is Role.RUNNER else rng.uniform(0.6, 1.5)
    moment = rng.uniform(0.1, 0.7) * duration_s
    return Walk(role, route, speed, rng.uniform(1.0, 3.0), moment, float(rng.uniform(-pi, pi)))


def _heading(route: Sequence[FloatArray]) -> float:
    step = route[1] - route[0]
    return float(rounded(np.arctan2(step[0], step[1])))


def simulate(walks: list[Walk], heights_m: FloatArray, frames: int, fps: float) -> Paths:
    """Let everybody follow their intentions.

    Args:
        walks: One for each person.
        heights_m: ``(people,)`` body heights; tall people make longer steps.
        frames: How many frames.
        fps: Frames per second.
    """
    walkers = [_Walker(walk, height) for walk, height in zip(walks, heights_m, strict=True)]
    count = len(walkers)
    ground = np.zeros((frames, count, 2))
    heading, phase, seated = np.zeros((3, frames, count))
    activity = np.zeros((frames, count), np.int64)
    place = np.array([walk.route[0] for walk in walks]).reshape(count, 2)
    for frame in range(frames):
        for index, walker in enumerate(walkers):
            place[index] = walker.step(place[index], frame / fps, 1 / fps if frame else 0.0)
            activity[frame, index] = ACTIVITIES.index(walker.activity)
            heading[frame, index], phase[frame, index] = walker.heading, walker.phase % 1.0
            seated[frame, index] = walker.seated
        place = rounded(place + _make_room(place) / fps)
        ground[frame] = place
    return Paths(ground, rounded(heading), activity, rounded(phase), rounded(seated))


class _Walker:
    """One person between two frames."""

    def __init__(self, walk: Walk, height_m: float) -> None:
        self.walk = walk
        self.stride_m = 0.82 * height_m
        self.heading = walk.heading
        self.phase = (walk.route[0][0] * 0.37 + walk.route[0][1] * 0.61) % 1.0
        self.activity = Activity.STAND
        self.seated = 0.0
        self.goal = 1
        self.waiting_s = 0.0

    def step(self, place: FloatArray, time_s: float, passed_s: float) -> FloatArray:
        role = self.walk.role
        if role is Role.DANCER:
            self.activity = Activity.DANCE
            self.phase += passed_s / self.walk.pause_s
            self.heading += 0.5 * passed_s * cos(time_s * self.walk.speed * 2)
            drift = np.array([sin(time_s * 1.3 + self.phase), cos(time_s * 0.9)]) * self.walk.speed * 0.5
            return place + drift * passed_s
        if role is Role.STANDER or (role is Role.SITTER and time_s > self.walk.moment_s):
            self.phase += passed_s / 4.0
            self.activity = Activity.STAND
            if role is Role.SITTER:
                self.seated = min((time_s - self.walk.moment_s) / _SIT_DOWN_S, 1.0)
                self.activity = Activity.SIT
            return place
        return self._walk(place, passed_s)

    def _walk(self, place: FloatArray, passed_s: float) -> FloatArray:
        if self.waiting_s > 0:
            self.waiting_s -= passed_s
            self.activity = Activity.STAND
            self.phase += passed_s / 4.0
            return place
        to_goal = self.walk.route[self.goal % len(self.walk.route)] - place
        distance = float(np.hypot(*to_goal))
        if distance < _ARRIVED_M:
            self.goal += 1
            self.waiting_s = self.walk.pause_s if self.walk.role is Role.PAUSER else 0.0
        wanted = float(np.arctan2(to_goal[0], to_goal[1]))
        error = (wanted - self.heading + pi) % (2 * pi) - pi
        most = _TURN_RATE * passed_s
        self.heading += min(max(error, -most), most)
        speed = self.walk.speed * (1.0 if abs(error) < 1.0 else 0.35)
        self.activity = Activity.RUN if self.walk.role is Role.RUNNER else Activity.WALK
        stride = self.stride_m * (1.7 if self.activity is Activity.RUN else 1.0)
        self.phase += speed * passed_s / stride
        return place + np.array([sin(self.heading), cos(self.heading)]) * speed * passed_s


def _make_room(place: FloatArray) -> FloatArray:
    """Velocity ``(people, 2)`` away from neighbours who are too near."""
    if len(place) == 0:
        return place
    apart = place[:, None] - place[None]
    distance = np.hypot(apart[:, :, 0], apart[:, :, 1])
    push = np.clip(_ELBOW_ROOM_M - distance, 0, None) * (distance > 0)
    away = apart / np.maximum(distance, 1e-3)[:, :, None]
    return np.asarray((away * push[:, :, None]).sum(axis=1) * 1.5)
