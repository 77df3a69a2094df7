"""Sequence folders as systems and people leave them: marks, hidden files, imDir, no seqinfo.ini."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deptr.errors import DataError
from deptr.io.frames import open_source
from deptr.io.seqinfo import image_folder, read_seqinfo, sequence_folders
from deptr.io.sequences import benchmark_of, find_sequences, folder_sequence

INFO = "[Sequence]\r\nname=A\r\nimDir={}\r\nframeRate=12.5\r\nseqLength=3\r\nimWidth=24\r\nimHeight=16\r\n"


def sequence(root: Path, *, images: str = "img1", frames: tuple[int, ...] = (1, 2, 3)) -> Path:
    folder = root / "A"
    for frame in frames:
        path = folder / images / f"{frame:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((16, 24, 3), 10 * frame, np.uint8))
    (folder / "gt").mkdir(parents=True)
    (folder / "gt" / "gt.txt").write_text("1,1,2,2,5,5,1,1,1\n3,1,2,2,5,5,1,1,1\n")
    return folder


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_seqinfo_of_any_editor(tmp_path: Path, encoding: str) -> None:
    folder = sequence(tmp_path)
    (folder / "seqinfo.ini").write_bytes(INFO.format("img1").encode(encoding))
    found = folder_sequence(folder)
    assert (found.recorded_length, found.frame_rate, found.size) == (3, 12.5, (24, 16))
    assert found.images == folder / "img1"


@pytest.mark.parametrize("said", ["frames", "frames/", "./frames", "raw\\frames"])
def test_images_lie_where_imdir_says(tmp_path: Path, said: str) -> None:
    folder = sequence(tmp_path, images=said.replace("\\", "/"))
    (folder / "seqinfo.ini").write_text(INFO.format(said))
    with open_source(folder) as source:
        assert ([frame.index for frame in source], source.fps) == ([1, 2, 3], 12.5)
    assert sequence_folders(tmp_path) == [folder]


def test_images_in_the_sequence_folder_itself(tmp_path: Path) -> None:
    folder = sequence(tmp_path, images=".")
    (folder / "seqinfo.ini").write_text(INFO.format("."))
    with open_source(folder) as source:
        assert (source.name, source.fps, source.frame_count) == ("A", 12.5, 3)


def test_img1_stands_in_for_a_folder_that_is_not_there(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    (folder / "seqinfo.ini").write_text(INFO.format("frames"))
    assert image_folder(folder) == folder / "img1"
    (folder / "img1").rename(folder / "elsewhere")
    with pytest.raises(DataError, match=r"seqinfo.ini: no folder of images.*imDir names \(frames\)"):
        open_source(folder)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    (folder / "img1" / "._000001.png").write_bytes(b"Mac OS X")
    (tmp_path / "__MACOSX" / "A" / "img1").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "A" / "img1" / "._000001.png").write_bytes(b"Mac OS X")
    with open_source(folder) as source:
        assert [frame.index for frame in source] == [1, 2, 3]
        assert source.notes() == []
    assert folder_sequence(folder).recorded_length == 3
    assert sequence_folders(tmp_path) == [folder]


def test_length_without_seqinfo_is_the_last_frame(tmp_path: Path) -> None:
    folder = sequence(tmp_path, frames=(1, 2, 7))
    assert folder_sequence(folder).recorded_length == 7
    for path in (folder / "img1").iterdir():
        path.unlink()
    np.savetxt(folder / "gt" / "gt.txt", [[1, 1, 2, 2, 5, 5, 1], [12, 1, 2, 2, 5, 5, 1]], delimiter=",")
    assert folder_sequence(folder).recorded_length == 12


def test_kitti_labels_with_a_mark_and_images_from_zero(tmp_path: Path) -> None:
    labels = tmp_path / "training" / "label_02"
    labels.mkdir(parents=True)
    (labels / "0000.txt").write_text("1 1 Car 0 0 0 1 1 9 9 1 1 1 0 1 8 0\n")
    (labels / "._0000.txt").write_bytes(b"Mac OS X")
    images = tmp_path / "training" / "image_02" / "0000"
    images.mkdir(parents=True)
    for frame in (0, 1, 4):
        assert cv2.imwrite(str(images / f"{frame:06d}.png"), np.zeros((16, 24, 3), np.uint8))
    (found,) = find_sequences(benchmark_of("kitti-car"), tmp_path)
    assert (found.name, found.recorded_length, found.images) == ("0000", 5, images)
    seqmap = tmp_path / "training" / "evaluate_tracking.seqmap.training"
    seqmap.write_bytes(b"\xef\xbb\xbf0000 empty 000000 000003\r\n")
    (found,) = find_sequences(benchmark_of("kitti-car"), tmp_path)
    assert found.recorded_length == 3


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("[sequence]\nseqlength=3\nFRAMERATE=25\n", 25),
        ("; by hand\n[Sequence]\nseqLength = 3 ; of 300\nframeRate=30000/1001\n", 30000 / 1001),
        ("[Sequence]\nseqLength=3 # three\n", None),
    ],
)
def test_descriptions_as_people_write_them(tmp_path: Path, text: str, rate: float | None) -> None:
    (tmp_path / "seqinfo.ini").write_text(text)
    info = read_seqinfo(tmp_path)
    assert (info.length, info.rate) == (3, rate)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[Sequence]\nseqLength=3\nseqlength=4\n", "line 3: seqlength stands twice: expected once"),
        ("seqLength=3\n", "not a seqinfo file: expected lines name=value, found File contains no section"),
        ("[Other]\na=1\n", r"expected a section \[Sequence\], found \[Other\]"),
        ("", r"expected a section \[Sequence\], found none"),
        (
            "[Sequence]\nseqLength=3\nframeRate=29,97\n",
            "wrong frameRate: expected a positive number, found '29,97'",
        ),
        ("[Sequence]\nseqLength=3\nframeRate=30/0\n", "wrong frameRate"),
    ],
)
def test_a_wrong_description_is_told_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "seqinfo.ini").write_text(text)
    with pytest.raises(DataError, match=words) as told:
        read_seqinfo(tmp_path)
    assert "\n" not in str(told.value)
