"""Whole runs with detectors that somebody else trained: what a user types, and what stands in the results."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx_exports import OBJECT, exports, scene, write_export
from typer.testing import CliRunner

import deptr
from deptr.cli.main import app
from deptr.errors import DeptrError, UsageError
from deptr.io.mot_text import read_tracks


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A red car that stands still."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(1, 9):
        cv2.imwrite(str(folder / f"{number:03d}.png"), scene()[:, :, ::-1])
    return folder


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    error = result.exception
    code = error.exit_code if isinstance(error, DeptrError) else result.exit_code
    return code, result.output + str(error or "")


@pytest.mark.parametrize("options", [[], ["--tiles", "2x1"], ["--detector-format", "yolov8"]])
def test_vehicles_are_tracked_with_a_detector_of_another_project(
    frames: Path, tmp_path: Path, options: list[object]
) -> None:
    model = write_export(tmp_path / "yolo.onnx", exports()["yolov8"])
    out = tmp_path / "out"
    words = ["track", frames, "--detector", model, "--classes", "car,truck", "--fps", 10, *options]
    code, said = run(*words, "--output", out)
    assert code == 0, said
    table = read_tracks(out / "tracks.txt")
    assert set(table.track_id.tolist()) == {1}
    assert set(table.class_id.tolist()) == {2}
    np.testing.assert_allclose(table.xyxy[-1], OBJECT, atol=2)
    report = json.loads((out / "run.json").read_text())
    assert report["source"]["classes"]["2"] == "car"
    assert report["depth"]["source"] == "none"


def test_classes_and_choices_are_checked(frames: Path, tmp_path: Path) -> None:
    model = write_export(tmp_path / "yolo.onnx", exports()["yolov8-names"])
    code, said = run("track", frames, "--detector", model, "--classes", "tram", "--fps", 10)
    assert (code, "expected some of walker (0), cone (1), car (2), got 'tram'" in said) == (2, True)
    code, said = run("track", frames, "--detector", model, "--detector-size", "wide", "--fps", 10)
    assert (code, "--detector-size: expected WIDTHxHEIGHT" in said) == (2, True)
    with pytest.raises(UsageError, match="tiles: has no effect on a detector that is made already"):
        deptr.track(frames, fps=10, detector=deptr.Detector.from_pretrained(model), tiles="2x2")


def test_detections_of_another_detector_as_a_file(frames: Path, tmp_path: Path) -> None:
    model = write_export(tmp_path / "detr.onnx", exports()["rt-detr"], batch=2)
    found = tmp_path / "det.txt"
    words = ["detect", frames, "--model", model, "--batch-size", 3, "--fps", 10, "--output", found]
    code, said = run(*words)
    assert (code, "detected in 8 frames: 8 boxes" in said) == (0, True), said


def test_boxes_of_any_detector_get_depth_from_the_network(frames: Path, tmp_path: Path) -> None:
    """From a file and from another project's detector: the same boxes, so the same depths."""
    model = write_export(tmp_path / "yolo.onnx", exports()["yolov8"])
    det, by_file, live = tmp_path / "det.txt", tmp_path / "file", tmp_path / "live"
    assert run("detect", frames, "--model", model, "--fps", 10, "--output", det)[0] == 0
    asked = ["--depth", "network", "--focal", 500, "--fps", 10, "--no-video"]
    for words in (["--detections", det, "--output", by_file], ["--detector", model, "--output", live]):
        code, said = run("track", frames, *words, *asked)
        assert code == 0, said
    tables = [read_tracks(folder / "tracks.txt") for folder in (by_file, live)]
    assert np.isfinite(tables[0].depth).all() and (tables[0].depth > 0).all()
    np.testing.assert_allclose(tables[0].depth, tables[1].depth, rtol=0.05)
    depth = json.loads((by_file / "run.json").read_text())["depth"]
    assert (depth["source"], depth["kind"], depth["network"]) == ("network", "metric", "deptr-nano-person")
    assert depth["known_share"] == 1.0


def test_what_cannot_be_asked_is_told(frames: Path, tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("1,-1,10,10,20,20,0.9\n")
    code, said = run("track", "--detections", tmp_path / "det.txt", "--fps", 10, "--depth", "network")
    assert (code, "--depth network: needs images" in said) == (2, True)
    code, said = run("track", frames, "--fps", 10, "--depth-network", "x.onnx")
    assert (code, "--depth-network: has no effect without --depth network" in said) == (2, True)
    model = write_export(tmp_path / "yolo.onnx", exports()["yolov8"])
    words = ["--detections", tmp_path / "det.txt", "--depth", "network", "--depth-network", model]
    code, said = run("track", frames, "--fps", 10, *words)
    assert (code, "has no depth module" in said) == (2, True), said
