"""Depth of an object out of map and mask: what counts, what does not, what is marked as doubtful."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deptr.errors import UsageError
from deptr.io.labels import Validity
from deptr.records import DepthKind
from deptr.teacher.instance_depth import (
    InstanceSettings,
    erode,
    instance_depth,
    region_depth,
    without_covered,
)

SIZE = (40, 60)


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


def read(depth_map: np.ndarray, masks: list[np.ndarray], boxes: list[list[float]], **changes: object):
    kind = changes.pop("kind", DepthKind.METRIC)
    boxed = bool(changes.pop("boxed", False))
    settings = InstanceSettings(**changes)
    return instance_depth(
        depth_map,
        np.array(masks),
        np.array(boxes, float),
        kind=kind,
        settings=settings,
        regions_are_boxes=boxed,
    )


@pytest.mark.parametrize("kind", [DepthKind.METRIC, DepthKind.RELATIVE_INVERSE])
def test_a_nearer_object_takes_its_pixels_away(kind: DepthKind) -> None:
    near, far = rectangle(10, 5, 30, 35), rectangle(20, 5, 50, 35)
    depth_map = np.full(SIZE, 20.0)
    depth_map[far], depth_map[near] = 8.0, 4.0
    boxes = [[10, 5, 30, 35], [20, 5, 50, 35]]
    if kind.larger_is_nearer:
        depth_map = 1 / depth_map
    found = read(depth_map, [near, far], boxes, kind=kind)
    expected = [1 / 4, 1 / 8] if kind.larger_is_nearer else [4, 8]
    np.testing.assert_allclose(found.depth, expected, rtol=1e-6)
    np.testing.assert_allclose(found.visible_fraction, [1.0, 2 / 3], rtol=1e-6)
    assert found.mask_area.tolist() == [600, 900]
    assert (found.validity == Validity.GOOD).all()


def test_erosion_drops_the_soft_edge_and_statistics_differ() -> None:
    mask = rectangle(10, 5, 40, 35)
    depth_map = np.where(rectangle(12, 7, 38, 33), 5.0, 25.0)
    box = [[10, 5, 40, 35]]
    assert read(depth_map, [mask], box, erode_px=2).depth[0] == 5
    assert read(depth_map, [mask], box, erode_px=0).depth[0] > 9
    assert read(depth_map, [mask], box, erode_px=0, statistic="median").depth[0] == 5
    boxed = read(depth_map, [mask], box, boxed=True)
    assert boxed.depth[0] == pytest.approx(depth_map[mask].mean())


def test_every_doubt_has_its_name() -> None:
    mask = rectangle(10, 5, 40, 35)
    split = np.where(np.arange(SIZE[1]) < 25, 3.0, 9.0) * np.ones(SIZE)
    flat = np.full(SIZE, 5.0)
    unknown = np.full(SIZE, np.nan)
    inside = [10.0, 5.0, 40.0, 35.0]
    cases = [
        (flat, mask, inside, Validity.GOOD),
        (flat, rectangle(10, 5, 12, 8), inside, Validity.MASK_TOO_SMALL),
        (flat, np.zeros(SIZE, bool), inside, Validity.MASK_TOO_SMALL),
        (flat, mask, [45.0, 5.0, 59.0, 35.0], Validity.MASK_DISAGREES_WITH_BOX),
        (flat, rectangle(10, 5, 16, 12), [0.0, 0.0, 60.0, 40.0], Validity.MASK_DISAGREES_WITH_BOX),
        (split, mask, inside, Validity.DEPTH_EDGE),
        (unknown, mask, inside, Validity.DEPTH_UNKNOWN),
        (flat, mask, [70.0, 5.0, 90.0, 35.0], Validity.BOX_OUTSIDE),
        (flat, mask, [10.0, 5.0, 10.0, 35.0], Validity.BOX_OUTSIDE),
        (flat, mask, [np.nan, 5.0, 10.0, 35.0], Validity.BOX_OUTSIDE),
    ]
    for depth_map, area, box, expected in cases:
        found = read(depth_map, [area], [box], erode_px=0)
        assert found.validity[0] == expected, (box, expected)
    assert np.isnan(read(unknown, [mask], [inside]).depth[0])


def test_no_objects_and_wrong_shapes() -> None:
    empty = instance_depth(np.ones(SIZE), np.zeros((0, *SIZE), bool), np.zeros((0, 4)), kind=DepthKind.METRIC)
    assert empty.depth.shape == (0,)
    with pytest.raises(UsageError, match=r"masks: expected shape \(1, 40, 60\)"):
        instance_depth(np.ones(SIZE), np.ones((2, *SIZE), bool), np.zeros((1, 4)), kind=DepthKind.METRIC)
    for wrong in ({"statistic": "mode"}, {"trim": 0.5}, {"erode_px": -1}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            InstanceSettings(**wrong)


@given(st.integers(0, 6), st.integers(3, 12), st.integers(3, 12))
def test_erosion_keeps_a_third_and_never_grows(pixels: int, height: int, width: int) -> None:
    mask = np.zeros((20, 20), bool)
    mask[2 : 2 + height, 3 : 3 + width] = True
    kept = erode(mask, pixels)
    assert not (kept & ~mask).any()
    assert 3 * kept.sum() >= mask.sum()


@given(st.integers(0, 2**32 - 1))
def test_every_claimed_pixel_goes_to_exactly_one_object(seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.random((4, 6, 7)) < 0.5
    kept = without_covered(masks, rng.random((6, 7)), larger_is_nearer=bool(seed % 2))
    assert (kept.sum(0) == masks.any(0)).all()
    assert not (kept & ~masks).any()


@given(st.lists(st.floats(0.1, 1e3), min_size=1, max_size=50))
def test_statistics_lie_within_the_values(values: list[float]) -> None:
    for statistic in ("mean", "median", "trimmed"):
        depth, spread = region_depth(np.array(values), statistic)
        assert min(values) - 1e-9 <= depth <= max(values) + 1e-9
        assert 0 <= spread <= max(values) - min(values) + 1e-9
