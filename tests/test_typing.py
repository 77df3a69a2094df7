"""What editors and type checkers know of the package, from a user's own file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import deptr
from deptr.tracking.registry import TRACKER_NAMES, tracker_class

ROOT = Path(__file__).parents[1]
RIGHT = """
import numpy as np
import supervision as sv

import deptr
from deptr import OCSORT, BoTSORT, ByteTrack, DepthFusion, DepthKind, HybridSORT, Sort

box = sv.Detections(np.array([[0.0, 0.0, 4.0, 8.0]]), confidence=np.array([0.9]))
tracker = ByteTrack(depth=DepthFusion.adaptive(), frame_rate=10, high_score=0.5, boxes="observed")
score: float = tracker.high_score
found: sv.Detections = tracker.update(box, timestamp=0.5)
others = [Sort(match_iou=0.4), OCSORT(), BoTSORT(camera_motion=True), HybridSORT(depth="kalman")]
ages: list[float] = [track.age for other in others for track in other.tracks]


def mine(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> sv.Detections:
    return box


run = deptr.track("walk.mp4", detector=mine, tracker=tracker, depth_kind=DepthKind.METRIC)
with deptr.VideoWriter("tracked.mp4", fps=run.fps) as video:
    for frame in run:
        video.write(frame.drawn(), frame.timestamp)
boxes: int = deptr.track("walk.mp4").save("runs/walk", overwrite=True).boxes
"""
# each line is wrong; the code that mypy must give it
WRONG = {
    "deptr.ByteTrack(dpeth=3)": "call-arg",
    "deptr.ByteTrack(high_scoer=0.5)": "call-arg",
    "deptr.ByteTrack(match_iou=0.5)": "call-arg",  # one of SORT's
    'deptr.ByteTrack(high_score="0.5")': "arg-type",
    'deptr.ByteTrack(boxes="observd")': "arg-type",
    "deptr.ByteTrack().updaet(1)": "attr-defined",
    "deptr.ByteTrak()": "attr-defined",
    'deptr.track("walk.mp4", trakcer="sort")': "call-arg",
    'deptr.track("walk.mp4").sav("runs")': "attr-defined",
    "deptr.DepthFusion.fixed(gama=0.1)": "call-arg",
}


def test_a_users_file_is_checked(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text("import deptr\n" + "\n".join(WRONG))
    options = ["--strict", "--config-file=", "--follow-imports=silent", "--no-error-summary"]
    options.append(f"--cache-dir={ROOT / '.mypy_cache' / 'user'}")
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "right.py", "wrong.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = [line for line in result.stdout.splitlines() if ": error: " in line]
    found = [(int(line.split(":")[1]), re.findall(r"\[([\w-]+)\]$", line)) for line in told]
    assert not [line for line in told if line.startswith("right.py")], result.stdout
    expected = [(number, [code]) for number, code in enumerate(WRONG.values(), start=2)]
    assert found == expected, result.stdout + result.stderr


def test_type_checkers_and_python_know_the_same_names() -> None:
    assert set(deptr.__all__) == {*deptr._HOME, "__version__"}
    assert dir(deptr) == sorted(deptr.__all__)
    assert all(getattr(deptr, name) is not None for name in deptr.__all__)
    assert {tracker_class(name).__name__ for name in TRACKER_NAMES} <= set(deptr.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'ByteTrak'; it has BoTSORT, .*ByteTrack"):
        _ = deptr.ByteTrak
