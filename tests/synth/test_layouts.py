"""Miniatures carry the official names, and what reads the benchmarks reads them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deptr.errors import UsageError
from deptr.io.ground_truth import read_ground_truth
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.synth.layouts import LAYOUTS, Miniature, write_layout

SMALL = Miniature(sequences=2, frames=2, size=(64, 128))


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("layouts")
    for name in LAYOUTS:
        write_layout(name, root / name, SMALL)
    return root


@pytest.mark.parametrize(
    ("name", "split", "expected"),
    [
        ("dancetrack", "train", ["dancetrack0001", "dancetrack0002"]),
        ("dancetrack", "val", ["dancetrack0004", "dancetrack0005"]),
        ("quadtrack", "test", ["quad9001", "quad9002"]),
        ("mot17", "train", ["MOT17-02-FRCNN", "MOT17-04-FRCNN"]),
    ],
)
def test_benchmarks_find_their_miniature(
    miniatures: Path, name: str, split: str, expected: list[str]
) -> None:
    found = find_sequences(name, miniatures / name, split=split)
    assert [sequence.name for sequence in found] == expected
    assert [sequence.length for sequence in found] == [2, 2]
    truth = read_ground_truth(benchmark_of(name), found[0])
    assert truth.scored.any()
    rows = (found[0].ground_truth or Path()).read_text().splitlines()
    assert all(len(row.split(",")) == 9 for row in rows)


def test_files_carry_the_official_names(miniatures: Path) -> None:
    dance = miniatures / "dancetrack"
    assert (dance / "train" / "dancetrack0001" / "img1" / "00000001.jpg").is_file()
    assert not (dance / "test" / "dancetrack0003" / "gt").exists()
    assert (dance / "val_seqmap.txt").read_text() == "name\ndancetrack0004\ndancetrack0005\n"
    listed = (miniatures / "mot17" / "seqmaps" / "MOT17-train.txt").read_text().split()
    assert listed[1:4] == ["MOT17-02-DPM", "MOT17-02-FRCNN", "MOT17-02-SDP"]


def test_masks_of_a_copy_are_found_by_its_own_name(miniatures: Path) -> None:
    synthetic = pytest.importorskip("deptr.teacher.synthetic", exc_type=ImportError)
    folder = miniatures / "mot17" / "train" / "MOT17-02-SDP"
    assert synthetic.read_masks(synthetic.annotation_file(folder), folder.name)


def test_the_same_command_again_changes_nothing(miniatures: Path) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (miniatures / "mot17").rglob("*.*") if path.is_file()}

    before = contents()
    write_layout("mot17", miniatures / "mot17", SMALL)
    assert contents() == before


def test_archives_are_divided_as_they_are_downloaded(
    tmp_path: Path, deptr: Callable[..., tuple[int, str, str]]
) -> None:
    words = ["--layout", "dancetrack", "-n", 2, "--frames", 1, "--size", "64x128", "--archives"]
    code, told, _ = deptr("synth", *words, "-o", tmp_path)
    assert (code, told) == (0, f"6 videos in the layout of dancetrack in {tmp_path}\n")
    assert {path.name for path in tmp_path.glob("*.zip")} == {
        "train1.zip", "train2.zip", "val.zip", "test1.zip", "test2.zip",
    }  # fmt: skip
    names = zipfile.ZipFile(tmp_path / "train2.zip").namelist()
    assert "train2/dancetrack0002/gt/gt.txt" in names
    assert not (tmp_path / "train").exists()


def test_an_unknown_layout_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="layout: expected one of dancetrack, quadtrack, mot17, got 'kitti'"):
        write_layout("kitti", tmp_path)
