"""What is asked about the depths of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deptr.errors import UsageError
from deptr.io.depth_files import parse_unit
from deptr.pipeline.spelling import Spelling
from deptr.records import DepthKind, FloatArray, Image
from deptr.weights import MASKS, WEIGHTS

MONOCULAR = tuple(name for name, entry in WEIGHTS.items() if entry.purpose != MASKS)
LOOKING = ("network", *MONOCULAR)  # sources that look at the images
WORDS = ("file", "pseudo", *LOOKING)
DepthFunction = Callable[[Image], FloatArray]  # from an RGB image to its depth map
SENSORS = ("maps", "points", "disparity")  # files for each frame that a depth is read from


@dataclass(frozen=True)
class DepthRequest:
    """Where the depths of a run come from and what they mean.

    Attributes:
        source: One of `WORDS`, or a function from an ``(H, W, 3)`` uint8 RGB image to a depth map ``(h, w)``
            of `kind`; None for the depths that the detections carry, if any.
        column: Column of the detections file with the depth, counted from 1; None takes the usual one.
        kind: What depths mean that a file, maps, a function or a detector of the user's own give; None:
            metric for a file and a function, and for maps what ``depth.json`` beside them says.
        maps: Folder of depth images, or a video of 16 bits.
        points: Folder of points of a laser scanner.
        disparity: Folder of disparity images, or a video of 16 bits.
        unit: Of the numbers in depth images: ``mm``, ``cm``, ``m`` or the metres of one step; of disparity
            the pixels of one step. None: millimetres of whole numbers, metres of others, pixels of disparity.
        max_gap: Seconds between a frame and its file where they are matched by time; None: half of the time
            between two frames.
        baseline_m: Distance of the lenses in metres, for disparity.
        depth_camera: File with the camera of depth images that are not registered to the frames.
        extrinsics: File with the transform from the depth sensor's axes to the camera's.
        network: Which DepTR network is asked about the boxes, with the source ``network``; None: the bundled.
        every: Frames from one map of a depth network to the next, 1 by default; depth is unknown in between.

    Example:
        >>> DepthRequest(maps="depth/", unit="mm").sensor
        'maps'
    """

    source: str | DepthFunction | None = None
    column: int | None = None
    kind: DepthKind | str | None = None
    maps: str | Path | None = None
    points: str | Path | None = None
    disparity: str | Path | None = None
    unit: str | float | None = None
    max_gap: float | None = None
    baseline_m: float | None = None
    depth_camera: str | Path | None = None
    extrinsics: str | Path | None = None
    network: str | Path | None = None
    every: int | None = None

    @property
    def sensor(self) -> str | None:
        """Which of `SENSORS` depth is read from, None for none."""
        return next((name for name in SENSORS if getattr(self, name) is not None), None)

    @property
    def looks(self) -> bool:
        """Whether depth comes from something that looks at the images."""
        return callable(self.source) or self.source in LOOKING

    @property
    def word(self) -> str | None:
        """The source in one word, a function by its name."""
        return getattr(self.source, "__name__", "function") if callable(self.source) else self.source

    def check(self, spelling: Spelling) -> None:
        """Look at everything that can be judged before a file is opened.

        Raises:
            UsageError: A choice cannot be meant.
        """
        say = spelling.choice
        if self.source is not None and not callable(self.source) and self.source not in WORDS:
            raise UsageError(f"{say('depth')}: expected one of {', '.join(WORDS)}, got {self.source!r}")
        if self.kind is not None:
            DepthKind.parse(self.kind)
        given = [say(name) for name in SENSORS if getattr(self, name) is not None]
        given += [say("depth", self.word)] if self.source is not None else []
        if len(given) > 1:
            raise UsageError(f"{given[0]}: give it or {given[1]}, not both: depth has one source")
        self._check_company(spelling)
        self._check_networks(spelling)
        parse_unit(self.unit, say("unit"))
        for name in ("max_gap", "baseline_m"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UsageError(f"{say(name)}: expected a positive number, got {value:g}")

    def _check_networks(self, spelling: Spelling) -> None:
        say = spelling.choice
        if self.network is not None and self.source != "network":
            raise UsageError(f"{say('depth_network')}: has no effect without {say('depth', 'network')}")
        if self.kind is not None and self.source in LOOKING:
            raise UsageError(
                f"{say('depth_kind')}: has no effect with {say('depth', self.word)}, which knows its own"
            )
        if self.every is not None and not callable(self.source) and self.source not in MONOCULAR:
            named = " or ".join(say("depth", name) for name in MONOCULAR[:2])
            raise UsageError(f"{say('depth_every')}: has no effect without a depth network such as {named}")
        if self.every is not None and self.every < 1:
            raise UsageError(f"{say('depth_every')}: expected at least 1, got {self.every}")

    def _check_company(self, spelling: Spelling) -> None:
        """Choices that mean something only beside others."""
        say, sensor = spelling.choice, self.sensor
        needs = {
            "unit": ("maps", "disparity"),
            "max_gap": SENSORS,
            "baseline_m": ("disparity",),
            "depth_camera": ("maps",),
            "extrinsics": ("maps", "points"),
        }
        for name, beside in needs.items():
            if getattr(self, name) is not None and sensor not in beside:
                raise UsageError(f"{say(name)}: has no effect without {' or '.join(map(say, beside))}")
        if self.column is not None and sensor is not None:
            raise UsageError(f"{say('depth_column')}: has no effect with {say(sensor)}")
        if self.kind is not None and sensor in ("points", "disparity"):
            raise UsageError(f"{say('depth_kind')}: has no effect with {say(sensor)}, which is metric")
        if self.disparity is not None and self.baseline_m is None:
            raise UsageError(f"{say('disparity')}: needs the distance of the lenses, {say('baseline_m')}")
        if (self.depth_camera is None) != (self.extrinsics is None) and self.maps is not None:
            both = f"{say('depth_camera')} and {say('extrinsics')}"
            raise UsageError(f"{both}: depth images of another camera need both; registered ones none")
