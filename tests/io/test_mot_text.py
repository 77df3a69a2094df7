"""MOT text: every layout, every kind of damage, and nothing silently wrong."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deptr.errors import DataError, DeptrError, UsageError
from deptr.io.mot_text import TrackWriter, read_detections, read_tracks

LAYOUTS = {
    6: ("1,-1,10,20,30,60", 1.0, math.nan),
    7: ("1,-1,10,20,30,60,0.9", 0.9, math.nan),
    8: ("1,-1,10,20,30,60,0.9,7.5", 0.9, 7.5),
    9: ("1,-1,10,20,30,60,0.9,1,0.4", 0.9, math.nan),
    10: ("1,-1,10,20,30,60,0.9,7.5,-2.1,8", 0.9, 7.5),
    11: ("1, -1, 10, 20, 30, 60, 0.9, 1, 1, 1, 7.5", 0.9, 7.5),
}


def written(folder: Path, text: str | bytes, name: str = "det.txt") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize("columns", LAYOUTS)
def test_every_layout_is_understood(tmp_path: Path, columns: int) -> None:
    line, score, depth = LAYOUTS[columns]
    table = read_detections(written(tmp_path, f"\ufeff{line}\r\n\r\n{line.replace('1', '2', 1)}"))
    assert table.frame.tolist() == [1, 2]
    assert table.xyxy[0].tolist() == [10, 20, 40, 80]
    assert table.score.tolist() == [score, score]
    np.testing.assert_equal(table.depth, [depth, depth])


def test_frames_of_the_reference_start_at_zero(tmp_path: Path) -> None:
    file = written(tmp_path, "0, -1, 10.00, 20.00, 30.00, 60.00, 0.9000, 1, 1, 1, 3.2100\n")
    table = read_detections(file, first_frame=0, depth_kind="relative_inverse")
    assert (table.frame.tolist(), table.depth.tolist()) == ([1], [3.21])
    with pytest.raises(DataError, match=r"line 1: frame: .*found 0 \(.*, add 1 to each\)"):
        read_detections(file)


def test_depth_comes_from_the_column_that_is_asked_for(tmp_path: Path) -> None:
    file = written(tmp_path, "1,5,10,20,30,60,1,1,0.8,12.5\n")
    assert read_detections(file, depth_column=10).depth.tolist() == [12.5]
    with pytest.raises(DataError, match="no such column"):
        read_detections(file, depth_column=11)
    with pytest.raises(UsageError, match="depth_column: expected a number from 8, got 3"):
        read_detections(file, depth_column=3)


def test_unknown_depth_is_nan(tmp_path: Path) -> None:
    table = read_detections(
        written(tmp_path, "1,-1,1,2,3,4,0.5,-1\n1,-1,1,2,3,4,0.5,nan\n1,-1,1,2,3,4,0.5,2")
    )
    np.testing.assert_equal(table.depth, [np.nan, np.nan, 2])
    assert table.at(1).metadata["depth_kind"] == "metric"


GOOD = "1,-1,10,20,30,60,0.9,5.0"
MALFORMED = {
    "columns differ": (f"{GOOD}\n2,-1,10,20,30,60,0.9", 2, "wrong number of columns.*expected 8 as.*found 7"),
    "too few": ("1,2,3\n", 1, "wrong number of columns.*expected 6, 7, 8, 9, 10 or 11, found 3"),
    "blanks": ("1 -1 10 20 30 60 0.9", 1, "wrong number of columns.*separated by commas"),
    "word": (f"{GOOD}\n\n3,-1,ten,20,30,60,0.9,5", 3, "left: expected a number, found 'ten'"),
    "header": ("frame,id,x,y,w,h,score\n", 1, "frame: expected a number.*remove the line"),
    "empty field": ("1,-1,10,,30,60,0.9", 1, "top: expected a number, found ''"),
    "python number": ("1,-1,1_0,20,30,60,0.9", 1, "left: expected a number, found '1_0'"),
    "frame zero": (GOOD.replace("1", "0", 1), 1, "frame: .*from 1 to 100000000, found 0"),
    "frame negative": (f"{GOOD}\n-3,-1,10,20,30,60,0.9,5", 2, "frame: .*found -3"),
    "frame fraction": ("1.5,-1,10,20,30,60,0.9", 1, "frame: .*found 1.5"),
    "frame huge": ("1e300,-1,10,20,30,60,0.9", 1, "frame: "),
    "width zero": ("1,-1,10,20,0,60,0.9", 1, "width: not a box size.*found 0"),
    "height negative": ("1,-1,10,20,30,-6,0.9", 1, "height: not a box size.*found -6"),
    "box nan": ("1,-1,nan,20,30,60,0.9", 1, "left: not a pixel coordinate.*found nan"),
    "box infinite": ("1,-1,10,20,inf,60,0.9", 1, "width: not a box size.*found inf"),
    "score large": ("1,-1,10,20,30,60,1.2", 1, r"score: .*\[0, 1\], found 1.2"),
    "score negative": ("1,-1,10,20,30,60,-0.1", 1, "score: .*found -0.1"),
    "score nan": ("1,-1,10,20,30,60,nan", 1, "score: .*found nan"),
    "back in time": (f"{GOOD}\n3{GOOD[1:]}\n2{GOOD[1:]}", 3, "frame: goes back.*ascending order, found 2"),
    "depth zero": ("1,-1,10,20,30,60,0.9,0", 1, "depth: .*positive metric depth, or -1.*found 0"),
    "depth negative": (f"{GOOD}\n1,-1,10,20,30,60,0.9,-4", 2, "depth: .*found -4"),
    "depth infinite": ("1,-1,10,20,30,60,0.9,inf", 1, "depth: .*found inf"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_line_is_named(tmp_path: Path, case: str) -> None:
    text, line, message = MALFORMED[case]
    file = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_detections(file)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{file}, line {line}: ")


def test_the_earliest_bad_line_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, f"{GOOD}\n1,-1,10,20,30,60,7,5\n1,-1,10,20,0,60,0.9,5\n0,-1,1,1,1,1,1,1")
    with pytest.raises(DataError, match="line 2: score"):
        read_detections(file)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_detections(tmp_path / "missing.txt")
    with pytest.raises(DataError, match="found a folder"):
        read_detections(tmp_path)
    with pytest.raises(DataError, match="the file is empty: expected one detection a line"):
        read_detections(written(tmp_path, " \n\n"))
    with pytest.raises(DataError, match=r"line 2: not a text file.*0xff"):
        read_detections(written(tmp_path, GOOD.encode() + b"\n\xff\xfe"))
    with pytest.raises(DataError, match=r"line 1: not a text file.*zero byte"):
        read_detections(written(tmp_path, GOOD + "\0"))
    if os.geteuid() != 0:
        locked = written(tmp_path, GOOD)
        locked.chmod(0)
        with pytest.raises(DataError, match="cannot be read: found Permission denied"):
            read_detections(locked)


def test_inverse_depth_may_be_zero(tmp_path: Path) -> None:
    file = written(tmp_path, "1,-1,10,20,30,60,0.9,0")
    assert read_detections(file, depth_kind="relative_inverse").depth.tolist() == [0]


TOKENS = st.sampled_from(
    ["1", "-1", "0", "2", "30", "0.5", "nan", "inf", "1e9", "x", "", ",", ",", "\n", "\r", " ", "é"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(TOKENS, max_size=40).map(lambda words: "".join(words).encode()),
        st.lists(st.lists(TOKENS, min_size=6, max_size=8).map(",".join), max_size=5).map(
            lambda lines: "\n".join(lines).encode()
        ),
    )
)
@example(b"1,-1,1,1,1,1,\x0b0.5\x0c")
@example(b"1,-1,1,1,1,1,0.5\r1,-1,1,1,1,1,2")
def test_any_bytes_give_rows_or_an_error_of_ours(tmp_path: Path, content: bytes) -> None:
    file = written(tmp_path, content)
    for read in (read_detections, read_tracks):
        try:
            table = read(file)
        except DeptrError:
            continue
        assert (table.frame >= 1).all()
        assert np.isfinite(table.xyxy).all()
        assert (table.xyxy[:, 2:] > table.xyxy[:, :2]).all()
        lines = [line for line in content.decode("utf-8-sig").replace("\r", "\n").split("\n") if line.strip()]
        assert len(table) == len(lines)


@st.composite
def frames_of_tracks(draw: st.DrawFn) -> list[sv.Detections]:
    frames = []
    for _ in range(draw(st.integers(0, 4))):
        ids = draw(st.lists(st.integers(1, 9999), max_size=5, unique=True))
        corner = st.floats(-2000, 4000)
        boxes = [
            (x, y, x + draw(st.floats(0.01, 2000)), y + draw(st.floats(0.01, 2000)))
            for x, y in (draw(st.tuples(corner, corner)) for _ in ids)
        ]
        depths = [draw(st.one_of(st.just(math.nan), st.floats(0.001, 1e5))) for _ in ids]
        frames.append(
            sv.Detections(
                np.array(boxes, float).reshape(-1, 4),
                confidence=np.array([draw(st.floats(0, 1)) for _ in ids]),
                tracker_id=np.array(ids, int),
                data={"depth": np.array(depths, np.float32)},
            )
        )
    return frames


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames_of_tracks())
def test_what_is_written_is_read_again(tmp_path: Path, frames: list[sv.Detections]) -> None:
    with TrackWriter(tmp_path / "tracks.txt") as writer:
        for index, tracks in enumerate(frames, 1):
            writer.write(index, tracks)
    table = read_tracks(tmp_path / "tracks.txt")
    assert len(table) == writer.rows == sum(map(len, frames))
    for index, tracks in enumerate(frames, 1):
        rows = table.frame == index
        order = np.argsort(tracks.tracker_id)
        assert table.track_id[rows].tolist() == np.asarray(tracks.tracker_id)[order].tolist()
        np.testing.assert_allclose(table.xyxy[rows], tracks.xyxy[order], atol=2e-3)
        np.testing.assert_allclose(table.score[rows], np.asarray(tracks.confidence)[order], atol=1e-5)
        np.testing.assert_allclose(table.depth[rows], np.asarray(tracks.data["depth"])[order], rtol=1e-5)


def test_tracks_may_come_in_any_order_but_once_a_frame(tmp_path: Path) -> None:
    table = read_tracks(
        written(tmp_path, "2,1,0,0,5,5,-1,-1,-1,-1\n1,1,0,0,5,5,-1,-1,-1,-1\n1,0,1,1,5,5,-1,-1,-1,-1")
    )
    assert list(zip(table.frame, table.track_id, strict=True)) == [(1, 0), (1, 1), (2, 1)]
    with pytest.raises(
        DataError, match="line 3: id: identity stands twice in one frame: expected once, found 4"
    ):
        read_tracks(written(tmp_path, "1,4,0,0,5,5\n1,5,0,0,5,5\n1,4,9,9,5,5"))
    with pytest.raises(DataError, match="line 1: id: not an identity"):
        read_tracks(written(tmp_path, "1,4.5,0,0,5,5"))
    assert len(read_tracks(written(tmp_path, ""))) == 0


def one_track() -> sv.Detections:
    return sv.Detections(np.array([[1.0, 2, 3, 4]]), tracker_id=np.array([1]))


def test_rows_are_on_disk_as_soon_as_they_are_written(tmp_path: Path) -> None:
    writer = TrackWriter(tmp_path / "tracks.txt")
    writer.write(1, one_track())
    assert len(read_tracks(writer.path)) == 1
    writer.close()


def test_a_full_disk_leaves_whole_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = TrackWriter(tmp_path / "tracks.txt")
    writer.write(1, one_track())
    real_write, calls = os.write, []

    def filling_up(handle: int, content: bytes) -> int:
        calls.append(content)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real_write(handle, content[:7])

    monkeypatch.setattr(os, "write", filling_up)
    with pytest.raises(DataError, match=r"tracks.txt: cannot be written: found No space left on device"):
        writer.write(2, one_track())
    monkeypatch.undo()
    writer.close()
    assert read_tracks(writer.path).frame.tolist() == [1]


def test_tracks_need_identities(tmp_path: Path) -> None:
    with TrackWriter(tmp_path / "t.txt") as writer, pytest.raises(UsageError, match="tracker_id"):
        writer.write(1, sv.Detections(np.array([[1.0, 2, 3, 4]])))


@pytest.mark.data
def test_the_measuring_data_is_clean(data_root: Path) -> None:
    files = sorted(data_root.glob("kitti/*/*/det.txt")) + sorted(data_root.glob("mot17/*/det.txt"))
    assert len(files) > 10
    for file in files:
        table = read_detections(file, depth_kind="metric" if "kitti" in file.parts else "relative")
        assert table.has_depth


def test_results_of_eight_columns_keep_their_depth(tmp_path: Path) -> None:
    file = written(tmp_path, "1,3,10,20,30,60,0.9,4.5\n2,3,10,20,30,60,0.9,-1\n")
    np.testing.assert_array_equal(read_tracks(file).depth, [4.5, np.nan])
    file = written(tmp_path, "1,3,10,20,30,60,0.9,-3.2,7.7,0\n")  # MOT15: a place in the world
    assert np.isnan(read_tracks(file).depth).all()
