"""What keeps a run from starting is told before it starts: data, archives, weights, disk, GPU."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from miniature import SMALL
from tiny_detector import tiny_detector

from deptr.errors import DataError
from deptr.reproduce import data, public_weights, resources
from deptr.reproduce.archives import unpack
from deptr.reproduce.check import Check, stops
from deptr.reproduce.data import Split
from deptr.reproduce.measure import gpu_bytes, measure
from deptr.reproduce.plan import make_plan
from deptr.reproduce.resources import Need
from deptr.reproduce.settings import Labelling, Machine, Request, Training
from deptr.reproduce.show import lines
from deptr.reproduce.studies import STUDIES
from deptr.synth.layouts import Miniature, write_layout
from deptr.weights import DETECTOR_WEIGHTS, WEIGHTS

DANCE = STUDIES["dancetrack"]
TINY = Miniature(sequences=2, frames=3, size=(64, 96))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole miniature of DanceTrack."""
    root = tmp_path_factory.mktemp("whole") / "dancetrack"
    write_layout("dancetrack", root, TINY)
    return root


@pytest.fixture
def dance(whole: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(whole, tmp_path / "dancetrack"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("packed")
    write_layout("dancetrack", root, TINY, archives=True)
    return root


def texts(checks: list[Check], state: str) -> str:
    return "\n".join(str(check) for check in checks if check.state == state)


# data


def test_a_whole_data_set_is_counted(whole: Path) -> None:
    splits, checks = data.look(DANCE, whole)
    assert not stops(checks)
    assert {name: (split.sequences, split.frames) for name, split in splits.items()} == {
        "train": (("dancetrack0001", "dancetrack0002"), 6),
        "val": (("dancetrack0004", "dancetrack0005"), 6),
        "test": (("dancetrack0003", "dancetrack0009"), 6),
    }
    assert "the official split has 40" in texts(checks, "note")
    assert "non-commercial" in texts(checks, "note")
    assert "val_seqmap.txt and the split val agree" in texts(checks, "ok")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    _, checks = data.look(DANCE, tmp_path / "none")
    assert "no such folder" in texts(checks, "stop")
    assert DANCE.home in texts(checks, "stop")


def test_a_missing_split_is_told_with_where_to_get_it(dance: Path) -> None:
    shutil.rmtree(dance / "val")
    splits, checks = data.look(DANCE, dance)
    assert "val" not in splits
    told = texts(checks, "stop")
    assert f"no split val in {dance}/val, val.zip" in told
    assert DANCE.home in told


def test_without_a_test_split_work_goes_on(dance: Path) -> None:
    shutil.rmtree(dance / "test")
    _, checks = data.look(DANCE, dance)
    assert not stops(checks)
    assert "no files for the test server" in texts(checks, "note")


def test_missing_images_are_counted(dance: Path) -> None:
    (dance / "train" / "dancetrack0002" / "img1" / "00000002.jpg").unlink()
    assert "images are missing: found 2 of 3 images" in texts(data.look(DANCE, dance)[1], "stop")


def test_annotations_of_another_class_are_told(dance: Path) -> None:
    truth = dance / "val" / "dancetrack0004" / "gt" / "gt.txt"
    truth.write_text("1,1,10,10,20,20,0,1,1\n")
    assert "no row counts" in texts(data.look(DANCE, dance)[1], "stop")


def test_a_list_of_sequences_that_names_more_is_told(dance: Path) -> None:
    with (dance / "train_seqmap.txt").open("a") as file:
        file.write("dancetrack0099\n")
    told = texts(data.look(DANCE, dance)[1], "stop")
    assert "train_seqmap.txt lists 3 videos of train, without dancetrack0099" in told


def test_annotations_and_images_decide_the_fingerprint(dance: Path) -> None:
    before = data.look(DANCE, dance)[0]
    truth = dance / "val" / "dancetrack0004" / "gt" / "gt.txt"
    truth.write_text(truth.read_text() + "3,77,1,1,9,9,1,1,1\n")
    after = data.look(DANCE, dance)[0]
    assert before["val"].fingerprint != after["val"].fingerprint
    assert before["train"] == after["train"]


# archives


def test_archives_are_counted_and_unpacked(packed: Path, whole: Path, tmp_path: Path) -> None:
    splits, checks = data.look(DANCE, packed)
    assert not stops(checks)
    assert "to unpack from train1.zip, train2.zip" in texts(checks, "ok")
    assert splits["train"].frames == 6
    archives = {name: list(split.archives) for name, split in splits.items()}
    first = tmp_path / "train" / "dancetrack0001" / "gt" / "gt.txt"
    first.parent.mkdir(parents=True)
    first.write_text("torn")  # of another size: not whole
    from deptr.progress import SilentProgress

    unpack(tmp_path, SilentProgress(), archives=archives, pattern="dancetrack*")
    assert first.read_bytes() == (whole / "train" / "dancetrack0001" / "gt" / "gt.txt").read_bytes()
    unpacked = data.look(DANCE, tmp_path)[0]
    assert {name: split.fingerprint for name, split in unpacked.items()} == {
        name: split.fingerprint for name, split in data.look(DANCE, whole)[0].items()
    }


def test_a_missing_archive_of_two_is_told(packed: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(packed, tmp_path / "part"))
    (root / "train2.zip").unlink()
    assert "train2.zip: one archive of the split train is missing" in texts(data.look(DANCE, root)[1], "stop")


def test_a_truncated_archive_is_told(packed: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(packed, tmp_path / "torn"))
    content = (root / "val.zip").read_bytes()
    (root / "val.zip").write_bytes(content[: len(content) // 2])
    told = texts(data.look(DANCE, root)[1], "stop")
    assert "val.zip: not a whole archive" in told
    assert "download it again" in told


def test_another_data_set_under_the_name_of_an_archive_is_told(packed: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(packed, tmp_path / "wrong"))
    with zipfile.ZipFile(root / "val.zip", "w") as archive:
        archive.writestr("MOT17/train/MOT17-02-SDP/img1/000001.jpg", b"")
    told = texts(data.look(DANCE, root)[1], "stop")
    assert "val.zip: another archive: expected folders dancetrack*/img1 of the split val, found MOT17" in told


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    from deptr.reproduce.archives import members

    with zipfile.ZipFile(tmp_path / "val.zip", "w") as archive:
        archive.writestr("val/dancetrack0004/img1/00000001.jpg", b"")
        archive.writestr("val/dancetrack0004/img1/../../../../../../evil.jpg", b"")
    found = members(tmp_path / "val.zip", "val", "dancetrack*")
    assert [member.place for member in found] == ["img1/00000001.jpg"]


# weights


def request(tmp_path: Path, root: Path) -> Request:
    teacher = Labelling(depth="synthetic", masks="synthetic")
    return Request("dancetrack", root, tmp_path / "run", teacher, weights=tmp_path / "weights")


def test_missing_weights_are_told_with_size_licence_and_place(tmp_path: Path, whole: Path) -> None:
    asked = request(tmp_path, whole)
    found, checks = public_weights.look(asked, Machine(device="cpu"))
    assert not found
    told = texts(checks, "stop")
    assert "dfine-large-coco: 125 MB" in told
    assert "licence Apache-2.0" in told
    assert f"put config.json and model.safetensors into {tmp_path}/weights/dfine-large-coco" in told
    assert "to get" in texts(public_weights.look(asked, Machine(device="cpu", download=True))[1], "get")


def test_truncated_weights_are_told(tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "weights" / "dfine-large-coco"
    tiny_detector().save_pretrained(folder)
    asked, machine = request(tmp_path, whole), Machine(device="cpu")
    found, checks = public_weights.look(asked, machine)
    assert not stops(checks)
    assert len(found["dfine-large-coco"].sha256) == 64
    file = folder / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-100])
    told = texts(public_weights.look(asked, machine)[1], "stop")
    assert f"weights are truncated: expected {len(content):,} bytes as its header says" in told
    file.write_bytes(content[:20])
    assert "a header of safetensors" in texts(public_weights.look(asked, machine)[1], "stop")


def test_a_truncated_pth_is_told_and_another_file_is_noted(tmp_path: Path, whole: Path) -> None:
    entry = WEIGHTS["vda-small"]
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.save({"a": torch.zeros(1000)}, folder / entry.file)
    public_weights.check_whole(entry, folder / entry.file)
    asked = Request("dancetrack", whole, tmp_path / "run", weights=folder)
    _, checks = public_weights.look(asked, Machine(device="cpu"))
    assert "vda-small is not the published file, whose sha256 is 13379300b739e659" in texts(checks, "note")
    content = (folder / entry.file).read_bytes()
    (folder / entry.file).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="weights are truncated"):
        public_weights.check_whole(entry, folder / entry.file)


def test_a_damaged_configuration_is_told(tmp_path: Path) -> None:
    entry = DETECTOR_WEIGHTS[3]
    tiny_detector().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config.json: cannot be read"):
        public_weights.check_whole(entry, tmp_path)


# machine


def test_too_little_disk_is_told(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    told = resources.check_disk(Need(0, 2 * free, 0, 0), tmp_path / "a" / "b")
    assert told.state == "stop"
    assert "make room" in told.todo
    assert resources.check_disk(Need(0, 1000, 0, 0), tmp_path).state == "ok"


def test_what_an_earlier_attempt_wrote_needs_no_room_again(tmp_path: Path) -> None:
    (tmp_path / "step").mkdir()
    (tmp_path / "step" / "labels").write_bytes(bytes(3_000_000))
    assert 3_000_000 <= resources.written(tmp_path) < 3_100_000
    assert resources.written(tmp_path / "none") == 0
    free = shutil.disk_usage(tmp_path).free
    assert resources.check_disk(Need(0, free + 1_000_000, 0, 0), tmp_path).state == "ok"
    assert resources.check_disk(Need(0, free + 900_000_000, 0, 0), tmp_path).state == "stop"


def test_the_need_of_disk_is_counted(tmp_path: Path, whole: Path) -> None:
    asked = request(tmp_path, whole)
    split = Split("train", ("a",), 1000, 1920 * 1080, "", archived_bytes=7)
    need = resources.disk_need(asked, {"train": split}, weights=1_000_000)
    assert need.unpacked == 7
    assert need.labels == 1000 * 2 * 240 * 135
    assert need.training == 2 * 4 * 16 * 1_000_000


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_it_is_told_what_a_processor_would_take(
    tmp_path: Path, whole: Path, deptr: Callable[..., tuple[int, str, str]]
) -> None:
    weights = tmp_path / "weights"
    tiny_detector().save_pretrained(weights / "dfine-large-coco")
    words = [word for word in SMALL if word not in ("--device", "cpu")]
    words += ["--masks", "synthetic", "--depth", "synthetic", "--weights", weights]
    words += ["--root", whole, "-o", tmp_path / "run", "--image-size", "64x96"]
    code, told, _ = deptr("reproduce", "dancetrack", *words, "--dry-run")
    assert code == 0
    assert "no GPU is used: about" in told
    assert "hours" in told
    assert "or say --device cpu" in told
    assert "train-depth" in told
    assert "measured with the weights of D-FINE-L on a processor" in told
    assert "Work cannot start" in told
    code, _, told = deptr("reproduce", "dancetrack", *words)
    assert code == 1
    assert "no GPU is used: about" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_without_weights_networks_of_the_real_size_are_measured(tmp_path: Path, whole: Path) -> None:
    """D-FINE-L has 31 million numbers; smaller ones are told as estimates from it."""
    small = Training(image_size=(64, 96))
    asked = Request("dancetrack", whole, tmp_path, Labelling(input_size=28), small)
    machine = Machine(device="cpu")
    rates = measure(asked, machine, {})
    assert 31e6 < rates.weights < 32e6
    assert "random weights of D-FINE-L" in rates.train.how
    assert "random weights of SAM 2.1 tiny" in rates.label.how
    assert min(rates.train.seconds, rates.predict.seconds, rates.label.seconds, rates.track.seconds) > 0
    one = gpu_bytes(asked, machine, rates)
    assert gpu_bytes(asked, Machine(processes=4), rates) < one
    nano = replace(asked, training=replace(small, size="n"), labelling=Labelling("synthetic", "synthetic"))
    assert measure(nano, machine, {}).train.how.startswith("estimate from D-FINE-L")


def test_all_that_is_missing_is_counted(tmp_path: Path, dance: Path) -> None:
    shutil.rmtree(dance / "val")
    plan = make_plan(request(tmp_path, dance), Machine(device="cpu"), measured=False)
    assert not plan.steps
    with pytest.raises(DataError, match=r"no split val .*; 1 more: see --dry-run"):
        plan.refuse()
    assert any("MISSING" in line for line in lines(plan))


def test_json_of_a_plan_is_not_written_before_work(tmp_path: Path, whole: Path) -> None:
    plan = make_plan(request(tmp_path, whole), Machine(device="cpu"), measured=False)
    assert stops(plan.checks)
    assert not (tmp_path / "run").exists()
    assert json.dumps(plan.request.described())
