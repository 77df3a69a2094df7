"""Identities of 64 bits, as DeepStream gives them out: exact, or an error that says which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deptr.errors import DataError
from deptr.io.ground_truth import read_ground_truth
from deptr.io.kitti_text import read_kitti_tracks
from deptr.io.mot_text import read_tracks
from deptr.io.sequences import Sequence, benchmark_of

LARGE = 2**62 + 1


def tracks_of(folder: Path, *words: object, end: str = "\n") -> Path:
    file = folder / "tracks.txt"
    file.write_text("".join(f"{k},{word},10,20,30,60,0.9,-1,-1,-1{end}" for k, word in enumerate(words, 1)))
    return file


@given(ids=st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_identity_of_64_bits_is_read_exactly(tmp_path: Path, ids: list[int]) -> None:
    assert read_tracks(tracks_of(tmp_path, *ids)).track_id.tolist() == ids


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_rows_of_large_and_small_identities_stay_apart(tmp_path: Path, end: str) -> None:
    file = tmp_path / "tracks.txt"
    rows = [f"{frame},{identity},10,20,30,60" for frame in (2, 1) for identity in (LARGE + 1, LARGE, "7.0")]
    file.write_text(end.join(rows))
    table = read_tracks(file)
    assert table.frame.tolist() == [1, 1, 1, 2, 2, 2]
    assert table.track_id.tolist() == [7, LARGE, LARGE + 1] * 2


def test_a_large_identity_twice_in_a_frame_is_told(tmp_path: Path) -> None:
    file = tmp_path / "tracks.txt"
    file.write_text(f"1,{LARGE},1,2,3,4\n1,{LARGE + 1},1,2,3,4\n1,{LARGE},1,2,3,4\n")
    with pytest.raises(DataError, match="line 3: id: identity stands twice in one frame"):
        read_tracks(file)


@pytest.mark.parametrize("word", [2**63, 2**64 - 1, "4.611686018427387904e+18", "4611686018427387905.0"])
def test_what_cannot_be_exact_is_told(tmp_path: Path, word: object) -> None:
    with pytest.raises(DataError, match=r"line 2: id: too large to be exact: .*9223372036854775807.*found"):
        read_tracks(tracks_of(tmp_path, 5, word))


def test_kitti_text_and_ground_truth_refuse_what_they_cannot_hold(tmp_path: Path) -> None:
    file = tmp_path / "0000.txt"
    row = "0 {} Car 0 0 -1.5 1 2 30 40 1 1 4 0 1 20 0.1"
    file.write_text(row.format(2**53 - 1))
    assert read_kitti_tracks(file).track_id.tolist() == [2**53 - 1]
    file.write_text(row.format(2**53 + 1))
    with pytest.raises(DataError, match=r"line 1: id: not an identity: expected .*9007199254740991"):
        read_kitti_tracks(file)
    truth = tmp_path / "gt.txt"
    truth.write_text(f"1,{LARGE},10,20,30,60,1,1,1\n")
    sequence = Sequence("S1", 1, ground_truth=truth)
    with pytest.raises(DataError, match=r"gt\.txt: wrong identity: expected .*9007199254740991, found 4.61"):
        read_ground_truth(benchmark_of("mot"), sequence)


def test_classes_of_our_own_columns_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "tracks.txt"
    file.write_text("1,7,1,2,3,4,0.9,3,-1,-1,5\n1,8,1,2,3,4,0.9,-1,-1,-1,-1\n")
    assert read_tracks(file).class_id.tolist() == [3, -1]
    file.write_text("1,7,1,2,3,4,0.9,0.5,-1,-1,5\n")
    assert read_tracks(file).class_id.tolist() == [-1]
    assert read_tracks(tracks_of(tmp_path, 1)).class_id.tolist() == np.full(1, -1).tolist()


def test_a_negative_identity_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2: id: a negative identity.*from 0, found -7$"):
        read_tracks(tracks_of(tmp_path, 1, -7))
    with pytest.raises(DataError, match="these look like detections: track them first"):
        read_tracks(tracks_of(tmp_path, -1, -1))
