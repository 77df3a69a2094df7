"""`deptr.track`: the frames of a run, and the folder that it writes."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv

import deptr
from deptr.errors import DataError, UsageError
from deptr.io.frame_source import Frame, FrameSource
from deptr.io.mot_text import TrackWriter, format_tracks, read_tracks
from deptr.progress import SilentProgress
from deptr.threads import Stop

ASSETS = Path(__file__).parents[2] / "assets"
CLIP, BOXES = ASSETS / "vtest.mp4", ASSETS / "vtest_det.txt"
Run = Callable[..., tuple[int, str, str]]


class Walk(FrameSource):
    """A person who walks to the right before a grey wall; the source may break off."""

    name = "walk"
    fps = 10.0
    size = (160, 120)

    def __init__(self, length: int = 20, *, breaks: bool = False) -> None:
        self.frame_count = length
        self.breaks = breaks
        self.closed = False

    def __iter__(self) -> Iterator[Frame]:
        for index in range(1, self.frame_count + 1):
            yield Frame(index, (index - 1) / 10, np.full((120, 160, 3), index, np.uint8))
        if self.breaks:
            raise DataError(self.name, "broke off")

    def close(self) -> None:
        assert not reading("read-ahead")  # nobody may still read from what is closed
        self.closed = True


@pytest.fixture(name="run_command")
def _run_command(request: pytest.FixtureRequest) -> Run:
    """The fixture `deptr` under a name that is free here."""
    command: Run = request.getfixturevalue("deptr")
    return command


def reading(*names: str) -> list[threading.Thread]:
    wanted = names or ("read-ahead", "write-behind")
    return [thread for thread in threading.enumerate() if thread.name in wanted]


def walker(image: np.ndarray) -> sv.Detections:
    """Finds the person by the grey of the wall."""
    left = 3.0 * image[0, 0, 0]
    return sv.Detections(
        np.array([[left, 20, left + 30, 100], [left, 20, left + 30, 60]]),
        confidence=np.array([0.9, 0.3]),
        class_id=np.array([0, 2]),
    )


def test_frames_are_those_of_the_command_line(run_command: Run, tmp_path: Path) -> None:
    words = ["track", CLIP, "--detections", BOXES, "--depth", "pseudo", "--no-video"]
    assert run_command(*words, "--output", tmp_path / "o")[0] == 0
    text, indices = "", []
    for frame in deptr.track(CLIP, detections=BOXES, depth="pseudo"):
        text += format_tracks(frame.index, frame.tracked) if len(frame.tracked) else ""
        indices.append(frame.index)
        assert frame.image is not None
        assert len(frame.detections) >= len(frame.tracked) == len(frame.depths)
    assert indices == list(range(1, 101))
    assert text == (tmp_path / "o" / "tracks.txt").read_text()


def test_a_saved_folder_is_that_of_the_command_line(run_command: Run, tmp_path: Path) -> None:
    words = ["track", CLIP, "--detections", BOXES, "--tracker", "sort", "--param", "match_iou=0.4"]
    words += ["--depth", "pseudo", "--fusion", "fixed", "--gamma", "0.1", "--min-score", "0.2"]
    assert run_command(*words, "--output", tmp_path / "o")[0] == 0
    run = deptr.track(
        CLIP, detections=BOXES, tracker="sort", parameters={"match_iou": 0.4}, depth="pseudo",
        fusion="fixed:gamma=0.1", min_score=0.2,
    )  # fmt: skip
    summary = run.save(tmp_path / "p")
    for name in ("tracks.txt", "tracks.jsonl", "tracked.mp4"):
        assert (tmp_path / "p" / name).read_bytes() == (tmp_path / "o" / name).read_bytes(), name
    ours, theirs = (json.loads((tmp_path / folder / "run.json").read_text()) for folder in "po")
    for content in (ours, theirs):
        assert set(content.pop("seconds")) >= {"decode", "track", "encode", "wall"}
        content.pop("frames_per_second_processed")
        content.pop("asked")["depth"].pop("kind", None)  # the command line says its default
    assert ours == theirs
    assert summary is run.summary
    assert (summary.status, summary.frames, summary.total) == ("complete", 100, 100)
    assert [path.name for path in summary.files] == ["tracks.txt", "tracks.jsonl", "tracked.mp4", "run.json"]
    assert not reading()


def test_a_detector_of_ones_own(tmp_path: Path) -> None:
    source = Walk()
    run = deptr.track(source, detector=walker, classes=[0])
    frames = list(run)
    assert (run.fps, run.size, run.frame_count, run.depth_kind) == (10.0, (160, 120), 20, None)
    assert [len(frame.detections) for frame in frames] == [1] * 20
    assert [frame.tracked.tracker_id.tolist() for frame in frames] == [[1]] * 20
    assert [frame.timestamp for frame in frames] == [k / 10 for k in range(20)]
    assert source.closed
    assert deptr.track(Walk(), detector=walker, min_score=0.5).save(tmp_path / "o").detections == 20
    assert json.loads((tmp_path / "o" / "run.json").read_text())["source"]["detections"] == "walker"


def test_a_loaded_detector_is_taken_as_it_is() -> None:
    run = deptr.track(Walk(2), detector=deptr.Detector.from_pretrained(), focal_px=900)
    assert run.depth_kind is deptr.DepthKind.METRIC
    assert [frame.index for frame in run] == [1, 2]


def test_depths_of_ones_own_detector() -> None:
    def with_depth(image: np.ndarray) -> sv.Detections:
        found = walker(image)
        found.data["depth"] = np.array([4.0, 5.0])
        return found

    (frame, *_) = deptr.track(Walk(), detector=with_depth, depth_kind="relative", classes=[0])
    assert (frame.depths.tolist(), frame.tracked.metadata["depth_kind"]) == ([4.0], "relative")
    with pytest.raises(UsageError, match="depth_kind: say what the detector's depths mean, one of"):
        next(iter(deptr.track(Walk(), detector=with_depth)))


def test_a_tracker_that_is_made_already_forgets_and_is_used() -> None:
    tracker = deptr.ByteTrack(high_score=0.2, new_score=0.2, confirm_frames=1)
    for _ in range(2):
        run = deptr.track(Walk(), detector=walker, tracker=tracker)
        identities = {number for frame in run for number in frame.tracked.tracker_id.tolist()}
        assert identities == {1, 2}
    assert run.tracker is tracker
    assert [track.id for track in tracker.tracks] == [1, 2]


def test_pictures_are_drawn_in_order() -> None:
    run = deptr.track(Walk(), detector=walker)
    pictures = [frame.drawn() for frame in run]
    assert all(picture.shape == (120, 160, 3) for picture in pictures)
    assert all((picture != index).any() for index, picture in enumerate(pictures, start=1))
    (frame, *_) = deptr.track(detections=BOXES, fps=10)
    with pytest.raises(UsageError, match="frame 1 has no image"):
        frame.drawn()


@pytest.mark.parametrize("how", ["break", "error", "drop", "close", "never", "end"])
def test_everything_is_let_go_however_it_ends(how: str) -> None:
    source = Walk(200)
    run = deptr.track(source, detector=walker)
    if how == "break":
        for frame in run:
            if frame.index == 3:
                break
    elif how == "error":
        with pytest.raises(ZeroDivisionError):
            for frame in run:
                _ = 1 // (3 - frame.index)
    elif how == "end":
        assert len(list(run)) == 200
    else:
        frames = iter(run)
        if how != "never":
            next(frames)
        if how == "drop":
            del frames
            gc.collect()
        else:
            run.close()
    assert not reading()
    assert source.closed
    with pytest.raises(UsageError, match="has begun before"):
        iter(run)


def test_a_run_that_does_not_begin_can_be_closed() -> None:
    source = Walk()
    with deptr.track(source, detector=walker):
        pass
    assert source.closed


def test_a_source_that_breaks_off_hands_out_what_came_before(tmp_path: Path) -> None:
    got = []
    with pytest.raises(DataError, match="walk: broke off"):
        got.extend(frame.index for frame in deptr.track(Walk(breaks=True), detector=walker))
    run = deptr.track(Walk(breaks=True), detector=walker)
    with pytest.raises(DataError, match="walk: broke off"):
        run.save(tmp_path / "o")
    assert run.summary is not None
    assert (run.summary.status, run.summary.error, run.summary.frames) == ("failed", "walk: broke off", 20)
    assert read_tracks(tmp_path / "o" / "tracks.txt").last_frame == 20


def test_an_error_of_ones_own_detector_keeps_what_was_done(tmp_path: Path) -> None:
    source = Walk()

    def tired(image: np.ndarray) -> sv.Detections:
        if image[0, 0, 0] == 8:
            raise RuntimeError("tired")
        return walker(image)

    with pytest.raises(RuntimeError, match="tired"):
        deptr.track(source, detector=tired).save(tmp_path / "o")
    report = json.loads((tmp_path / "o" / "run.json").read_text())
    assert (report["status"], report["error"]) == ("failed", "RuntimeError('tired')")
    assert read_tracks(tmp_path / "o" / "tracks.txt").last_frame == report["counts"]["frames"] == 7
    assert (tmp_path / "o" / "tracked.mp4").stat().st_size > 0
    assert (source.closed, reading()) == (True, [])


def test_ctrl_c_keeps_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = TrackWriter.write

    def interrupted(self: TrackWriter, frame: int, tracks: Any) -> None:
        if frame == 12:
            raise KeyboardInterrupt
        real(self, frame, tracks)

    monkeypatch.setattr(TrackWriter, "write", interrupted)
    source = Walk()
    run = deptr.track(source, detector=walker)
    with pytest.raises(KeyboardInterrupt):
        run.save(tmp_path / "o")
    report = json.loads((tmp_path / "o" / "run.json").read_text())
    assert (report["status"], report["error"], report["counts"]["frames"]) == ("interrupted", None, 11)
    assert read_tracks(tmp_path / "o" / "tracks.txt").last_frame == 11
    assert (source.closed, reading()) == (True, [])


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_between_frames_lets_everything_go() -> None:
    source = Walk(200)
    with pytest.raises(KeyboardInterrupt):
        for frame in deptr.track(source, detector=walker):
            if frame.index == 5:
                os.kill(os.getpid(), signal.SIGINT)
    assert (source.closed, reading()) == (True, [])


def test_another_thread_can_ask_for_the_end(tmp_path: Path) -> None:
    stop = Stop()

    class AtFrameFive(SilentProgress):
        def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
            if done == 5:
                stop.request()

    summary = deptr.track(Walk(200), detector=walker).save(
        tmp_path / "o", stop=stop, progress=AtFrameFive(), video=False
    )
    assert (summary.status, summary.frames) == ("interrupted", 5)
    assert not (tmp_path / "o" / "tracked.mp4").exists()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, r"nothing to track: give a source, detections='FILE' or both; see help\(deptr.track\)"),
    "both": ({"source": CLIP, "detections": BOXES, "detector": walker}, "detector: give it or detections"),
    "rate": ({"detections": BOXES}, "fps: the detections file does not say"),
    "open": ({"source": Walk(), "detector": walker, "fps": 5}, "fps: has no effect on a source that is open"),
    "fusion": (
        {"source": CLIP, "detections": BOXES, "fusion": "kalman"},
        "fusion='kalman': the detections carry no depth; take depth='pseudo' or fusion='none'",
    ),
    "tracker": (
        {"source": CLIP, "tracker": deptr.Sort(), "parameters": {"match_iou": 0.4}},
        "parameters: has no effect on a tracker that is made already",
    ),
    "parameter": ({"source": CLIP, "parameters": {"high_scoer": 1}}, "bytetrack has no parameter"),
    "device": ({"source": CLIP, "detector": walker, "device": "cpu"}, "device: has no effect"),
    "focal": ({"source": CLIP, "detector": walker, "focal_px": 900}, "focal_px: has no effect"),
    "classes": ({"source": CLIP, "detector": walker, "classes": "car"}, "classes: expected numbers"),
    "no class": ({"detections": BOXES, "fps": 9, "classes": [4]}, "classes: the detections of .* no class"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_in_the_words_of_python(case: str) -> None:
    choices, message = REFUSED[case]
    with pytest.raises(UsageError, match=message):
        deptr.track(**choices)


def test_a_detector_that_answers_with_something_else() -> None:
    expected = r"detector: expected it to return supervision.Detections or .*, got str"
    with pytest.raises(UsageError, match=expected):
        next(iter(deptr.track(Walk(), detector=lambda image: "nobody")))


def test_a_folder_in_use_is_left_alone_and_the_source_let_go(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    source = Walk()
    with pytest.raises(UsageError, match=r"folder: .* is not empty; .* or say overwrite=True"):
        deptr.track(source, detector=walker).save(tmp_path)
    assert source.closed
    assert deptr.track(Walk(), detector=walker).save(tmp_path, overwrite=True).frames == 20
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_detections_can_come_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "det.txt"
    os.mkfifo(pipe)
    lines = "".join(f"{k},-1,{10 * k},20,30,60,0.9\n" for k in range(1, 4))
    writing = threading.Thread(target=pipe.write_text, args=(lines,))
    writing.start()
    run = deptr.track(detections=pipe, fps=10)
    writing.join()
    assert [frame.tracked.tracker_id.tolist() for frame in run] == [[1], [1], [1]]


def test_the_detections_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: (read.append(self.name), real(self))[1])
    deptr.track(CLIP, detections=BOXES).save(tmp_path / "o", video=False)
    assert read.count(BOXES.name) == 1
