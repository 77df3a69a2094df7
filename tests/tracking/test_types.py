"""What a type checker and an editor know of the trackers: each parameter by name, default and meaning."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from deptr.tracking.registry import TRACKER_NAMES, parameters_of, tracker_class

ROOT = Path(__file__).parents[2]
RIGHT = """
from deptr.tracking.bytetrack import ByteTrack
from deptr.tracking.hybridsort import HybridSORT

score: float = ByteTrack(high_score=0.5, depth="kalman", frame_rate=10, panorama=True).high_score
HybridSORT(byte=False, lost_seconds=2, score_weight=0.5).reset()
"""
WRONG = {
    "ByteTrack(dpeth=3)": "dpeth",
    "ByteTrack(high_scoer=0.5)": "high_scoer",
    'ByteTrack(high_score="much")': "high_score",
    "ByteTrack(inertia=0.2)": "inertia",
    "ByteTrack().updaet(None)": "updaet",
}


def test_wrong_parameters_are_errors_and_right_ones_are_none(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    file, first = tmp_path / "user.py", len(RIGHT.splitlines()) + 1
    file.write_text(RIGHT + "\n".join(WRONG) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--no-error-summary"]
    command += ["--cache-dir", str(tmp_path / "cache"), "--follow-imports", "silent", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = {int(line.split(":")[1]): line for line in done.stdout.splitlines() if ": error:" in line}
    assert list(told) == list(range(first, first + len(WRONG))), done.stdout + done.stderr
    for line, word in zip(told.values(), WRONG.values(), strict=True):
        assert word in line


@pytest.mark.parametrize("name", TRACKER_NAMES)
def test_signature_and_docstring_show_every_parameter(name: str) -> None:
    made = tracker_class(name)
    shown = inspect.signature(made).parameters
    assert list(shown)[:2] == ["depth", "frame_rate"]
    for parameter in parameters_of(name):
        assert shown[parameter.name].default == parameter.default
        assert f"{parameter.name}: {parameter.help}; {parameter.legal}" in (made.__doc__ or "")
