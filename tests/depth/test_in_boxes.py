"""Depth of boxes out of depth maps: the object's, whatever is behind, before or missing."""

from __future__ import annotations

from dataclasses import dataclass

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
    depth[20:90, 60:100] = 5.0  # behind, more than half of it covered by the one in front
    depth[15:118, 76:116] = 3.0
    boxes = np.array([[60.0, 20, 100, 90], [76, 15, 116, 118]])
    assert depth_in_boxes(depth, boxes).depth.round(3).tolist() == [5.0, 3.0]
    alone = depth_in_boxes(depth, boxes[:1])  # nobody says that somebody stands there
    assert alone.state[0] == BoxDepthState.UNSURE or alone.depth[0] == pytest.approx(3.0)


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


def test_two_depths_that_explain_a_box_as_well_are_no_certainty() -> None:
    said = []
    rows, columns = np.mgrid[:120, :160]
    for edge in range(50, 90):  # from nearly all far to nearly all near
        found = depth_in_boxes(np.where(columns > edge + (rows - 65) / 8, 6.0, 3.0), BOX)
        said.append((found.depth[0], found.std[0] / found.depth[0], found.state[0]))
    depths, deviations, states = map(np.array, zip(*said, strict=True))
    flip = int((depths > 4).sum())
    assert depths == pytest.approx(np.where(np.arange(40) < flip, 6.0, 3.0))  # it changes its mind once
    assert BoxDepthState.UNSURE in states[flip - 1 : flip + 1].tolist()
    assert deviations[flip - 1 : flip + 1].max() > 0.25
    assert states[[0, -1]].tolist() == [BoxDepthState.KNOWN] * 2 and deviations[[0, -1]].max() < 0.02


def test_a_size_like_the_others_decides_between_two_depths() -> None:
    depth = np.full((120, 400), 20.0)
    boxes = []
    for left, metres in ((20, 4.0), (100, 5.0), (180, 6.0), (260, 4.5)):
        height = 400 / metres
        depth[int(115 - height) : 115, left + 5 : left + 35] = metres
        boxes.append([left, 115 - height, left + 40.0, 115])
    depth[35:115, 340:360], depth[35:115, 360:380] = 5.0, 8.0  # of two halves, one fits a body of 80 px
    found = depth_in_boxes(depth, np.array([*boxes, [340, 35, 380, 115]]))
    assert found.depth.round(3).tolist() == [4.0, 5.0, 6.0, 4.5, 5.0]
    assert depth_in_boxes(depth, np.array([[340.0, 35, 380, 115]])).depth[0] == pytest.approx(8.0)


def test_two_boxes_of_one_object_are_not_two_bodies() -> None:
    found = depth_in_boxes(room(), np.concatenate([BOX, BOX + 2]))
    assert found.depth == pytest.approx([3.0, 3.0])
    assert found.state.tolist() == [BoxDepthState.KNOWN] * 2 and found.std.max() < 0.1


def test_a_body_that_is_hidden_but_for_a_rest_is_said_to_be_covered() -> None:
    depth = np.full((120, 160), 9.0)
    depth[10:118, 30:110] = 3.0  # all that can be seen of both boxes
    found = depth_in_boxes(depth, np.array([[55.0, 25, 85, 105], [30, 10, 110, 118]]))
    assert found.depth == pytest.approx([3.0, 3.0])
    assert found.state.tolist() == [BoxDepthState.COVERED, BoxDepthState.KNOWN]
    assert found.std[0] > 0.2 * 3 > 0.1 * 3 > found.std[1]


@pytest.mark.parametrize("sensor", [False, True], ids=["exact", "stereo"])
@pytest.mark.parametrize("jitter", [0.0, 0.05], ids=["true boxes", "boxes off by 5 %"])
def test_synthetic_crowds_within_two_percent_and_hardly_ever_the_wrong_object(
    crowds: list[Crowd], sensor: bool, jitter: float
) -> None:
    errors, overlaps, states = [], [], []
    for number, crowd in enumerate(crowds):
        noise = np.random.default_rng(number).normal(0, jitter, crowd.boxes.shape)
        size = crowd.boxes[:, 2:] - crowd.boxes[:, :2]
        corner = crowd.boxes[:, :2] + noise[:, :2] * size
        boxes = np.concatenate([corner, corner + size * np.exp(noise[:, 2:])], axis=1)
        found = depth_in_boxes(crowd.stereo if sensor else crowd.exact, boxes)
        errors.append(np.abs(found.depth / crowd.depth - 1))
        overlaps.append(largest_overlap(crowd.boxes) > HIDDEN_BY_ANOTHER)
        states.append(found.state)
    error, overlap, state = np.concatenate(errors), np.concatenate(overlaps), np.concatenate(states)
    known = np.isfinite(error)
    assert known.mean() > 0.97 and overlap.sum() > 150
    assert np.median(error[known]) < 0.02
    assert (error[known & overlap] > 0.15).mean() <= 0.03
    sure = overlap & (state == BoxDepthState.KNOWN)
    assert sure.sum() > 0.85 * overlap.sum()
    assert (error[sure] > 0.15).mean() <= 0.02


@dataclass(frozen=True)
class Crowd:
    """A frame of a synthetic world: its maps, the boxes and depths of those who can be seen."""

    exact: np.ndarray
    stereo: np.ndarray
    boxes: np.ndarray
    depth: np.ndarray


@pytest.fixture(scope="module", name="crowds")
def _crowds() -> list[Crowd]:
    made = []
    for seed in range(2_000_300, 2_000_318):
        scene = Scene(seed, SceneOptions(size=(384, 640), frames=40, level=1 + seed % 3))
        truth = scene.frame(20, dense=True)
        exact = truth.dense_depth()
        stereo = DepthSensor(seed=seed).measure(exact, focal_px=truth.camera.focal_px, frame=20)
        rows = np.flatnonzero(truth.visibility >= 0.25)
        right = np.array([np.nanmedian(exact[truth.mask(int(row))]) for row in rows])
        made.append(Crowd(exact, stereo, truth.boxes_xyxy[rows].astype(np.float64), right))
    return made


def largest_overlap(boxes: np.ndarray) -> np.ndarray:
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    np.fill_diagonal(shared, 0)
    return np.asarray(shared.max(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1))
