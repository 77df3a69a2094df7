"""What is asked of a run, and the requests that cannot be meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deptr.errors import UsageError
from deptr.io.frame_source import FrameSource, check_rate
from deptr.pipeline.camera import CameraRequest
from deptr.pipeline.counting.request import CountRequest
from deptr.pipeline.depth.request import DepthRequest
from deptr.pipeline.detector_request import DetectorRequest
from deptr.pipeline.live.request import LiveRequest
from deptr.pipeline.spelling import Spelling

if TYPE_CHECKING:
    from deptr.tracking.base import Tracker
    from deptr.tracking.depth.fusion import DepthFusion


@dataclass(frozen=True)
class Request:
    """What is asked of a run; the attributes are the arguments of `deptr.track`.

    Attributes:
        spelling: How messages name the choices.
    """

    source: str | Path | int | FrameSource | None = None
    detections: str | Path | None = None
    detector: DetectorRequest = field(default_factory=DetectorRequest)
    looks: str | Path | None = None
    tracker: str | Tracker = "bytetrack"
    parameters: Mapping[str, object] = field(default_factory=dict)
    fusion: DepthFusion | str | None = None
    depth: DepthRequest = field(default_factory=DepthRequest)
    camera: CameraRequest = field(default_factory=CameraRequest)
    live: LiveRequest = field(default_factory=LiveRequest)
    counts: CountRequest = field(default_factory=CountRequest)
    first_frame: int = 1
    fps: float | None = None
    topic: str | None = None
    classes: str | Iterable[str | int] | None = None
    min_score: float = 0.0
    spelling: Spelling = field(default_factory=Spelling)

    @property
    def source_name(self) -> str | None:
        """The source in one word, None without one."""
        if isinstance(self.source, FrameSource):
            return self.source.name
        return None if self.source is None else str(self.source)

    @property
    def focal_px(self) -> float | None:
        """Focal length in pixels, as far as it is known."""
        return self.camera.focal_px

    def check(self) -> None:
        """Look at everything that can be judged before a file is opened.

        Raises:
            UsageError: A choice cannot be meant.
        """
        check_rate(self.fps)
        self._check_sources()
        self._check_settings()
        self.detector.check(self.spelling)
        self.depth.check(self.spelling)
        self.camera.check(self.spelling)
        self.live.check(self.spelling)
        self.counts.check(self.spelling)

    def _check_sources(self) -> None:
        name = self.spelling.choice
        if self.source is None and self.detections is None:
            give = f"a {name('source')}, {name('detections', 'FILE')} or both"
            raise UsageError(f"nothing to track: give {give}; see {self.spelling.help}")
        if self.source is None and self.depth.looks:
            video = f"name the video as {name('source')}"
            asked = name("depth", self.depth.word)
            raise UsageError(f"{asked}: needs images, got detections alone; {video}")
        if self.source is None and self.looks is not None:
            video = f"name the video as {name('source')}"
            raise UsageError(f"{name('looks')}: needs images, got detections alone; {video}")
        if isinstance(self.source, FrameSource):
            for choice in ("fps", "topic"):
                if getattr(self, choice) is not None:
                    raise UsageError(f"{name(choice)}: has no effect on a source that is open already")
        elif (self.source_name or "").lower().endswith((".txt", ".csv")):
            file = f"give a file of detections with {name('detections')}"
            raise UsageError(f"{name('source')}: {self.source} is text; {file}")
        if self.detections is not None and self.detector.given is not None:
            raise UsageError(f"{name('detector')}: give it or {name('detections')}, not both")

    def _check_settings(self) -> None:
        name = self.spelling.choice
        if not 0 <= self.min_score <= 1:
            raise UsageError(f"{name('min_score')}: expected a number in [0, 1], got {self.min_score:g}")
        if not isinstance(self.tracker, str):
            for choice, value in (("parameters", self.parameters), ("fusion", self.fusion)):
                if value:
                    raise UsageError(f"{name(choice)}: has no effect on a tracker that is made already")
