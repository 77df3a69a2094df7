"""`deptr track` from the outside: what it refuses, and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from track_runs import BOXES, CLIP, Run, write_detections

REFUSED = {
    "nothing": ([], "nothing to track: give a SOURCE, --detections FILE or both"),
    "no rate": (["--detections", "{det}"], "--fps: the detections file does not say"),
    "rate": (["--detections", "{det}", "--fps", "-5"], "fps: expected a positive number"),
    "tracker": (["--detections", "{det}", "--tracker", "magic"], "tracker: expected one of sort, bytetrack"),
    "fusion": (
        ["--detections", "{det}", "--fps", "10", "--fusion", "x"],
        "--fusion: expected one of none, fixed",
    ),
    "gamma": (["--detections", "{det}", "--gamma", "1.5"], r"--gamma: expected a number in [0, 1], got 1.5"),
    "useless": (
        ["--detections", "{det}", "--fps", "9", "--fusion", "none", "--gamma", "0.1"],
        "has no effect",
    ),
    "scale": (
        ["--detections", "{det}", "--fps", "9", "--fusion", "fixed", "--depth-scale", "-1"],
        "scale: expected a number in",
    ),
    "depth": (
        ["--detections", "{det}", "--depth", "radar"],
        "--depth: expected one of file, pseudo, got 'radar'",
    ),
    "kind": (["--detections", "{det}", "--depth-kind", "x"], "depth_kind: expected one of relative_inverse"),
    "column": (
        ["--detections", "{det}", "--depth-column", "2"],
        "depth_column: expected a number from 8, got 2",
    ),
    "frame": (["--detections", "{det}", "--first-frame", "4"], "first_frame: expected 0 or 1, got 4"),
    "score": (["--detections", "{det}", "--min-score", "7"], "--min-score: expected a number in [0, 1]"),
    "classes": (["--detections", "{det}", "--fps", "9", "--classes", "1"], "carry no class"),
    "unknown": (
        ["--detections", "{det}", "--param", "magic=1"],
        "bytetrack has no parameter 'magic'; it has low_s",
    ),
    "range": (
        ["--detections", "{det}", "--param", "low_score=3"],
        "low_score: expected a number in [0, 1], got '3'",
    ),
    "syntax": (["--detections", "{det}", "--param", "low_score"], "--param: expected name=value"),
    "no depth": (
        ["{clip}", "--detections", "{boxes}", "--fusion", "kalman"],
        "the detections carry no depth",
    ),
    "both": (
        ["{clip}", "--detections", "{boxes}", "--detector", "x.onnx"],
        "--detector: give it or --detections",
    ),
    "focal": (
        ["{clip}", "--detections", "{boxes}", "--focal", "900"],
        "--focal: has no effect: places in metres need detections with depth in metres, and they have none",
    ),
    "text": (["{boxes}"], "is text; give a file of detections with --detections"),
    "images": (
        ["--detections", "{det}", "--fps", "9", "--param", "camera_motion=true"],
        "camera_motion: needs images",
    ),
    "full": (
        ["--detections", "{det}", "--fps", "9", "--output", "{folder}"],
        "is not empty; choose another folder",
    ),
    "file": (
        ["--detections", "{det}", "--fps", "9", "--output", "{det}"],
        "--output: expected a folder, got the file",
    ),
}


@pytest.fixture
def det(tmp_path: Path) -> Path:
    return write_detections(tmp_path)


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_requests_are_refused(deptr: Run, det: Path, tmp_path: Path, case: str) -> None:
    words, message = REFUSED[case]
    names = {"det": det, "clip": CLIP, "boxes": BOXES, "folder": tmp_path}
    default = [] if "--output" in words else ["--output", tmp_path / "o"]
    code, _, told = deptr("track", *[word.format(**names) for word in words], *default)
    assert code == 2
    assert message in told
    assert "Traceback" not in told
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.mp4"], "nowhere.mp4: no such file or folder"),
        (["--detections", "missing.txt"], "missing.txt: no such file"),
        (["{clip}", "--detections", "{boxes}", "--depth", "file"], "holds no depth"),
        (["--detections", "{det}", "--config", "missing.toml"], "missing.toml: cannot be read"),
    ],
)
def test_failures_have_their_own_exit_code(deptr: Run, det: Path, words: list[str], message: str) -> None:
    code, _, told = deptr("track", *[word.format(det=det, clip=CLIP, boxes=BOXES) for word in words])
    assert (code, message in told, "Traceback" in told) == (1, True, False)


def test_debug_shows_the_traceback(deptr: Run) -> None:
    code, _, told = deptr("track", "nowhere.mp4", "--debug")
    assert (code, "Traceback" in told) == (1, True)
