"""`deptr track` over many sources: resume, failures, workers, one summary, and the log as JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from track_runs import Run, report

from deptr.engines import Lost, in_processes
from deptr.errors import UsageError
from deptr.io.video_writer import VideoWriter
from deptr.pipeline.batch.sources import find_sources, names_of


def video(path: Path, frames: int = 6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, fps=10) as writer:
        for number in range(frames):
            writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    return path


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for name in ("b10", "b9", "c"):
        video(tmp_path / "videos" / f"{name}.mp4")
    (tmp_path / "videos" / "notes.txt").write_text("no video")
    return tmp_path / "videos"


def summary(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return content


def test_a_folder_of_videos_is_tracked_and_finished_ones_are_left_alone(
    deptr: Run, videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    code, told, _ = deptr("track", videos, "--no-video", "--output", out)
    assert (code, "3 sources: 3 complete" in told) == (0, True)
    assert [run["name"] for run in summary(out)["runs"]] == ["b9", "b10", "c"]
    assert all(report(out / name)["counts"]["frames"] == 6 for name in ("b9", "b10", "c"))
    before = (out / "c" / "run.json").stat().st_mtime_ns

    content = report(out / "b9")
    (out / "b9" / "run.json").write_text(json.dumps({**content, "status": "interrupted"}))  # as after a kill
    video(videos / "b10.mp4", 8)  # another video of the same name
    code, told, error = deptr("track", videos, "--no-video", "--output", out)
    assert (code, "b10: holds something else, or results of another request" in error) == (2, True)
    shutil.rmtree(out / "b10")
    code, told, _ = deptr("track", videos, "--no-video", "--output", out)
    assert (code, "3 sources: 2 complete, 1 finished before" in told) == (0, True)
    assert (out / "c" / "run.json").stat().st_mtime_ns == before
    assert report(out / "b10")["counts"]["frames"] == 8

    code, told, _ = deptr("track", videos, "--no-video", "--min-score", 0.5, "--output", out)
    assert code == 2  # asked otherwise
    code, told, _ = deptr("track", videos, "--no-video", "--min-score", 0.5, "--overwrite", "--output", out)
    assert (code, "3 sources: 3 complete" in told) == (0, True)


def test_one_that_fails_ends_no_other_and_is_told_by_the_exit_code(
    deptr: Run, videos: Path, tmp_path: Path
) -> None:
    (videos / "a.mp4").write_bytes(b"no video")
    out = tmp_path / "o"
    code, told, error = deptr("track", videos, "--no-video", "--output", out)
    assert code == 1
    assert "a: failed: " in error and "1 of 4 sources failed: found a" in error
    assert "4 sources: 3 complete, 1 failed" in told
    assert summary(out)["counts"] == {"complete": 3, "finished before": 0, "interrupted": 0, "failed": 1}
    video(videos / "a.mp4")
    assert deptr("track", videos, "--no-video", "--output", out)[0] == 0


def test_workers_do_the_same(deptr: Run, videos: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert deptr("track", videos, "--no-video", "--output", one)[0] == 0
    assert deptr("track", videos, "--no-video", "--workers", 2, "--output", two)[0] == 0
    for name in ("b9", "b10", "c"):
        assert (one / name / "tracks.txt").read_bytes() == (two / name / "tracks.txt").read_bytes()
    assert summary(two)["counts"]["complete"] == 3


@pytest.mark.slow
def test_ray_does_the_same(deptr: Run, videos: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    words = ["track", videos, "--no-video", "--engine", "ray", "--workers", 2]
    assert deptr(*words, "--output", tmp_path / "o")[0] == 0
    assert summary(tmp_path / "o")["counts"]["complete"] == 3


def test_the_log_is_json_of_which_each_line_is_a_record(videos: Path, tmp_path: Path) -> None:
    (videos / "a.mp4").write_bytes(b"no video")
    command = [sys.executable, "-m", "deptr.cli.main", "track", str(videos), "--no-video", "--log-json"]
    done = subprocess.run(
        [*command, "--output", "o"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert {record["severityText"] for record in records} >= {"INFO", "ERROR"}
    found = {record["body"]: record["attributes"] for record in records}
    assert found["complete"]["frames"] == 6
    assert (found["summary"]["complete"], found["summary"]["failed"]) == (3, 1)
    assert records[-1]["attributes"]["exit_code"] == 1
    assert all(record["timeUnixNano"] > 10**18 for record in records)


def test_lists_name_sources_beside_them(tmp_path: Path) -> None:
    video(tmp_path / "a" / "walk.mp4")
    video(tmp_path / "b" / "walk.mp4")
    (tmp_path / "list.txt").write_text("# two rooms\n\na/walk.mp4\nb/walk.mp4\nrtsp://user:secret@door/1\n")
    found = find_sources([f"@{tmp_path / 'list.txt'}"])
    assert found[:2] == [str(tmp_path / "a" / "walk.mp4"), str(tmp_path / "b" / "walk.mp4")]
    assert names_of(found) == ["a-walk", "b-walk", "door-1"]
    with pytest.raises(UsageError, match="is named twice"):
        names_of(["x.mp4", "x.mp4"])


def test_what_is_for_one_source_is_refused_for_many(deptr: Run, videos: Path, tmp_path: Path) -> None:
    for words in (["--jsonl", "-"], ["--show"], ["--detections", videos / "notes.txt"]):
        code, _, error = deptr("track", videos, *words, "--output", tmp_path / "o")
        assert (code, "is for one source, there are 3" in error) == (2, True)
    assert deptr("track", videos, "--workers", 0, "--output", tmp_path / "o")[0] == 2
    assert deptr("track", videos, "--engine", "slurm", "--output", tmp_path / "o")[0] == 2


def test_a_worker_that_dies_costs_its_own_job_alone() -> None:
    found = dict(in_processes(abs, [-1, -2], 2))
    assert found == {-1: 1, -2: 2}
    from subprocess import run

    code = "import os; from deptr.engines import in_processes; print(dict(in_processes(os._exit, [9], 1)))"
    told = run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "{9: " + repr(Lost("its process ended with code 9")) + "}"
