"""What clients send and get, with the examples that stand in the OpenAPI description."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import supervision as sv
from pydantic import BaseModel, ConfigDict, Field

from deptr.records import DepthKind

SESSION_EXAMPLES: dict[str, dict[str, Any]] = {
    "defaults": {"summary": "A tracker with everything left as it is", "value": {}},
    "chosen": {
        "summary": "A tracker, its parameters and what depths mean",
        "value": {
            "tracker": "ocsort",
            "frame_rate": 10,
            "fusion": "adaptive",
            "depth_kind": "metric",
            "parameters": {"lost_seconds": 2, "confirm_frames": 1},
        },
    },
    "pseudo-depth": {
        "summary": "Depth guessed from boxes and the ground plane, for detections of images of this size",
        "value": {"depth": "pseudo", "width": 1920, "height": 1080},
    },
}
DETECTION_EXAMPLES: dict[str, dict[str, Any]] = {
    "boxes": {
        "summary": "Two boxes, one with a depth",
        "value": {
            "timestamp": 0.04,
            "detections": [
                {"box_xyxy": [100, 50, 140, 170], "score": 0.9, "depth": 4.2, "depth_std": 0.2},
                {"box_xyxy": [300, 60, 350, 200], "score": 0.8, "class_id": 0},
            ],
        },
    },
    "nothing": {"summary": "A frame in which nothing was found", "value": {"detections": []}},
}


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SessionOptions(_Message):
    """What a session tracks with. No option names a file: the detector is the service's own."""

    tracker: str = Field(default="bytetrack", max_length=40)
    parameters: dict[str, float | int | bool | str] = Field(default_factory=dict, max_length=100)
    fusion: str | None = Field(default=None, max_length=200, description="As for `deptr track --fusion`.")
    frame_rate: float = Field(default=30, gt=0, le=1000, description="For frames without a timestamp.")
    depth: Literal["pseudo"] | None = None
    depth_kind: DepthKind = Field(default=DepthKind.METRIC, description="Of depths that clients send.")
    focal_px: float | None = Field(default=None, gt=0, description="Puts the detector's depth in metres.")
    min_score: float = Field(default=0.1, ge=0, le=1)
    width: int | None = Field(default=None, ge=1, le=100_000, description="Of the images of detections.")
    height: int | None = Field(default=None, ge=1, le=100_000)


class Detection(_Message):
    """One box. What is left out is not known."""

    box_xyxy: tuple[float, float, float, float] = Field(description="Pixels: left, top, right, bottom.")
    score: float = Field(default=1.0, ge=0, le=1)
    class_id: int = Field(default=0, ge=-1, le=2**31 - 1)
    depth: float | None = None
    depth_std: float | None = Field(default=None, ge=0)


class FrameOfDetections(_Message):
    """The detections of one frame."""

    timestamp: float | None = Field(default=None, description="Seconds; must grow from frame to frame.")
    detections: list[Detection]

    def to_detections(self, kind: DepthKind) -> sv.Detections:
        """As `supervision.Detections`, with depth where any box has one."""
        rows = self.detections
        if not rows:
            return sv.Detections.empty()
        data: dict[str, Any] = {}
        if any(row.depth is not None for row in rows):
            data["depth"] = _numbers([row.depth for row in rows])
            data["depth_std"] = _numbers([row.depth_std for row in rows])
        return sv.Detections(
            np.array([row.box_xyxy for row in rows], np.float64),
            confidence=np.array([row.score for row in rows], np.float64),
            class_id=np.array([row.class_id for row in rows], np.int64),
            data=data,
            metadata={"depth_kind": kind.value} if data else {},
        )


class Track(BaseModel):
    """One tracked box; None is not known. Further columns of numbers may follow."""

    model_config = ConfigDict(extra="allow")

    id: int
    box_xyxy: tuple[float, float, float, float]
    score: float | None
    class_id: int | None
    class_name: str | None
    depth: float | None
    depth_std: float | None


class Tracks(BaseModel):
    """The tracks of one frame: what a line of `deptr track --jsonl` holds."""

    frame: int
    timestamp: float
    latency_seconds: float = Field(description="From the frame's arrival, whole, to this answer.")
    depth_kind: DepthKind | None
    tracks: list[Track]


class SessionState(BaseModel):
    """A session as it stands."""

    id: str
    frames: int
    identities: int
    idle_seconds: float
    options: SessionOptions


class Problem(BaseModel):
    """What is wrong and what to do."""

    error: str


def _numbers(values: list[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], np.float32)
