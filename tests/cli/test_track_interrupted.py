"""`deptr track` stopped on its way: what it leaves, and how it says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from track_runs import BOXES, CLIP, Run, report, video_frames

from deptr.io.mot_text import TrackWriter, read_tracks


def test_ctrl_c_leaves_whole_files(deptr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = TrackWriter.write

    def interrupting(self: TrackWriter, frame: int, tracks: Any) -> None:
        real(self, frame, tracks)
        if frame == 40:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(TrackWriter, "write", interrupting)
    out = tmp_path / "o"
    code, told, _ = deptr("track", CLIP, "--detections", BOXES, "--output", out)
    assert code == 130
    assert "interrupted after 40 of 100 frames" in told
    assert "what was done until then is whole" in told
    assert read_tracks(out / "tracks.txt").last_frame == 40
    assert len(video_frames(out / "tracked.mp4")) == 40
    assert report(out)["status"] == "interrupted"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_real_interrupt_of_a_real_process(tmp_path: Path) -> None:
    lines = [f"{k},-1,{10 + k % 50},20,30,60,0.9,5" for k in range(1, 60_001)]
    (tmp_path / "det.txt").write_text("\n".join(lines))
    command = [sys.executable, "-m", "deptr.cli.main", "track", "--detections", str(tmp_path / "det.txt")]
    command += ["--fps", "10", "--output", str(tmp_path / "o")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        rows = tmp_path / "o" / "tracks.txt"
        for _ in range(600):
            if rows.exists() and rows.stat().st_size > 2000:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted after" in told
    assert len(read_tracks(rows)) == report(tmp_path / "o")["counts"]["boxes"]


def test_a_full_disk_is_told_and_keeps_what_was_written(
    deptr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    written = []

    def filling_up(handle: int, content: bytes) -> int:
        if content.startswith(b"30,"):
            raise OSError(28, "No space left on device")
        written.append(content)
        return real(handle, content)

    monkeypatch.setattr("deptr.io.mot_text.os.write", filling_up)
    out = tmp_path / "o"
    code, told, error = deptr("track", CLIP, "--detections", BOXES, "--output", out)
    monkeypatch.undo()
    assert code == 1
    assert "tracks.txt: cannot be written: found No space left on device" in error
    assert "stopped after 29 of 100 frames" in told
    assert read_tracks(out / "tracks.txt").last_frame == 29
    assert len(video_frames(out / "tracked.mp4")) == 29
    assert (report(out)["status"], "No space" in report(out)["error"]) == ("failed", True)


def test_a_camera_that_disappears_keeps_what_was_tracked(
    deptr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Camera:
        left = 12

        def __init__(self, number: int) -> None:
            self.number = number

        def isOpened(self) -> bool:
            return True

        def get(self, what: int) -> float:
            return {cv2.CAP_PROP_FPS: 10.0, cv2.CAP_PROP_FRAME_WIDTH: 768, cv2.CAP_PROP_FRAME_HEIGHT: 576}[
                what
            ]

        def read(self) -> tuple[bool, np.ndarray | None]:
            self.left -= 1
            time.sleep(0.02)
            return (True, np.zeros((576, 768, 3), np.uint8)) if self.left >= 0 else (False, None)

        def release(self) -> None:
            self.left = 0

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr("deptr.io.camera_source._PATIENCE", 0.1)
    out = tmp_path / "o"
    code, told, error = deptr("track", "0", "--detections", BOXES, "--reconnect", 0, "--output", out)
    assert code == 1
    assert "camera 0: gives no more frames after frame 12" in error
    assert "stopped after 12 frames" in told
    assert len(video_frames(out / "tracked.mp4")) == 12
    assert read_tracks(out / "tracks.txt").last_frame == 12
