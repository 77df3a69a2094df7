"""KITTI tracking text: read with its classes and depths, written as results."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deptr.errors import DataError, DeptrError, UsageError
from deptr.io.kitti_text import read_kitti_detections, read_kitti_tracks, write_kitti_tracks

ROW = "{frame} {identity} {type} 0 0 -1.5 10 20 40 80 1.5 1.6 4 1 1.7 {z} 0.1"
FILE = "\n".join(
    [
        ROW.format(frame=0, identity=2, type="Car", z=12.5),
        ROW.format(frame=0, identity=1, type="Pedestrian", z=-1000),
        "0 -1 DontCare -1 -1 -10 5 5 9 9 -1 -1 -1 -1000 -1000 -1000 -10",
        ROW.format(frame=3, identity=2, type="Car", z=11),
    ]
)


def test_classes_and_depths_are_read(tmp_path: Path) -> None:
    (tmp_path / "0000.txt").write_text(FILE)
    table = read_kitti_detections(tmp_path / "0000.txt")
    assert table.frame.tolist() == [1, 1, 4]
    assert [table.class_names[int(k)] for k in table.class_id] == ["Car", "Pedestrian", "Car"]
    np.testing.assert_equal(table.depth, [12.5, np.nan, 11])
    assert read_kitti_tracks(tmp_path / "0000.txt").track_id.tolist() == [1, 2, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("10 20 40 80", "40 20 10 80"), "line 1: right: empty box: expected more than left, found 10"),
        (("12.5", "-3"), "line 1: z: not a depth: expected metres > 0, found -3"),
        (("0 2 Car", "-1 2 Car"), "line 1: frame: "),
        (("0 2 Car 0", "0 2 Car zero"), "line 1: truncated: expected a number, found 'zero'"),
        (("3 2 Car 0 0", "3 2 Car 0"), "line 4: wrong number of fields: expected 17 or 18, found 16"),
        (("10 20 40 80", "nan 20 40 80"), "line 1: left: not a pixel coordinate"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    (tmp_path / "0000.txt").write_text(FILE.replace(*change))
    with pytest.raises(DataError, match=message):
        read_kitti_detections(tmp_path / "0000.txt")


def test_no_object_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "0000.txt").write_text("")
    with pytest.raises(DataError, match="holds no object"):
        read_kitti_detections(tmp_path / "0000.txt")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*FILE.split(" "), "nan", "x", "\n", ","]), max_size=60).map(" ".join))
def test_any_text_gives_rows_or_an_error_of_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "0000.txt").write_text(text)
    for read in (read_kitti_detections, read_kitti_tracks):
        try:
            table = read(tmp_path / "0000.txt")
        except DeptrError:
            continue
        assert (table.frame >= 1).all()
        assert (table.xyxy[:, 2:] > table.xyxy[:, :2]).all()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.integers(0, 99), st.floats(0.1, 900), st.floats(0, 1)),
        max_size=12,
        unique_by=lambda row: row[:2],
    )
)
def test_what_is_written_is_read_again(tmp_path: Path, rows: list[tuple[int, int, float, float]]) -> None:
    rows.sort()
    frames = [
        (
            frame,
            sv.Detections(
                np.array([[size, size, 2.5 * size, 3 * size]]),
                confidence=np.array([score]),
                tracker_id=np.array([identity]),
                data={"depth": np.array([size if identity % 2 else math.nan])},
            ),
        )
        for frame, identity, size, score in rows
    ]
    write_kitti_tracks(tmp_path / "out.txt", frames, type_name="Car")
    table = read_kitti_tracks(tmp_path / "out.txt")
    assert list(zip(table.frame.tolist(), table.track_id.tolist(), strict=True)) == [row[:2] for row in rows]
    sizes = np.array([row[2] for row in rows])
    np.testing.assert_allclose(table.xyxy[:, 2], 2.5 * sizes, atol=1e-3)
    np.testing.assert_allclose(table.depth, [row[2] if row[1] % 2 else math.nan for row in rows], rtol=1e-5)


def test_type_and_identities_are_checked(tmp_path: Path) -> None:
    tracks = sv.Detections(np.array([[0, 0, 4, 8.0]]), tracker_id=np.array([3]))
    with pytest.raises(UsageError, match="type_name"):
        write_kitti_tracks(tmp_path / "a.txt", [(1, tracks)], type_name="Big Car")
    tracks.tracker_id = None
    with pytest.raises(UsageError, match="tracker_id"):
        write_kitti_tracks(tmp_path / "a.txt", [(1, tracks)], type_name="Car")
    assert not (tmp_path / "a.txt").exists()
