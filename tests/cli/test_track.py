"""`deptr track` from the outside: what it reads and what it writes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import supervision as sv
from track_runs import BOXES, CLIP, Run, report, video_frames, write_detections

from deptr.detector.inference import Detector
from deptr.io.frame_source import Frame
from deptr.io.frames import open_source
from deptr.io.mot_text import TrackWriter, read_detections, read_tracks
from deptr.io.video_source import VideoSource
from deptr.records import DepthKind


@pytest.fixture
def det(tmp_path: Path) -> Path:
    return write_detections(tmp_path)


def test_the_bundled_clip_end_to_end(deptr: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, told, _ = deptr("track", CLIP, "--detections", BOXES, "--depth", "pseudo", "--output", out)
    assert code == 0
    assert all(str(out / name) in told for name in ("tracks.txt", "tracked.mp4", "run.json"))

    tracks = read_tracks(out / "tracks.txt")
    assert tracks.frame.max() == 100
    assert 8 <= len(set(tracks.track_id.tolist())) <= 20
    assert np.isfinite(tracks.depth).mean() > 0.9

    pictures = video_frames(out / "tracked.mp4")
    with open_source(CLIP) as source:
        originals = [frame.image for frame in source]
    assert len(pictures) == 100
    for index in (20, 60, 100):
        painted = (np.abs(pictures[index - 1].astype(int) - originals[index - 1]) > 60).any(axis=2)
        for x0, y0, x1, _ in tracks.xyxy[tracks.frame == index].astype(int):
            assert painted[y0 - 2 : y0 + 3, x0:x1].any()  # the upper edge of every box is there
        assert 0.01 < painted.mean() < 0.35

    run = report(out)
    assert run["status"] == "complete"
    described = {name: run["depth"][name] for name in ("source", "kind", "unit")}
    assert described == {"source": "pseudo", "kind": "pseudo", "unit": ""}
    assert 0.9 < run["depth"]["known_share"] == round(run["depth"]["known"] / run["counts"]["detections"], 4)
    assert run["fusion"]["mode"] == "adaptive"
    assert run["parameters"]["lost_seconds"] == 1.0
    assert run["counts"]["frames"] == run["counts"]["frames_drawn"] == 100
    assert run["counts"]["boxes"] == len(tracks)
    assert {"decode", "detect", "depth", "track", "draw", "encode", "write", "wall"} == set(run["seconds"])
    assert {"deptr", "numpy", "av", "supervision"} <= set(run["versions"])


def test_detections_alone(deptr: Run, det: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, _ = deptr("track", "--detections", det, "--fps", 10, "--min-score", 0.1, "--output", out)
    assert code == 0
    assert not (out / "tracked.mp4").exists()
    table = read_tracks(out / "tracks.txt")
    assert set(table.track_id.tolist()) == {1}
    assert table.depth.tolist() == [20 - k for k in table.frame]
    said = {"source": "file", "kind": "metric", "unit": "m", "column": None}
    assert report(out)["depth"] == {**said, "known": 10, "known_share": 1.0}


def test_a_seqinfo_beside_the_detections_tells_the_rate(deptr: Run, det: Path, tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text(
        "[Sequence]\nseqLength=10\nframeRate=12\nimWidth=640\nimHeight=480\n"
    )
    assert deptr("track", "--detections", det, "--output", tmp_path / "o")[0] == 0
    source = report(tmp_path / "o")["source"]
    assert (source["frames_per_second"], source["size"]) == (12.0, [640, 480])


def test_a_mot_sequence_brings_its_detections(deptr: Run, det: Path, tmp_path: Path) -> None:
    for number in range(1, 11):
        path = tmp_path / "img1" / f"{number:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((120, 160, 3), 90, np.uint8))
    (tmp_path / "img1" / "000005.jpg").write_bytes(b"damaged")
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=10\nframeRate=12\n")
    out = tmp_path / "o"
    code, _, told = deptr("track", tmp_path, "--output", out, "--tracker", "sort")
    assert code == 0
    assert "note:" in told
    assert "000005.jpg" in told
    assert 5 in read_tracks(out / "tracks.txt").frame  # its detections are known, only the picture is not
    assert len(video_frames(out / "tracked.mp4")) == 9
    assert report(out)["counts"]["frames_skipped"] == 1


def test_classes_of_kitti_text(deptr: Run, tmp_path: Path) -> None:
    rows = [
        f"{k} -1 {kind} 0 0 -1 {x} 20 {x + 40} 80 1 1 4 1 1 12 0 0.9"
        for k in range(5)
        for kind, x in (("Car", 10), ("Pedestrian", 200))
    ]
    (tmp_path / "det.txt").write_text("\n".join(rows))
    options = ["track", "--detections", tmp_path / "det.txt", "--fps", 10, "--param", "confirm_frames=1"]
    assert deptr(*options, "--classes", "Pedestrian", "--output", tmp_path / "o")[0] == 0
    assert read_tracks(tmp_path / "o" / "tracks.txt").xyxy[:, 0].min() > 150
    code, _, told = deptr(*options, "--classes", "Bike", "--output", tmp_path / "p")
    assert (code, "expected some of Car (0), Pedestrian (1), got 'Bike'" in told) == (2, True)


class PaleDetector:
    """Finds one person who walks to the right and away."""

    def __init__(self) -> None:
        self.names, self.depth_kind, self.start_score = {0: "person"}, DepthKind.METRIC, 0.0
        self.calls = 0

    def __call__(self, image: np.ndarray, *, min_score: float, focal_px: float | None) -> sv.Detections:
        assert image.shape == (576, 768, 3)
        self.calls += 1
        return sv.Detections(
            np.array([[5.0 * self.calls, 100, 5.0 * self.calls + 60, 250]]),
            confidence=np.array([0.9]),
            class_id=np.array([0]),
            data={"depth": np.array([5 + 0.1 * self.calls])},
            metadata={"depth_kind": "relative" if focal_px is None else "metric"},
        )


@pytest.mark.parametrize(
    ("options", "kind"), [([], "relative"), (["--focal", "900", "--classes", "person"], "metric")]
)
def test_a_video_alone_is_looked_at_by_the_detector(
    deptr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], kind: str
) -> None:
    asked = []
    monkeypatch.setattr(
        Detector, "from_pretrained", lambda name, **_: (asked.append(name), PaleDetector())[1]
    )
    out = tmp_path / "o"
    assert deptr("track", CLIP, "--output", out, *options)[0] == 0
    assert asked == [None]
    table = read_tracks(out / "tracks.txt")
    assert (set(table.track_id.tolist()), table.last_frame) == ({1}, 100)
    assert report(out)["depth"]["kind"] == kind
    assert (report(out)["depth"]["source"], report(out)["fusion"]["mode"]) == ("detector", "adaptive")


def test_parameters_from_a_file_and_by_hand(deptr: Run, det: Path, tmp_path: Path) -> None:
    config = tmp_path / "p.toml"
    config.write_text(
        "lost_seconds = 3\nhigh_score = 0.5\n[bytetrack]\nlow_score = 0.2\n[sort]\nmatch_iou = 0.1\n"
    )
    out = tmp_path / "o"
    options = ["--fps", 10, "--config", config, "--param", "high_score=0.55", "--output", out]
    assert deptr("track", "--detections", det, *options)[0] == 0
    used = report(out)["parameters"]
    assert (used["lost_seconds"], used["high_score"], used["low_score"]) == (3.0, 0.55, 0.2)


def test_overwrite_replaces_only_what_a_run_writes(deptr: Run, det: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    out.mkdir()
    (out / "tracked.mp4").write_text("old")
    (out / "notes.md").write_text("mine")
    code, _, _ = deptr("track", "--detections", det, "--fps", 10, "--output", out, "--overwrite")
    assert code == 0
    assert not (out / "tracked.mp4").exists()
    assert (out / "notes.md").read_text() == "mine"


def test_a_video_with_fewer_frames_than_detections_says_so(deptr: Run, tmp_path: Path) -> None:
    text = BOXES.read_text() + "140,-1,10,10,20,40,0.9\n"
    (tmp_path / "det.txt").write_text(text)
    out = tmp_path / "o"
    code, _, told = deptr("track", CLIP, "--detections", tmp_path / "det.txt", "--no-video", "--output", out)
    assert code == 0
    assert "has detections up to frame 140" in told
    assert "later ones are not tracked" in told
    assert not (out / "tracked.mp4").exists()


def test_the_order_of_frames_does_not_depend_on_threads(
    deptr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(self: VideoSource) -> Any:
        for index in range(1, 21):
            time.sleep(0.002 * (index % 3))
            yield Frame(index, index / 10, np.full((576, 768, 3), index, np.uint8))

    monkeypatch.setattr(VideoSource, "__iter__", slow)
    seen: list[int] = []
    real = TrackWriter.write
    monkeypatch.setattr(
        TrackWriter, "write", lambda self, frame, tracks: (seen.append(frame), real(self, frame, tracks))
    )
    assert deptr("track", CLIP, "--detections", BOXES, "--output", tmp_path / "o")[0] == 0
    assert seen == list(range(1, 21))
    means = [
        round(float(picture[:60, :20].mean())) for picture in video_frames(tmp_path / "o" / "tracked.mp4")
    ]
    assert means == sorted(means)


def test_help_is_enough(deptr: Run) -> None:
    code, told, _ = deptr("track", "--help")
    assert code == 0
    for word in (
        "SOURCE",
        "--detections",
        "--fusion",
        "adaptive",
        "low_score = 0.1",
        "hybridsort",
        "run.json",
    ):
        assert word.lower() in told.lower()
    assert "Examples:" in told


@pytest.mark.data
def test_the_issues_own_command(deptr: Run, tmp_path: Path, data_root: Path) -> None:
    det = data_root / "kitti" / "pedestrian" / "0016" / "det.txt"
    words = f"--detections {det} --fps 10 --tracker bytetrack --fusion adaptive --min-score 0.1"
    assert deptr("track", *words.split(), "--output", tmp_path / "k16")[0] == 0
    table = read_tracks(tmp_path / "k16" / "tracks.txt")
    source = read_detections(det)
    assert table.last_frame == source.last_frame
    assert np.isfinite(table.depth).mean() > 0.95
    assert 10 < len(set(table.track_id.tolist())) < 60
