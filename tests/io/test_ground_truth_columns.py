"""What confidence, class, visibility and depth of a ground truth mean, for every number of columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deptr.errors import DataError
from deptr.io.ground_truth import GroundTruth, read_ground_truth
from deptr.io.sequences import Sequence, benchmark_of

NAN = float("nan")


def truth_of(folder: Path, endings: list[str], benchmark: str = "mot") -> GroundTruth:
    path = folder / "gt.txt"
    path.write_text("".join(f"1,{row},4,5,10,20,{end}\n" for row, end in enumerate(endings, 1)))
    return read_ground_truth(benchmark_of(benchmark), Sequence("A", 9, ground_truth=path))


@pytest.mark.parametrize("benchmark", ["mot", "mot17", "dancetrack"])
def test_every_confidence_but_zero_counts(tmp_path: Path, benchmark: str) -> None:
    truth = truth_of(tmp_path, ["1", "0.61", "0", "-1", "0.0", "1e-3"], benchmark)
    assert truth.scored.tolist() == [True, True, False, True, False, True]
    with pytest.raises(DataError, match=r"wrong confidence.*found nan in row 2"):
        truth_of(tmp_path, ["1", "nan"], benchmark)


@pytest.mark.parametrize(
    ("endings", "visibility", "depth"),
    [
        (["1"] * 2, [NAN, NAN], [NAN, NAN]),
        (["1,4.5", "1,-1"], [NAN, NAN], [4.5, NAN]),
        (["1,7", "1,7"], [NAN, NAN], [NAN, NAN]),  # of eight columns, whole numbers may be classes
        (["1,1,0.5", "1,1,-1"], [0.5, NAN], [NAN, NAN]),
        (["1,1,0.5,6.5", "1,1,1,0"], [0.5, 1], [6.5, NAN]),
        (["1,-3.25,7.5,0", "1,-3.5,7,0"], [NAN, NAN], [NAN, NAN]),  # MOT15's place in the world
        (["1,-1,-1,-1", "1,-1,-1,-1"], [NAN, NAN], [NAN, NAN]),
        (["0.9,-1,-1,-1,6.5", "0.9,-1,-1,-1,-1"], [NAN, NAN], [6.5, NAN]),
    ],
)
def test_columns_mean_what_their_number_says(
    tmp_path: Path, endings: list[str], visibility: list[float], depth: list[float]
) -> None:
    truth = truth_of(tmp_path, endings)
    np.testing.assert_equal(truth.visibility, visibility)
    np.testing.assert_equal(truth.depth, depth)
    assert truth.class_ids.tolist() == [1, 1]


@pytest.mark.parametrize("own", ["0", "3", "-1", "80", "1000"])
def test_mot_takes_every_class(tmp_path: Path, own: str) -> None:
    assert truth_of(tmp_path, [f"1,{own},1"]).class_ids.tolist() == [1]


def test_benchmarks_with_classes_keep_them(tmp_path: Path) -> None:
    truth = truth_of(tmp_path, ["1,1,1", "1,8,1", "1,-1,1"], "mot17")
    assert truth.class_ids.tolist() == [1, 8, 1]
    for own in ("0", "14", "2.5"):
        with pytest.raises(DataError, match=r"invalid gt classes in column 8.*in row 2.*benchmark mot"):
            truth_of(tmp_path, ["1,1,1", f"1,{own},1"], "mot17")


def test_a_class_or_a_depth_is_not_guessed(tmp_path: Path) -> None:
    assert truth_of(tmp_path, ["1,1", "1,1"], "mot17").class_ids.tolist() == [1, 1]
    assert truth_of(tmp_path, ["1,4.5", "1,7"], "mot17").depth.tolist() == [4.5, 7]
    with pytest.raises(DataError, match="column 8 of 8 may be a class or a depth"):
        truth_of(tmp_path, ["1,1", "1,3"], "mot17")


def test_a_class_name_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: class: expected a number, found 'person'") as caught:
        truth_of(tmp_path, ["1,person,1"])
    assert "remove" not in str(caught.value)


@pytest.mark.parametrize("word", ["Person_sitting", "person_sitting", "PERSON", "Person"])
def test_sitting_persons_by_any_name(tmp_path: Path, word: str) -> None:
    path = tmp_path / "label_02" / "0000.txt"
    path.parent.mkdir()
    path.write_text(
        f"0 1 pedestrian 0 0 0 1 1 9 90 1 1 1 0 1 8 0\n0 2 {word} 0 0 0 1 1 9 90 1 1 1 0 1 -1000 0\n"
        "0 -1 DONTCARE -1 -1 -10 5 5 9 9 -1 -1 -1 -1000 -1000 -1000 -10\n"
    )
    truth = read_ground_truth(benchmark_of("kitti-pedestrian"), Sequence("0000", 1, ground_truth=path))
    assert (truth.class_ids.tolist(), truth.scored.tolist()) == ([4, 5], [True, False])
    np.testing.assert_equal(truth.depth, [8, NAN])
    assert len(truth.ignore_frames) == 1
