"""Which frame an image is: the number in its name, everywhere, or its place and told."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deptr.errors import DataError
from deptr.io.folders import image_files, name_numbers, number_by_name, number_images, text_files
from deptr.io.frames import open_source


def paths(*names: str) -> list[Path]:
    return [Path("walk") / name for name in names]


def frames_of(names: list[str]) -> list[int]:
    return [frame for frame, _ in number_by_name(paths(*names)).images]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["1.jpg", "2.jpg", "10.jpg"], [1, 2, 10]),
        (["frame_000010.jpg", "frame_000012.jpg"], [10, 12]),
        (["cam1_0010.png", "cam1_0011.png"], [10, 11]),
        (["0010_left2.PNG", "0011_left2.PNG"], [10, 11]),
        (["2024-05-01_000007.jpg", "2024-05-01_000008.jpg"], [7, 8]),
        (["cam1_0010.png"], [10]),
        (["clip2_7_jpg.rf.0a1b2c3d4e5f.jpg", "clip2_8_jpg.rf.99887766aabb.jpg"], [7, 8]),
        (["7.jpg", "shot8.png"], [7, 8]),
    ],
)
def test_the_number_in_the_name_is_the_frame(names: list[str], numbers: list[int]) -> None:
    assert name_numbers(names) == numbers
    assert frames_of(names) == numbers


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["front.jpg", "1.jpg"], r"front.jpg: not a frame number.*000001.jpg"),
        (["cam1_0010.png", "cam2_0010.png"], "cam1_0010.png: not a frame number"),
        (
            ["cam1_0010.png", "cam1_0011.png", "cam2_0010.png"],
            "frame 10 has two images: found cam1_0010.png, cam2_0010.png",
        ),
        (["1.jpg", "001.jpg"], "frame 1 has two images"),
        (["000000.jpg", "000001.jpg"], r"000000.jpg: not a frame number.*counted from 1"),
        (["person3_frame1.jpg", "frame2_dog4.jpg"], "not a frame number"),
        (["1700000000123.jpg", "1700000000456.jpg"], "not a frame number"),
    ],
)
def test_names_that_leave_the_frame_open_are_refused(names: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        frames_of(names)


def test_names_that_count_from_zero_where_the_format_does() -> None:
    found = number_by_name(paths("000000.png", "000002.png"), first=0)
    assert [frame for frame, _ in found.images] == [1, 3]


@pytest.mark.parametrize(
    ("names", "numbers", "told"),
    [
        (["1.jpg", "2.jpg", "3.jpg"], [1, 2, 3], ""),
        (["0.jpg", "1.jpg", "2.jpg"], [1, 2, 3], "count from 0"),
        (["1.jpg", "2.jpg", "4.jpg"], [1, 2, 4], "numbered 1 to 4, as the images' names say"),
        (["shot101.jpg", "shot102.jpg"], [101, 102], "numbered 101 to 102"),
        (["anna.jpg", "bert.jpg"], [1, 2], "numbered by their place"),
        (["coco_225963.jpg", "coco_393629.jpg"], [1, 2], "numbered by their place"),
        (["a1.jpg", "b1.jpg"], [1, 2], "numbered by their place"),
        (["photo7.jpg"], [1], ""),
    ],
)
def test_any_folder_goes_by_name_where_names_count(names: list[str], numbers: list[int], told: str) -> None:
    found = number_images(paths(*names))
    assert [frame for frame, _ in found.images] == numbers
    assert [path.name for _, path in found.images] == names
    assert told in " ".join(found.notes)
    assert bool(found.notes) == bool(told)


@settings(max_examples=200, deadline=None)
@given(
    numbers=st.lists(st.integers(1, 10**6), min_size=2, max_size=30, unique=True),
    before=st.from_regex(r"[a-z]{0,5}_?[0-9]{0,3}_?", fullmatch=True).filter(
        lambda text: text[-1:] in ("", "_")
    ),
    width=st.integers(0, 7),
)
def test_numbers_survive_any_naming_scheme(numbers: list[int], before: str, width: int) -> None:
    names = [f"{before}{number:0{width}d}.jpg" for number in numbers]
    assert name_numbers(names) == numbers


def test_what_systems_leave_is_no_image_and_no_result(tmp_path: Path) -> None:
    picture = np.full((4, 6, 3), 90, np.uint8)
    for name in ("1.JPG", "2.jpg"):
        (tmp_path / name).write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
    for name in ("._1.JPG", ".DS_Store", "Thumbs.db", "desktop.ini", "._S1.txt"):
        (tmp_path / name).write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    (tmp_path / "S1.TXT").write_text("1,1,0,0,4,4\n")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "sub.jpg").mkdir()
    assert [path.name for path in image_files(tmp_path)] == ["1.JPG", "2.jpg"]
    assert [path.name for path in text_files(tmp_path)] == ["S1.TXT"]
    with open_source(tmp_path) as source:
        assert ([frame.index for frame in source], source.skipped) == ([1, 2], 0)


def test_every_kth_frame_of_a_recording_keeps_its_number() -> None:
    kept = number_images(paths("000001.jpg", "000006.jpg", "000011.jpg", "000016.jpg"))
    assert [frame for frame, _ in kept.images] == [1, 6, 11, 16]
    assert kept.notes == ("walk: frames are numbered 1 to 16, as the images' names say",)
    photos = number_images(paths("IMG_1.jpg", "IMG_6.jpg", "IMG_40.jpg"))
    assert [frame for frame, _ in photos.images] == [1, 2, 3]
    assert "do not count frames" in photos.notes[0]


def test_a_count_from_zero_is_told() -> None:
    found = number_images(paths("0.jpg", "1.jpg", "2.jpg"))
    assert [frame for frame, _ in found.images] == [1, 2, 3]
    assert found.notes == ("walk: the images' names count from 0: 0.jpg is frame 1",)


@pytest.mark.parametrize("beside", ["seqinfo.ini", "gt/gt.txt", "det/det.txt"])
def test_the_images_of_a_sequence_are_numbered_as_the_sequence_is(tmp_path: Path, beside: str) -> None:
    folder = tmp_path / "s" / "img1"
    folder.mkdir(parents=True)
    for number in (2, 9, 40):  # too few of 39 to count in a folder of its own
        assert cv2.imwrite(str(folder / f"{number}.png"), np.zeros((8, 8, 3), np.uint8))
    assert [frame.index for frame in open_source(folder)] == [1, 2, 3]
    (folder.parent / beside).parent.mkdir(exist_ok=True)
    (folder.parent / beside).write_text("[Sequence]\nseqLength=40\n" if "ini" in beside else "")
    for source in (folder, folder.parent):
        assert [frame.index for frame in open_source(source)] == [2, 9, 40]
