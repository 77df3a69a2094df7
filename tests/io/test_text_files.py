"""Text, json and TOML as editors and systems leave them: byte order marks, UTF-16, damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deptr.errors import DataError, DeptrError
from deptr.io.kitti_text import looks_like_kitti, read_kitti_detections
from deptr.io.mot_text import read_detections, read_tracks
from deptr.io.text_files import read_json, read_text, read_toml

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32")
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROWS = "1,-1,10,20,30,60,0.5,4.5\r\n2,-1,11,20,30,60,0.25,4\r\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_marks_change_nothing(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "det.txt").write_bytes(ROWS.encode(encoding))
    table = read_detections(tmp_path / "det.txt")
    assert (table.frame.tolist(), table.depth.tolist()) == ([1, 2], [4.5, 4])
    (tmp_path / "a.json").write_bytes('{"größe": 1}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"größe": 1}
    (tmp_path / "a.toml").write_bytes("[fusion]\r\ngamma = 0.5\r\n".encode(encoding))
    assert read_toml(tmp_path / "a.toml") == {"fusion": {"gamma": 0.5}}


def test_big_endian_marks_are_known(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xfe\xff" + "1,2".encode("utf-16-be"))
    assert read_text(tmp_path / "a.txt") == "1,2"


def test_damage_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeff1,2\n".encode("utf-16-le") + b"\x00\xd8")
    with pytest.raises(DataError, match=r"line 2: not a text file: expected UTF-16-LE text"):
        read_text(tmp_path / "a.txt")
    (tmp_path / "a.json").write_text("[" * 200_000)
    with pytest.raises(DataError, match="not a json file"):
        read_json(tmp_path / "a.json")
    with pytest.raises(DataError, match=r"no.toml: cannot be read: found no such file"):
        read_toml(tmp_path / "no.toml")


@FUZZ
@given(content=st.binary(max_size=200))
@example(content=b"\xff\xfe\x00")
@example(content=b"\xff\xfe\x00\x00\x00\x00\x11\x00")
def test_any_bytes_are_text_or_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "any"
    file.write_bytes(content)
    for read in (read_text, read_json, read_toml):
        try:
            read(file)
        except DataError as error:
            assert str(file) in str(error)


@FUZZ
@given(text=st.text(alphabet="0123456789.,-+eE #%ninfacr\n\r\t", max_size=120))
@example(text=",\n,\n")
@example(text="1,2,3,4,5,6,7,,\n")
@example(text="# 1 Car\n")
def test_any_rows_are_read_or_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rows.txt"
    file.write_text(text, newline="")
    for read in (read_detections, read_tracks, read_kitti_detections):
        try:
            table = read(file)
        except DeptrError:
            continue
        assert np.isfinite(table.xyxy).all()
        assert (table.xyxy[:, 2:] > table.xyxy[:, :2]).all()


@FUZZ
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 9999), st.floats(-999, 999, width=32), st.floats(0.5, 500, width=32)),
        min_size=1,
        max_size=20,
    ),
    encoding=st.sampled_from(ENCODINGS),
    end=st.sampled_from(["\n", "\r\n", ",\n", ", \r\n"]),
    form=st.sampled_from(["{:g}", "{:.18e}"]),
)
def test_good_rows_come_back_however_they_are_written(
    tmp_path: Path, rows: list[tuple[int, float, float]], encoding: str, end: str, form: str
) -> None:
    rows = sorted(rows)
    lines = [",".join(form.format(v) for v in (frame, -1, x, x, size, size, 0.5)) for frame, x, size in rows]
    (tmp_path / "det.txt").write_bytes("".join(line + end for line in lines).encode(encoding))
    table = read_detections(tmp_path / "det.txt")
    assert table.frame.tolist() == [frame for frame, _, _ in rows]
    np.testing.assert_allclose(table.xyxy[:, 0], [x for _, x, _ in rows], rtol=1e-5, atol=1e-5)


def test_a_comma_at_the_end_of_every_line_is_no_column(tmp_path: Path) -> None:
    file = tmp_path / "det.txt"
    file.write_text("1,-1,10,20,30,60,0.5,\n\n2,-1,10,20,30,60,0.5,\n")
    assert read_detections(file).frame.tolist() == [1, 2]
    file.write_text("1,-1,10,20,30,60,0.5,\n2,-1,10,20,30,60,0.5\n")
    with pytest.raises(DataError, match=r"line 1: column 8: nothing behind the comma at the end of the line"):
        read_detections(file)


@pytest.mark.parametrize(
    ("first", "words", "silent"),
    [
        ("# frame id left", "line 1: a comment.*remove the comment", "names of the columns"),
        ("frame,id,x,y,w,h,s", "line 1: frame: expected a number.*names of the columns", "comment"),
        ("1,-1,10,20,30,person,0.9", "line 1: height: expected a number, found 'person'", "remove the line"),
        ("1,-1,10,20,30,60,", "line 1: score: nothing behind the comma", "remove the line"),
    ],
)
def test_no_advice_deletes_a_row(tmp_path: Path, first: str, words: str, silent: str) -> None:
    file = tmp_path / "det.txt"
    file.write_text(f"{first}\n2,-1,10,20,30,60,0.9\n")
    assert not looks_like_kitti(file.read_text())
    with pytest.raises(DataError, match=words) as caught:
        read_detections(file)
    assert silent not in str(caught.value)


def test_kitti_text_goes_by_its_first_row_and_refuses_comments(tmp_path: Path) -> None:
    row = "0 1 Car 0 0 -1.5 10 20 40 80 1.5 1.6 4 1 1.7 20 0.1"
    assert looks_like_kitti(f"# made by hand\n{row}\n")
    (tmp_path / "0000.txt").write_text(f"{row}\n# end\n")
    with pytest.raises(DataError, match="line 2: a comment"):
        read_kitti_detections(tmp_path / "0000.txt")


@pytest.mark.parametrize("place", ["-1000", "-1", "0", "0.0", "nan"])
def test_a_place_that_is_not_known(tmp_path: Path, place: str) -> None:
    row = "{} 1 {} 0 0 -10 10 20 40 80 -1 -1 -1 0 0 {} -10 0.9\n"
    text = row.format(0, "PEDESTRIAN", place) + row.format(1, "pedestrian", "7.5")
    text += row.format(1, "dontcare", place).replace(" 1 ", " -1 ", 1) + row.format(2, "Robot", place)
    (tmp_path / "0000.txt").write_text(text)
    table = read_kitti_detections(tmp_path / "0000.txt")
    np.testing.assert_equal(table.depth, [np.nan, 7.5, np.nan])
    assert table.class_names == {0: "Pedestrian", 1: "Robot"}
    assert table.class_id is not None and table.class_id.tolist() == [0, 0, 1]


def test_classes_of_one_s_own(tmp_path: Path) -> None:
    file = tmp_path / "det.txt"
    file.write_text("1,-1,1,2,3,4,0.5,7,1\n1,-1,1,2,3,4,0.5,-1,0.5\n")
    table = read_detections(file)
    assert table.class_id is not None and table.class_id.tolist() == [7, -1]
    assert table.class_names[7] == "7" and not table.has_depth
    file.write_text("1,-1,1,2,3,4,0.5,2.5,1\n")
    with pytest.raises(DataError, match="line 1: column 8: not a class: expected a whole number"):
        read_detections(file)
    assert read_detections(file, depth_column=8).depth.tolist() == [2.5]
    file.write_text("1,-1,1,2,3,4,0.5,2,-1,-1,6.5\n")
    assert read_detections(file).class_id == np.array([2])
    file.write_text("1,-1,1,2,3,4,0.5,-1,-1,-1,6.5\n")
    assert read_detections(file).class_id is None


def test_json_of_this_package_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({"a": [1, None]}).encode())
    assert read_json(tmp_path / "run.json") == {"a": [1, None]}


@pytest.mark.parametrize("end", ["\r", "\r\n", ",\r", " \r"])
def test_lines_may_end_as_anywhere(tmp_path: Path, end: str) -> None:
    (tmp_path / "a.txt").write_bytes(ROWS.replace("\r\n", end).encode())
    assert read_detections(tmp_path / "a.txt").depth.tolist() == [4.5, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1;-1;10;20;30;60;0,9", r"line 1: wrong number.*fractions by points"),
        ("1,-1,10,20,30,60,0.9,-1,-1,-1,5,\n2,-1,10,20,30,60,0.9,-1,-1,-1,5\n", "nothing behind the comma"),
        ("0,-1,10,20,30,60,0.9", r"found 0 \(if the file counts frames from 0, add 1 to each\)"),
        ("1,-1,10,20,30,60,0.9,-5", r"is this the column of the depth\?\)"),
        ("0 1 Car 0 0 -1.5 10 20 40 80 1.5 1.6 4 1 1.7 12 0.1", "KITTI text: expected MOT text: frame, id,"),
    ],
)
def test_hints_name_only_what_every_reader_has(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=words) as told:
        read_detections(tmp_path / "a.txt")
    assert "--first-frame" not in str(told.value)
    assert "--depth-column" not in str(told.value)


def test_hints_name_options_where_there_are_some(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0,-1,10,20,30,60,0.9,-5")
    with pytest.raises(DataError, match="say --first-frame 0"):
        read_detections(tmp_path / "a.txt", first_frame=1)
    with pytest.raises(DataError, match="See --depth-column"):
        read_detections(tmp_path / "a.txt", first_frame=0)
    (tmp_path / "b.txt").write_text("1,3,10,20,30,60,0.9,-1,-1,-1,-5")
    with pytest.raises(DataError, match="depth: not a depth: expected a depth from 0, or -1 for unknown"):
        read_tracks(tmp_path / "b.txt")
