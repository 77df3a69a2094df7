"""Live runs: late results, outages, ends and lines of JSON, with cameras on real sockets."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv
from live_servers import MjpegCamera, number_of

import deptr
from deptr.errors import UsageError
from deptr.io.mot_text import read_tracks
from deptr.progress import SilentProgress

ASSETS = Path(__file__).parents[2] / "assets"
CLIP, BOXES = ASSETS / "vtest.mp4", ASSETS / "vtest_det.txt"


def someone(image: np.ndarray) -> sv.Detections:
    return sv.Detections(np.array([[10.0, 5, 30, 45]]), confidence=np.array([0.9]))


def slow(seconds: float) -> Callable[[np.ndarray], sv.Detections]:
    def detect(image: np.ndarray) -> sv.Detections:
        time.sleep(seconds)
        return someone(image)

    return detect


def test_a_slow_loop_sees_the_newest_frame_however_long_it_runs() -> None:
    with MjpegCamera(fps=25) as camera:
        behind, latencies = [], []
        run = deptr.track(camera.address, detector=slow(0.2), max_seconds=5)
        for frame in run:
            assert frame.image is not None and frame.latency_seconds is not None
            behind.append((camera.served - number_of(frame.image)) % 50)
            latencies.append(frame.latency_seconds)
            assert frame.captured_at == pytest.approx(time.time() - frame.latency_seconds, abs=0.2)
    assert 10 < len(latencies) <= 26
    assert np.median(latencies) < 2 * 0.2
    assert np.median(behind[-5:]) <= 9  # 25 a second for 0.2 s, and what a busy machine adds
    assert run.live is not None
    assert run.live.skipped > 60
    assert run.live.latency.quantile(0.5) == pytest.approx(np.median(latencies), rel=0.1)


def test_every_frame_counts_where_a_stream_is_not_to_be_live() -> None:
    with MjpegCamera(fps=25) as camera:
        run = deptr.track(camera.address, detector=slow(0.1), live=False, max_seconds=0.5)
        indices = [frame.index for frame in run]
    assert indices == list(range(1, len(indices) + 1))
    assert run.live is None


def test_identities_live_on_over_an_outage_that_stands_in_the_report(tmp_path: Path) -> None:
    with MjpegCamera(fps=25) as camera:

        class Outage(SilentProgress):
            def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
                assert str(figures["latency"]).endswith(" ms")
                if done == 20:
                    threading.Thread(target=self.happen).start()

            def happen(self) -> None:
                camera.kill()
                time.sleep(2.0)
                camera.start()

        run = deptr.track(camera.address, detector=someone, max_seconds=6)
        summary = run.save(tmp_path / "o", progress=Outage())
    report = json.loads((tmp_path / "o" / "run.json").read_text())
    (gap,) = report["live"]["gaps"]
    assert gap["seconds"] > 2.0  # longer than the second for which a track is remembered
    assert (gap["attempts"] >= 1 and "ended" in gap["reason"]) or "broke off" in gap["reason"]
    assert read_tracks(tmp_path / "o" / "tracks.txt").last_frame > gap["after_frame"] + 10
    assert (summary.status, summary.identities) == ("complete", {1})
    latency = report["live"]["latency_seconds"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["max"] < 1.5
    assert report["live"]["gap_count"] == 1
    assert any("1 gap(s)" in note for note in summary.notes)


def test_a_run_ends_after_the_seconds_that_were_asked_for(tmp_path: Path) -> None:
    start = time.monotonic()
    with MjpegCamera(fps=10) as camera:
        summary = deptr.track(camera.address, detector=someone, max_seconds=1.5).save(tmp_path / "o")
    assert 1.4 < time.monotonic() - start < 6
    assert summary.status == "complete"
    frames = list(deptr.track(CLIP, detections=BOXES, max_seconds=2.0))
    assert len(frames) == 20  # of a file, seconds of the file


def test_a_file_that_is_live_skips_what_the_loop_cannot_follow(tmp_path: Path) -> None:
    run = deptr.track(CLIP, detector=slow(0.25), live=True, max_seconds=3)
    indices = [frame.index for frame in run]
    assert indices == sorted(set(indices))
    assert 20 <= indices[-1] <= 32
    assert len(indices) <= 13
    assert run.live is not None and run.live.skipped >= indices[-1] - len(indices)


COMMAND = [sys.executable, "-m", "deptr.cli.main", "track"]


def test_lines_of_json_come_while_the_run_goes_on(tmp_path: Path) -> None:
    words = [str(CLIP), "--detections", str(BOXES), "--live", "--jsonl", "-", "--no-video", "--output", "o"]
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(
        [*COMMAND, *words, "--max-seconds", "4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        first = json.loads(process.stdout.readline())
        assert process.poll() is None
        lines = [first, *(json.loads(line) for line in process.stdout)]
        told = process.stderr.read()
        assert process.wait(30) == 0
    assert "live: capture to result" in told and "tracks.txt" in told
    assert abs(first["captured_at"] - time.time()) < 60
    assert len(lines) == json.loads((tmp_path / "o" / "run.json").read_text())["counts"]["frames"]
    assert lines[-1]["frame"] > lines[-2]["frame"]
    track = next(line["tracks"][0] for line in lines if line["tracks"])
    assert {"id", "box_xyxy", "score", "depth"} <= set(track)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX pipes")
def test_a_reader_of_the_lines_that_goes_ends_the_run(tmp_path: Path) -> None:
    words = [str(CLIP), "--detections", str(BOXES), "--jsonl", "-", "--no-video", "--output", "o"]
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["frame"] == 1
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(60) == 130
    assert "whoever read the JSON lines has gone" in told
    assert "Traceback" not in told and "Exception" not in told
    assert json.loads((tmp_path / "o" / "run.json").read_text())["status"] == "interrupted"


def test_a_window_needs_a_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("displays are always there")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="show=True: there is no display"):
        deptr.track(CLIP, detections=BOXES).save(tmp_path / "o", show=True)
    assert not (tmp_path / "o").exists()
    with pytest.raises(UsageError, match="there are no images to show"):
        deptr.track(detections=BOXES, fps=10).save(tmp_path / "o", show=True)


def test_a_window_shows_the_run(tmp_path: Path) -> None:
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    number = ":97"
    screen = [number, "-screen", "0", "800x600x24", "-fbdir", str(tmp_path), "-nolisten", "tcp"]
    with subprocess.Popen(["Xvfb", *screen], stderr=subprocess.DEVNULL) as display:
        try:
            time.sleep(1.5)
            words = [str(CLIP), "--detections", str(BOXES), "--live", "--no-video", "--show"]
            words += ["--max-seconds", "5", "--output", str(tmp_path / "o")]
            environment = {"DISPLAY": number, "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
            with subprocess.Popen([*COMMAND, *words], env=environment) as process:
                most = 0
                while process.poll() is None:
                    time.sleep(0.3)
                    pixels = np.fromfile(tmp_path / "Xvfb_screen0", np.uint8)[-800 * 600 * 4 :]
                    most = max(most, len(np.unique(pixels)))
            assert process.returncode == 0
            assert most > 100  # a picture, not an empty screen
        finally:
            display.terminate()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "boxes": ({"detections": BOXES, "fps": 10, "live": True}, "live: needs a source, got detections alone"),
    "no time": ({"source": CLIP, "max_seconds": 0}, "max_seconds: expected a positive number of seconds"),
    "less": ({"source": CLIP, "reconnect_seconds": -1}, "reconnect_seconds: expected seconds from 0"),
    "in vain": ({"source": CLIP, "live": False, "reconnect_seconds": 1}, "reconnect_seconds: has no effect"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused(case: str) -> None:
    choices, message = REFUSED[case]
    with pytest.raises(UsageError, match=message):
        deptr.track(**choices)
