"""`deptr label` and `deptr labels inspect` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from label_world import make_world

from deptr.cli.main import main
from deptr.errors import UsageError
from deptr.teacher.boxes import hash_frames
from deptr.teacher.jobs import find_jobs

SYNTHETIC = ["--masks", "synthetic", "--depth", "synthetic", "--device", "cpu"]


def deptr(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def source_of(folder: Path) -> Path:
    return folder / "data" / "train" / "b"


def test_from_a_world_to_labels_to_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_world(tmp_path / "data" / "train" / "a", 30)
    make_world(tmp_path / "data" / "train" / "b", 5)
    store = tmp_path / "labels"
    assert deptr("label", tmp_path / "data", "-o", store, *SYNTHETIC, "--dense") == 0
    told = capsys.readouterr().out
    assert "a: 30 frames, 90 boxes" in told
    assert deptr("label", tmp_path / "data", "-o", store, *SYNTHETIC, "--dense") == 0
    assert capsys.readouterr().out.count("was finished before") == 2
    noisy = tmp_path / "noisy"
    assert (
        deptr("label", source_of(tmp_path), "-o", noisy, *SYNTHETIC, "--noise", "mask=1,depth=0.1,seed=3")
        == 0
    )
    figures, sheet = tmp_path / "figures.json", tmp_path / "sheet.jpg"
    assert deptr("labels", "inspect", store, "--json", figures) == 0
    assert "flicker" in capsys.readouterr().out
    assert json.loads(figures.read_text())["all"]["boxes"] == 105
    source = tmp_path / "data" / "train" / "a"
    assert deptr("labels", "inspect", store, "--sequence", "a", "--source", source, "--sheet", sheet) == 0
    assert sheet.stat().st_size > 10_000
    assert deptr("labels", "inspect", store, "--sheet", sheet) == 2


def test_without_weights_it_says_what_to_get(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_world(tmp_path / "a", 3)
    words = [
        "label",
        tmp_path / "a",
        "-o",
        tmp_path / "labels",
        "--weights",
        tmp_path / "weights",
        "--device",
        "cpu",
    ]
    assert deptr(*words) == 1
    told = capsys.readouterr().err
    assert "the weights sam2.1-hiera-tiny are not there" in told
    assert "156 MB, licence Apache-2.0" in told
    assert deptr(*words, "--masks", "synthetic", "--depth", "vda-large") == 1
    told = capsys.readouterr().err
    assert "vda-large: licence of the weights: CC-BY-NC-4.0" in told
    assert "video_depth_anything_vitl.pth" in told


def test_wrong_requests_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = make_world(tmp_path / "a", 3)
    for words, code, message in [
        ([tmp_path / "nowhere"], 1, "no such file or folder"),
        ([world, "--engine", "cloud"], 2, "expected local or ray"),
        ([world, "--noise", "smell=3"], 2, "--noise: expected any of mask=NUMBER"),
        ([world, "--regions", "circle"], 2, "regions: expected one of mask, box"),
        ([world, "--boxes", tmp_path / "none.txt"], 1, "none.txt"),
        ([world / "img1" / "000001.png"], 1, "no boxes to label (say --boxes FILE"),
        ([world, "--boxes", "det"], 1, "no boxes to label: expected one of det/det.txt, det.txt"),
    ]:
        assert deptr("label", *words, "-o", tmp_path / "labels", *SYNTHETIC) == code, message
        assert message in capsys.readouterr().err
    assert deptr("labels", "inspect", tmp_path / "labels") == 1
    assert "holds no depth labels" in capsys.readouterr().err
    make_world(tmp_path / "other" / "a", 3)
    with pytest.raises(UsageError, match="two sequences are named a"):
        find_jobs([str(world), str(tmp_path / "other")])
    make_world(tmp_path / "other" / "b", 3)
    with pytest.raises(UsageError, match="one file, but there are 2 sequences"):
        find_jobs([str(tmp_path / "other")], str(world / "gt" / "gt.txt"))


@pytest.mark.parametrize("confidence", ["1", "0.61", "-1"])
def test_every_confidence_but_zero_is_labelled(tmp_path: Path, confidence: str) -> None:
    world = make_world(tmp_path / "a", 3)
    truth = world / "gt" / "gt.txt"
    rows = f"1,4,10,10,20,20,{confidence},1,1\n1,5,10,10,20,20,0,1,1\n"
    truth.write_bytes(rows.encode("utf-16"))
    assert find_jobs([str(world)])[0].boxes.object_id.tolist() == [4]


def test_sequences_are_found_wherever_their_images_are(tmp_path: Path) -> None:
    world = make_world(tmp_path / "deep" / "a", 3)
    (tmp_path / "__MACOSX" / "a" / "img1").mkdir(parents=True)
    before = hash_frames(world)
    (world / "img1" / "._000001.jpg").write_bytes(b"Mac OS X")
    assert hash_frames(world) == before
    (world / "img1").rename(world / "frames")
    (world / "seqinfo.ini").write_text("[Sequence]\nseqLength=3\nimDir=frames\n")
    assert [job.source for job in find_jobs([str(tmp_path)])] == [str(world)]
    assert hash_frames(world) == before


def test_detections_without_identities_and_rows_that_do_not_count(tmp_path: Path) -> None:
    world = make_world(tmp_path / "a", 3)
    (world / "det").mkdir()
    (world / "det" / "det.txt").write_text("1,-1,10,10,20,20,0.9\n2,-1,10,10,20,20,0.8\n")
    detections = find_jobs([str(world)], "det")[0].boxes
    assert detections.object_id.tolist() == [-1, -1]
    truth = world / "gt" / "gt.txt"
    truth.write_text("1,4,10,10,20,20,0,1,1\n1,5,10,10,20,20,1,1,1\n")
    boxes = find_jobs([str(world)])[0].boxes
    assert boxes.object_id.tolist() == [5]
    assert boxes.frames_between(1, 3) == [1]
