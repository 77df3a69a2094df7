"""What somebody meets in the first hour: repeated runs, empty results, classes, a dead network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from track_runs import CLIP, Run, report, write_detections

import deptr as package


@pytest.fixture
def det(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_detections(tmp_path)


def test_the_default_folder_is_numbered_and_a_named_one_protected(deptr: Run, det: Path) -> None:
    words = ["track", "--detections", det, "--fps", 10]
    for number in ("", "-2", "-3"):
        code, told, _ = deptr(*words)
        assert (code, f"runs/track{number}/tracks.txt" in told) == (0, True)
    first = Path("runs/track/run.json").read_bytes()
    code, _, told = deptr(*words, "--output", "runs/track")
    assert (code, "--output: runs/track is not empty" in told) == (2, True)
    assert Path("runs/track/run.json").read_bytes() == first
    assert deptr(*words, "--overwrite")[0] == 0
    assert Path("runs/track/run.json").read_bytes() != first
    for file in Path("runs/track-2").iterdir():
        file.unlink()
    assert "runs/track-2/tracks.txt" in deptr(*words)[1]  # an empty folder is free
    assert sorted(path.name for path in Path("runs").iterdir()) == ["track", "track-2", "track-3"]


def test_a_wrong_request_takes_no_folder(deptr: Run, det: Path) -> None:
    assert deptr("track", "--detections", det)[0] == 2  # no frame rate
    assert not Path("runs").exists()


def test_detections_of_detect_are_numbered_too(deptr: Run, det: Path) -> None:
    for folder in ("detect", "detect-2"):
        (Path("runs") / folder).mkdir(parents=True)
        (Path("runs") / folder / "detections.txt").write_text("mine")
    code, told, _ = deptr("detect", CLIP, "--min-score", 0.9)
    assert (code, "runs/detect-3/detections.txt" in told) == (0, True)
    rows = [line.split(",") for line in Path("runs/detect-3/detections.txt").read_text().splitlines()]
    assert {tuple(row[7:10]) for row in rows} == {("0", "-1", "-1")}  # person, and two not known


def test_the_version_is_told(deptr: Run) -> None:
    assert deptr("--version") == (0, f"deptr {package.__version__}\n", "")


def rows_of(scores: list[float]) -> str:
    return "\n".join(f"{1 + k},-1,{10 + 5 * k},20,40,80,{score}" for k, score in enumerate(scores))


@pytest.mark.parametrize(
    ("scores", "options", "words"),
    [
        (
            [0.31, 0.42, 0.4],
            [],
            ["no identity from 3 detections in 3 frames", "the best score is 0.42", "high_score = 0.6",
             "new_score = 0.7", "--param high_score=0.21 --param new_score=0.21"],
        ),
        ([0.5, 0.5], ["--min-score", 0.8], ["from 0 detections in 2 frames", "holds 2", "--min-score 0.8"]),
    ],
)  # fmt: skip
def test_a_run_without_an_identity_says_why(
    deptr: Run, det: Path, scores: list[float], options: list[object], words: list[str]
) -> None:
    det.write_text(rows_of(scores))
    code, told, said = deptr("track", "--detections", det, "--fps", 10, *options)
    assert (code, "0 identities" in told) == (0, True)
    (note,) = report(Path("runs/track"))["notes"]
    assert f"note: {note}" in said
    assert all(word in note for word in words), note


def test_a_run_with_an_identity_says_nothing(deptr: Run, det: Path) -> None:
    assert "no identity" not in deptr("track", "--detections", det, "--fps", 10)[2]
    assert report(Path("runs/track"))["notes"] == []


def test_what_is_advised_helps(deptr: Run, det: Path, tmp_path: Path) -> None:
    det.write_text(rows_of([0.31, 0.42, 0.4, 0.38]))
    words = ["track", "--detections", det, "--fps", 10]
    _, _, said = deptr(*words, "--output", tmp_path / "o")
    advice = said[said.index("--param") :].split()[:4]
    _, told, _ = deptr(*words, *advice, "--output", tmp_path / "p")
    assert "1 identities" in told


def test_objects_that_never_stay_are_told(deptr: Run, det: Path, tmp_path: Path) -> None:
    lines = [f"{k},-1,{300 * (k % 7)},{250 * (k % 3)},40,80,0.9" for k in range(2, 12)]
    det.write_text("\n".join(lines))
    _, _, said = deptr("track", "--detections", det, "--fps", 10, "--output", tmp_path / "o")
    assert "from 10 detections in 11 frames: the best score is 0.9" in said
    assert "confirm_frames = 2" in said


def test_classes_of_the_input_come_out_in_column_8(deptr: Run, tmp_path: Path) -> None:
    rows = [
        f"{k} -1 {kind} 0 0 -1 {x} 20 {x + 40} 80 1 1 4 1 1 12 0 0.9"
        for k in range(6)
        for kind, x in (("Pedestrian", 200), ("Car", 10))
    ]
    det, out = tmp_path / "det.txt", tmp_path / "o"
    det.write_text("\n".join(rows))
    assert deptr("track", "--detections", det, "--fps", 10, "--output", out)[0] == 0
    found = [line.split(",") for line in (out / "tracks.txt").read_text().splitlines()]
    assert {(float(row[2]) > 100, row[7]) for row in found} == {(False, "0"), (True, "1")}
    assert report(out)["source"]["classes"] == {"0": "Car", "1": "Pedestrian"}


def test_without_classes_column_8_says_nothing(deptr: Run, det: Path, tmp_path: Path) -> None:
    assert deptr("track", "--detections", det, "--fps", 10, "--output", tmp_path / "o")[0] == 0
    rows = (tmp_path / "o" / "tracks.txt").read_text().splitlines()
    assert {line.split(",")[7] for line in rows} == {"-1"}
    assert report(tmp_path / "o")["source"]["classes"] == {}


def test_device_is_for_detectors(deptr: Run, det: Path) -> None:
    code, _, said = deptr("track", "--detections", det, "--fps", 10, "--device", "cpu")
    assert (code, "--device: has no effect on detections of a file" in said) == (2, True)
    code, _, said = deptr("track", CLIP, "--device", "tpu", "--no-video")
    assert (code, "device: expected one of auto, cpu, cuda, got 'tpu'" in said) == (2, True)
    assert not Path("runs").exists()


@pytest.mark.parametrize("silent", [True, False], ids=["no answer", "refused"])
def test_a_hub_that_is_not_there_is_told_in_seconds(tmp_path: Path, silent: bool) -> None:
    pytest.importorskip("huggingface_hub")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        if not silent:
            server.close()
        environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path)}
        words = ["track", str(CLIP), "--detector", "somebody/some-detector", "--output", str(tmp_path / "o")]
        start = time.monotonic()
        result = subprocess.run(
            [sys.executable, "-m", "deptr.cli.main", *words],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert time.monotonic() - start < 25  # the hub's own client takes longer than that for one file
    assert result.returncode == 1
    assert "somebody/some-detector: no such folder, and the hub cannot be reached" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "o").exists()


def test_what_can_be_no_hub_name_is_not_asked_for(deptr: Run, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    code, _, said = deptr("track", CLIP, "--detector", tmp_path / "run" / "best")
    assert (code, "best: no such folder, nor can it be a name on the hub" in said) == (1, True)


def test_advice_of_convert_is_one_that_it_can_follow(deptr: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "walk" / "gt"
    folder.mkdir(parents=True)
    (folder / "gt.txt").write_text("1,1,10,20,30,60,1,1,1\n")
    code, _, said = deptr("convert", "dancetrack", tmp_path / "mine", "--output", tmp_path / "c.json")
    assert code == 1
    assert "name the benchmark mot" in said
    assert "--benchmark" not in said
