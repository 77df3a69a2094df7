"""What `deptr track` is run on, and what a run of it left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

ASSETS = Path(__file__).parents[2] / "assets"
CLIP, BOXES = ASSETS / "vtest.mp4", ASSETS / "vtest_det.txt"
Run = Callable[..., tuple[int, str, str]]


def write_detections(folder: Path) -> Path:
    """Ten frames of one object coming nearer."""
    lines = [f"{k},-1,{10 + 5 * k},20,{30 + k},{60 + 2 * k},0.9,{20 - k}" for k in range(1, 11)]
    (folder / "det.txt").write_text("\n".join(lines))
    return folder / "det.txt"


def report(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return content


def video_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
