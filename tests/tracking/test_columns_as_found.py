"""Columns of detections as programs give them: words, masks, several lengths, units of time."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import supervision as sv

from deptr.errors import InputWarning, UsageError
from deptr.records import depth_of, depth_std_of, real_number
from deptr.tracking.registry import TRACKER_NAMES, create_tracker

ALL = pytest.mark.parametrize("name", TRACKER_NAMES)
NAN = float("nan")


def people(frame: int = 0, **columns: Any) -> sv.Detections:
    """Three people; columns are set afterwards, as a program may, past the checks of the library."""
    boxes = np.array([[10, 10, 50, 90], [70, 10, 110, 90], [130, 10, 170, 90]], float) + 2.0 * frame
    found = sv.Detections(boxes, confidence=np.full(3, 0.9), class_id=np.zeros(3, int))
    for name, values in columns.items():
        if name in ("depth", "depth_std", "embedding"):
            found.data[name] = values
        else:
            setattr(found, name, values)
    return found


def identities(name: str, **columns: Any) -> list[int]:
    tracker = create_tracker(name)
    for frame in range(4):
        found = tracker.update(people(frame, **columns))
    assert found.tracker_id is not None
    return sorted(found.tracker_id.tolist())


@ALL
@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"confidence": np.array(["sure", "sure", "no"])}, "confidence: expected a number for each box"),
        ({"confidence": [0.9, "x", 0.9]}, "confidence: expected a number for each box, got .0.9, 'x'"),
        ({"class_id": np.array(["person", "car", "car"])}, "class_id: expected a number for each box"),
        ({"class_id": np.array([0.0, NAN, 1.0])}, r"class_id: expected whole numbers, got \[0.0, nan"),
        ({"class_id": [0, 1.5, 1]}, "class_id: expected whole numbers"),
        ({"class_id": [0, 1]}, "class_id has 2 values for 3 boxes"),
        ({"embedding": [[1, 2], [1], [3, 4]]}, "expected one vector of numbers for each of 3 boxes"),
        ({"embedding": ["a", "b", "c"]}, "expected one vector of numbers for each of 3 boxes"),
    ],
)
def test_a_column_that_holds_no_numbers_is_named(name: str, columns: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        create_tracker(name).update(people(**columns))


@ALL
def test_masked_values_are_not_known(name: str) -> None:
    mask = [False, True, False]
    boxes = np.ma.masked_array(people().xyxy, mask=np.repeat(np.array(mask)[:, None], 4, axis=1))
    for columns in ({"confidence": np.ma.masked_array([0.9] * 3, mask=mask)}, {"xyxy": boxes}):
        tracker = create_tracker(name)
        with pytest.warns(InputWarning, match="1 of 3 left out, the first in row 1"):
            for _ in range(4):
                found = tracker.update(people(**columns))
        assert (len(found), type(found.xyxy)) == (2, np.ndarray)


@ALL
def test_an_embedding_that_is_not_finite_costs_no_other(name: str) -> None:
    vectors = np.eye(3, 8)
    vectors[1] = NAN
    with pytest.warns(InputWarning, match="embedding.*not finite, taken for 0"):
        assert identities(name, embedding=vectors) == [1, 2, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert identities(name, embedding=None) == [1, 2, 3]


@ALL
def test_scores_in_percent_are_told_once(name: str) -> None:
    with pytest.warns(InputWarning, match="a score of 90, taken as it is .expected 0 to 1") as told:
        assert identities(name, confidence=np.full(3, 90.0)) == [1, 2, 3]
    assert len(told) == 1


def test_depths_of_no_distance_are_not_known() -> None:
    values = np.array([-1.0, 0.0, 4.5])
    for kind in ("metric", "relative", "pseudo"):
        found = people(depth=values, metadata={"depth_kind": kind})
        np.testing.assert_array_equal(depth_of(found), [NAN, NAN, 4.5])
    inverse = people(depth=values, metadata={"depth_kind": "relative_inverse"})
    assert depth_of(inverse).tolist() == [-1.0, 0.0, 4.5]  # its shift is free
    masked = people(depth=np.ma.masked_array([3.0, 4.0, 5.0], mask=[True, False, False]))
    np.testing.assert_array_equal(depth_of(masked), [NAN, 4, 5])
    deviations = people(depth_std=[-1.0, np.inf, 0.0])
    np.testing.assert_array_equal(depth_std_of(deviations), [NAN, NAN, 0])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_spans_and_dates_of_numpy_are_no_seconds(unit: str) -> None:
    for value in (np.timedelta64(40, unit), np.datetime64("2024-01-01", unit), np.ma.masked, np.bool_(True)):
        assert np.isnan(real_number(value))
    with pytest.raises(UsageError, match="timestamp: expected finite seconds"):
        create_tracker("bytetrack").update(people(), timestamp=np.timedelta64(40, unit))


@pytest.mark.parametrize("step", [8.3, 33.3, 33_333, 33_333_333])
def test_units_smaller_than_seconds_are_told(step: float) -> None:
    tracker = create_tracker("bytetrack")
    with pytest.warns(InputWarning, match="between frames, taken as they are"):
        for frame in range(4):
            tracker.update(people(frame), timestamp=frame * step)
