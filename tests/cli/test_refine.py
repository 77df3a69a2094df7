"""`deptr refine` from the outside: what it writes, what it tells, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from track_runs import Run

from deptr.io.mot_text import read_tracks
from deptr.tracking.boxes import paired_iou
from deptr.tracking.refinement import FILLED_SCORE

FPS = 10.0
FRAMES = np.arange(1, 61)
DEPTH = 20.0 - FRAMES / FPS


def true_boxes() -> np.ndarray:
    """An object that comes nearer while it crosses the image, in perspective, ``(60, 4)`` xyxy."""
    centre = np.stack([600 + 700 * (-6 + 0.2 * FRAMES) / DEPTH, 180 + 700 / DEPTH], axis=1)
    size = np.stack([490 / DEPTH, 1190 / DEPTH], axis=1)
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A track with a gap of four frames, and its second half under another name."""
    names = np.where(FRAMES <= 40, 1, 2)
    rows = []
    for frame, name, box, depth in zip(FRAMES, names, true_boxes(), DEPTH, strict=True):
        if not 20 < frame <= 24:
            left, top, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
            rows.append(
                f"{frame},{name},{left:.3f},{top:.3f},{width:.3f},{height:.3f},0.90000,-1,-1,-1,{depth:.6g}\n"
            )
    (tmp_path / "tracks.txt").write_text("".join(rows))
    return tmp_path / "tracks.txt"


def test_command_refines_a_file(deptr: Run, result: Path, tmp_path: Path) -> None:
    output, counts = tmp_path / "out" / "refined.txt", tmp_path / "counts.json"
    code, told, _ = deptr("refine", result, "--output", output, "--fps", FPS, "--json", counts)
    assert code == 0
    assert "2 identities -> 1 (1 merged), 1 gaps filled with 4 rows" in told
    assert json.loads(counts.read_text())["results"]["tracks"]["rows_filled"] == 4
    before, after = read_tracks(result), read_tracks(output)
    filled = after.score == FILLED_SCORE
    assert after.frame[filled].tolist() == [21, 22, 23, 24]
    assert set(after.track_id.tolist()) == {1}
    np.testing.assert_array_equal(after.xyxy[~filled], before.xyxy)
    np.testing.assert_array_equal(after.depth[~filled], before.depth)
    assert paired_iou(after.xyxy, true_boxes()).min() > 0.95
    np.testing.assert_allclose(after.depth, DEPTH, rtol=0.01)
    again = tmp_path / "again.txt"
    assert deptr("refine", output, "--output", again, "--fps", FPS)[0] == 0
    assert again.read_text() == output.read_text()


def test_command_refines_a_folder_and_switches_are_heard(deptr: Run, result: Path, tmp_path: Path) -> None:
    words = ["refine", result.parent, "--fps", FPS, "--no-merge", "--no-fill"]
    code, told, _ = deptr(*words, "--output", tmp_path / "plain")
    assert code == 0
    assert "(0 merged), 0 gaps" in told
    assert (tmp_path / "plain" / result.name).read_text() == result.read_text()


def test_command_takes_rate_and_depth_from_the_run_beside(deptr: Run, result: Path, tmp_path: Path) -> None:
    run, output = result.parent / "run.json", tmp_path / "refined.txt"
    run.write_text(json.dumps({"source": {"frames_per_second": 2.0}, "depth": {"kind": None}}))
    words = ["refine", result, "--output", output, "--max-gap-seconds", 2.0]
    assert "0 gaps" in deptr(*words)[1]
    assert "1 gaps" in deptr(*words, "--fps", FPS)[1]
    run.write_text("[]")
    code, _, message = deptr(*words)
    assert code == 1
    assert "is not what deptr track writes" in message
    run.unlink()
    assert "30 is assumed" in deptr(*words)[2]


def test_command_refines_an_empty_result(deptr: Run, tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("")
    code, told, _ = deptr("refine", tmp_path / "none.txt", "--fps", FPS, "--output", tmp_path / "out.txt")
    assert code == 0
    assert "0 identities -> 0" in told
    assert (tmp_path / "out.txt").read_text() == ""


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["missing.txt", "--output", "old.txt"], 1, "no such file"),
        (["broken.txt", "--output", "old.txt"], 1, "broken.txt, line 2"),
        (["good.txt", "--output", "old.txt", "--max-gap-seconds", "-1"], 2, "max_gap_seconds: expected"),
        (["good.txt", "--output", "old.txt", "--fps", "0"], 2, "frame_rate: expected"),
        (["good.txt", "--output", "old.txt", "--depth-kind", "feet"], 2, "depth_kind: expected one of"),
        (["good.txt", "--output", "hollow"], 2, "expected a file, got the folder"),
        (["hollow", "--output", "new"], 1, "no result files: expected SEQUENCE.txt"),
        ([".", "--output", "old.txt"], 2, "expected a folder"),
    ],
    ids=lambda value: value[0] + value[-1] if isinstance(value, list) else None,
)
def test_command_says_what_is_wrong_and_leaves_what_was_there(
    deptr: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hollow").mkdir()
    Path("good.txt").write_text("1,1,0,0,10,20,0.9,-1,-1,-1,4\n")
    Path("broken.txt").write_text("1,1,0,0,10,20,0.9\n2,1,0,0,ten,20,0.9\n")
    Path("old.txt").write_text("old")
    found, _, told = deptr("refine", *words)
    assert found == code
    assert message in told
    assert Path("old.txt").read_text() == "old"
    assert not Path("new").exists()
