"""Scenes of a few boxes whose owners have names, and which identity a tracker gives to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import supervision as sv

FOCAL_PX = 500.0


@dataclass(frozen=True)
class Seen:
    """One detection: a box around a centre in pixels, and whose it is."""

    who: str
    x: float
    y: float = 200.0
    width: float = 40.0
    height: float = 80.0
    score: float = 0.9
    depth: float = np.nan
    depth_std: float = np.nan
    look: tuple[float, ...] | None = None
    class_id: int = 0

    @property
    def box(self) -> list[float]:
        half_width, half_height = self.width / 2, self.height / 2
        return [self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height]


def standing(who: str, side: float, depth: float, *, score: float = 0.9, told: float | None = None) -> Seen:
    """Someone 1.7 m tall in front of a camera at 1.5 m; `told` is the depth the detector gives, in metres."""
    scale = FOCAL_PX / depth
    told = depth if told is None else told
    foot = 200 + 1.5 * scale
    return Seen(who, 500 + side * scale, foot - 0.85 * scale, 0.6 * scale, 1.7 * scale, score, depth=told)


def detections_of(frame: Iterable[Seen]) -> sv.Detections:
    """As a detector would give them; depth and appearance only if somebody has them."""
    seen = list(frame)
    data: dict[str, Any] = {"who": np.array([one.who for one in seen], dtype="U16")}
    depths = np.array([one.depth for one in seen], np.float64)
    if np.isfinite(depths).any():
        data["depth"] = depths
        data["depth_std"] = np.array([one.depth_std for one in seen], np.float64)
    looks = [one.look for one in seen if one.look is not None]
    if looks:
        data["embedding"] = np.array(looks, np.float64)
    return sv.Detections(
        xyxy=np.array([one.box for one in seen], np.float64).reshape(-1, 4),
        confidence=np.array([one.score for one in seen], np.float64),
        class_id=np.array([one.class_id for one in seen], int),
        data=data,
        metadata={"depth_kind": "metric"},
    )


def tracker_of(name: str, *, depth: str = "none", frame_rate: float = 30.0, **parameters: Any) -> Any:
    """A tracker of the package as it is imported now, which may be one without some mechanism."""
    mode, _, gamma = depth.partition(":")
    fusion = getattr(import_module("deptr.tracking.fusion").DepthFusion, mode)
    fusion = fusion(gamma=float(gamma)) if gamma else fusion()
    create = import_module("deptr.tracking.registry").create_tracker
    return create(name, depth=fusion, frame_rate=frame_rate, **parameters)


def identities(
    tracker: Any, frames: Sequence[Iterable[Seen]], seconds: Sequence[float] | None = None
) -> list[dict[str, int]]:
    """Who is reported under which identity, frame by frame."""
    history = []
    for index, frame in enumerate(frames):
        timestamp = None if seconds is None else seconds[index]
        tracks = tracker.update(detections_of(frame), timestamp=timestamp)
        whose = tracks.data["who"].tolist()
        history.append(dict(zip(whose, tracks.tracker_id.tolist(), strict=True)))
    return history


def whose(history: Sequence[dict[str, int]]) -> dict[str, str]:
    """Of those in the last frame but the crowd's: whose identity they carry, "new" if nobody's before."""
    first: dict[str, int] = {}
    for frame in history[:-1]:
        for who, identity in frame.items():
            first.setdefault(who, identity)
    owner = {identity: who for who, identity in first.items()}
    last = {who: identity for who, identity in history[-1].items() if not who.startswith("crowd")}
    return {who: owner.get(identity, "new") for who, identity in last.items()}


CROWD = ((-6.0, 9.5), (6.0, 8.0), (-9.0, 12.0), (9.0, 14.0))


def crowd(
    frames: int, *, noise: float = 0.01, places: Sequence[tuple[float, float]] = CROWD, wrong: float = 0.0
) -> list[list[Seen]]:
    """People far apart who sway on their places in metres: from them a tracker learns how good depth is.

    Args:
        frames: How many.
        noise: Standard deviation of the told depths, relative.
        places: Sideways place and depth of each in metres.
        wrong: Share of the told depths that are off by a factor of 1.6.
    """
    rng, odd = np.random.default_rng(0), np.random.default_rng(9)
    history = []
    for frame in range(frames):
        people = []
        for number, (side, depth) in enumerate(places):
            told = depth * (1 + noise * rng.standard_normal())
            if odd.random() < wrong:
                told *= 1.6 ** odd.choice([-1, 1])
            sway = 0.3 * np.sin(frame / 7 + number)
            people.append(standing(f"crowd {number}", side + sway, depth, told=told))
        history.append(people)
    return history
