"""`deptr synth`: folders on disk, errors, interruption, continuing."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import write_pictures
from PIL import Image

from deptr.cli.main import main
from deptr.errors import DataError
from deptr.io.ground_truth import read_ground_truth
from deptr.io.mot_text import read_detections
from deptr.io.rle import segmentation_to_mask
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.synth.cutouts import BackgroundFolder, CutoutFolder
from deptr.synth.library import SPLIT_SEEDS, benchmark_jobs, split_seeds
from deptr.synth.scene import Scene, SceneOptions
from deptr.synth.writer import DEPTH_STEP_M
from deptr.training.coco import CocoFrames

SMALL = ["--size", "96x160", "--frames", "6"]


def run(*words: str) -> int:
    """Exit code of the command."""
    try:
        main(["synth", *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "crowd"
    assert run("--sequences", "3", *SMALL, "--seed", "4", "--images", "png", "-o", str(folder)) == 0
    return folder


def test_sequences_are_read_by_the_benchmark(world: Path) -> None:
    sequences = find_sequences("mot", world)
    assert [sequence.name for sequence in sequences] == [
        "crowd-busy-0000004",
        "crowd-dense-0000005",
        "crowd-easy-0000006",
    ]
    for sequence in sequences:
        assert (sequence.recorded_length, sequence.frame_rate, sequence.size) == (6, 20.0, (160, 96))
        truth = read_ground_truth(benchmark_of("mot"), sequence)
        assert np.isfinite(truth.depth).all() and (truth.depth > 0).all()
        assert sequence.detections is not None
        detections = read_detections(sequence.detections)
        assert np.isfinite(detections.depth).all()
        scored = truth.visibility >= 0.25
        assert len(detections.depth) == scored.sum()
        assert np.sort(detections.depth) == pytest.approx(np.sort(truth.depth[scored]))


def test_files_say_what_the_scene_knows(world: Path) -> None:
    """Pictures, masks, depth maps and cameras on disk equal the scene in memory."""
    folder = world / "crowd-busy-0000004"
    scene = Scene(4, SceneOptions(size=(96, 160), frames=6, level=2))
    content = json.loads((folder / "annotations.json").read_text())
    cameras = json.loads((folder / "cameras.json").read_text())
    assert content["info"]["depth_kind"] == "metric"
    assert json.loads((folder / "depth" / "depth.json").read_text())["scale"] == DEPTH_STEP_M
    for index in range(6):
        truth = scene.frame(index, dense=True)
        image = cv2.imread(str(folder / content["images"][index]["file_name"]))
        assert (image[:, :, ::-1] == truth.image).all()
        stored = cv2.imread(str(folder / "depth" / f"{index + 1:06d}.png"), cv2.IMREAD_UNCHANGED)
        assert np.abs(stored * DEPTH_STEP_M - truth.dense_depth()).max() <= DEPTH_STEP_M
        assert cameras[index]["matrix"] == np.round(truth.camera.matrix, 6).tolist()
        assert cameras[index]["position_m"] == truth.camera.position.tolist()
        entries = [entry for entry in content["annotations"] if entry["image_id"] == index + 1]
        by_id = {entry["track_id"]: entry for entry in entries}
        for row in np.flatnonzero(truth.visible_px > 0):
            entry = by_id[int(truth.track_ids[row])]
            assert (segmentation_to_mask(entry["segmentation"]) == truth.mask(int(row))).all()
            assert entry["depth"] == pytest.approx(truth.depth_m[row], abs=1e-4)
            assert 0 <= entry["inverse_depth_rel"] <= 1
            assert entry["iscrowd"] == int(truth.visibility[row] < 0.1)


def test_training_reads_all_sequences_at_once(world: Path) -> None:
    frames = CocoFrames(world / "annotations.json")
    assert len(frames) == 18
    assert sum(len(frames.frame(index).boxes_xyxy) for index in range(18)) > 18
    assert frames.frame(0).focal_px and (frames.frame(0).depth > 0).all()


def test_the_same_command_writes_the_same_bytes(world: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    words = ["--sequences", "3", *SMALL, "--seed", "4", "--images", "png", "-o", str(again), "--workers", "2"]
    assert run(*words) == 0
    assert files_of(again) == files_of(world)


def test_an_existing_folder_is_continued_only_with_the_same_options(world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(world, folder)
    words = ["--sequences", "3", *SMALL, "--seed", "4", "--images", "png", "-o", str(folder)]
    shutil.rmtree(folder / "crowd-dense-0000005")
    (folder / ".crowd-dense-0000005.partial-1").mkdir()
    assert run(*words) == 0
    assert files_of(folder) == files_of(world)
    assert run(*words, "--fps", "10") == 1
    assert run(*words, "--fps", "10", "--overwrite") == 0
    assert "frameRate=10" in (folder / "crowd-dense-0000005" / "seqinfo.ini").read_text()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupt_leaves_whole_sequences(tmp_path: Path, workers: str) -> None:
    folder = tmp_path / "out"
    words = ["synth", "-n", "4", "--frames", "40", "--size", "96x160", "-j", workers, "-o", str(folder)]
    command = [sys.executable, "-m", "deptr.cli.main", *words]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, start_new_session=True, **pipes)
    deadline = time.monotonic() + 120
    while not list(folder.glob("crowd-*")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all processes get it
    _, errors = process.communicate(timeout=120)
    assert process.returncode in (0, 130) and "Traceback" not in errors, errors
    assert not list(folder.glob(".*partial*"))
    for sequence in folder.glob("crowd-*"):
        assert len(list((sequence / "img1").iterdir())) == 40
        assert (sequence / "gt" / "gt.txt").is_file() and (sequence / "annotations.json").is_file()
    assert run(*words[1:]) == 0
    assert len(list(folder.glob("crowd-*"))) == 4
    assert not list(folder.glob(".*partial*"))


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cutouts, backgrounds = write_pictures(tmp_path / "pictures", people=2, places=1)
    empty, opaque, foreign = (tmp_path / word for word in ("empty", "opaque", "foreign"))
    for folder in (empty, opaque, foreign):
        folder.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    Image.fromarray(np.zeros((40, 20, 3), np.uint8)).save(opaque / "a.png")
    out = ["-o", str(tmp_path / "out"), *SMALL]
    composite = ["--world", "composite", "--backgrounds", str(backgrounds), "--cutouts"]
    cases = [
        ([*out, "--size", "0x640"], 2, "size"),
        ([*out, "--size", "wide"], 2, "HEIGHTxWIDTH"),
        ([*out, "--frames", "0"], 2, "frames"),
        ([*out, "--sequences", "0"], 2, "sequences"),
        ([*out, "--workers", "0"], 2, "workers"),
        ([*out, "--camera", "drone"], 2, "panorama"),
        ([*out, "--world", "mars"], 2, "composite"),
        ([*out, "--split", "exam"], 2, "train, val, test"),
        ([*out, "--level", "9"], 2, "level"),
        ([*out, "--images", "gif"], 2, "jpg or png"),
        ([*out, "--jitter", "2"], 2, "jitter"),
        ([*out, "--seed", "-1"], 2, "seed"),
        ([*out, "--camera", "panorama", "--size", "96x96"], 2, "twice as wide"),
        ([*out, "--benchmark", "deptr-crowd-v0"], 2, "deptr-crowd-v1"),
        ([*out, "--world", "composite"], 2, "--cutouts and --backgrounds"),
        ([*out, "--cutouts", str(cutouts)], 2, "only with"),
        ([*out, *composite, str(tmp_path / "nowhere")], 1, "no such folder"),
        ([*out, *composite, str(empty)], 1, "holds no cut-outs"),
        ([*out, *composite, str(opaque)], 1, "no alpha channel"),
        ([*out, *composite, str(opaque), "--workers", "2", "--overwrite"], 1, "no alpha channel"),
        (["-o", str(foreign), *SMALL], 1, "not empty"),
        (["-o", str(foreign), *SMALL, "--overwrite"], 1, "not be overwritten"),
        (["-o", str(foreign / "thesis.txt"), *SMALL], 1, "is a file"),
    ]
    for words, code, text in cases:
        assert run(*words) == code, words
        message = capsys.readouterr().err
        assert text in message and "Traceback" not in message, message
    assert (foreign / "thesis.txt").read_text() == "years of work"


def test_damaged_pictures_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG but not really")
    with pytest.raises(DataError, match=r"broken\.png.*cannot be read"):
        CutoutFolder(tmp_path).sprite(0)
    with pytest.raises(DataError, match=r"broken\.png.*cannot be read"):
        BackgroundFolder(tmp_path).image(0)
    Image.fromarray(np.zeros((40, 20, 4), np.uint8), "RGBA").save(tmp_path / "broken.png")
    with pytest.raises(DataError, match="everything is transparent"):
        CutoutFolder(tmp_path).sprite(0)
    Image.fromarray(np.full((4, 4, 4), 255, np.uint8), "RGBA").save(tmp_path / "broken.png")
    with pytest.raises(DataError, match="too small"):
        CutoutFolder(tmp_path).sprite(0)


def test_splits_and_benchmark_share_no_seed() -> None:
    ranges = sorted((split_seeds(split, 0, 1_000_000) for split in SPLIT_SEEDS), key=lambda seeds: seeds[0])
    assert all(one[-1] < other[0] for one, other in itertools.pairwise(ranges))
    seeds = {job.seed for job in benchmark_jobs("deptr-crowd-v1")}
    assert len(seeds) == 20 and min(seeds) > ranges[-1][-1]


def test_composite_sequences_from_the_command_line(tmp_path: Path) -> None:
    cutouts, backgrounds = write_pictures(tmp_path / "pictures")
    words = ["--world", "composite", "--cutouts", str(cutouts), "--backgrounds", str(backgrounds)]
    assert run(*words, "-n", "1", *SMALL, "-o", str(tmp_path / "out")) == 0
    sequence = tmp_path / "out" / "composite-easy-0000000"
    assert len(list((sequence / "img1").glob("*.jpg"))) == 6
    depth = cv2.imread(str(sequence / "depth" / "000001.png"), cv2.IMREAD_UNCHANGED)
    assert (depth == 0).any()  # the depth of a photo is not known
