"""Depth of boxes out of depth maps: the object's, whatever is behind, before or missing."""

from __future__ import annotations

import numpy as np
import pytest

from deptr.depth.box_depths import BoxDepthState
from deptr.depth.in_boxes import depth_in_boxes
from deptr.errors import UsageError
from deptr.records import DepthKind
from deptr.synth.depth_sensor import DepthSensor
from deptr.synth.scene import Scene, SceneOptions

BOX = np.array([[50.0, 20, 90, 110]])
HIDDEN_BY_ANOTHER = 0.1  # of a box: an overlap


def room(wall: float = 8.0) -> np.ndarray:
    """A wall with somebody before it, narrower than the box around them."""
    depth = np.full((120, 160), wall)
    depth[22:110, 60:80] = 3.0
    return depth


def test_the_wall_beside_an_object_is_not_its_depth() -> None:
    found = depth_in_boxes(room(), BOX)
    assert found.depth == pytest.approx([3.0]) and found.state.tolist() == [BoxDepthState.KNOWN]
    assert 0 < found.std[0] < 0.1


def test_who_stands_in_front_is_taken_out_of_the_box_behind() -> None:
    depth = np.full((120, 160), 9.0)
    depth[20:90, 60:100] = 5.0  # behind, all but a strip covered by the one in front
    depth[15:118, 70:110] = 3.0
    boxes = np.array([[60.0, 20, 100, 90], [70, 15, 110, 118]])
    assert depth_in_boxes(depth, boxes).depth.round(3).tolist() == [5.0, 3.0]
    assert depth_in_boxes(depth, boxes[:1]).depth[0] == pytest.approx(
        3.0
    )  # nobody says that somebody stands there


def test_holes_count_for_nothing_and_too_many_are_no_depth() -> None:
    depth = room()
    depth[22:75, 60:80] = np.nan
    assert depth_in_boxes(depth, BOX).depth[0] == pytest.approx(3.0)
    depth[:, :88] = 0  # the sensor sees but the right border of the box
    found = depth_in_boxes(depth, BOX)
    assert np.isnan(found.depth[0]) and np.isnan(found.std[0])
    assert found.state.tolist() == [BoxDepthState.EMPTY]


def test_flying_pixels_between_object_and_wall_move_nothing() -> None:
    depth = room()
    depth[22:110, 59:62] = 5.0
    depth[22:110, 78:81] = 6.0
    assert depth_in_boxes(depth, BOX).depth[0] == pytest.approx(3.0)


def test_a_mask_says_which_pixels_count() -> None:
    mask = np.zeros((1, 120, 160), np.bool_)
    mask[0, 20:60, 84:89] = True
    assert depth_in_boxes(room(), BOX, mask).depth[0] == pytest.approx(8.0)
    with pytest.raises(UsageError, match=r"masks: expected shape \(1, 120, 160\), got \(1, 60, 80\)"):
        depth_in_boxes(room(), BOX, mask[:, ::2, ::2])


def test_inverse_depth_and_whole_numbers_are_read_in_their_own_units() -> None:
    inverse = depth_in_boxes(100 / room() - 40, BOX, kind=DepthKind.RELATIVE_INVERSE)
    assert inverse.depth[0] == pytest.approx(100 / 3 - 40)
    assert depth_in_boxes((room() * 1000).astype(np.uint16), BOX, kind="relative").depth[0] == pytest.approx(
        3000
    )


def test_boxes_of_a_larger_image_meet_the_right_part_of_the_map() -> None:
    assert depth_in_boxes(room(), 3 * BOX, image_size=(480, 360)).depth[0] == pytest.approx(3.0)


def test_boxes_outside_and_without_extent_have_no_depth() -> None:
    boxes = np.array([[200.0, 0, 220, 50], [5, 5, 5, 9], [np.nan, 0, 4, 4]])
    found = depth_in_boxes(room(), boxes)
    assert np.isnan(found.depth).all() and (found.state == BoxDepthState.OUTSIDE).all()
    assert depth_in_boxes(room(), np.zeros((0, 4))).depth.shape == (0,)


@pytest.mark.parametrize("sensor", [False, True], ids=["exact", "stereo"])
def test_synthetic_crowds_within_two_percent_and_hardly_ever_the_wrong_object(sensor: bool) -> None:
    errors, overlaps, known = [], [], []
    for seed in range(2_000_300, 2_000_318):
        scene = Scene(seed, SceneOptions(size=(384, 640), frames=40, level=1 + seed % 3))
        truth = scene.frame(20, dense=True)
        exact = truth.dense_depth()
        focal_px = truth.camera.focal_px
        given = DepthSensor(seed=seed).measure(exact, focal_px=focal_px, frame=20) if sensor else exact
        rows = np.flatnonzero(truth.visibility >= 0.25)
        boxes = truth.boxes_xyxy[rows].astype(np.float64)
        right = np.array([np.nanmedian(exact[truth.mask(int(row))]) for row in rows])
        found = depth_in_boxes(given, boxes).depth
        errors.append(found / right - 1)
        overlaps.append(largest_overlap(boxes) > HIDDEN_BY_ANOTHER)
        known.append(np.isfinite(found))
    error, overlap, kept = np.abs(np.concatenate(errors)), np.concatenate(overlaps), np.concatenate(known)
    assert kept.mean() > 0.97 and overlap.sum() > 150
    assert np.median(error[kept]) < 0.02
    assert (error[kept & overlap] > 0.15).mean() <= 0.03


def largest_overlap(boxes: np.ndarray) -> np.ndarray:
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    np.fill_diagonal(shared, 0)
    return np.asarray(shared.max(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1))
