"""Pictures: what is drawn, where, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st

from deptr.records import DepthKind
from deptr.viz.birdseye import CORNERS, BirdsEye, panel, quietest_corner
from deptr.viz.canvas import Font, rounded
from deptr.viz.colors import identity_color
from deptr.viz.overlay import Overlay, depth_words, label_place, overlap
from deptr.viz.trails import Trails

GREY = np.full((288, 384, 3), 120, np.uint8)


def tracks(boxes: list[tuple[float, ...]], depths: list[float] | None = None) -> sv.Detections:
    data = {} if depths is None else {"depth": np.array(depths, np.float32)}
    return sv.Detections(
        np.array(boxes, float).reshape(-1, 4), tracker_id=np.arange(1, len(boxes) + 1), data=data
    )


def changed(picture: np.ndarray) -> np.ndarray:
    return (picture != GREY).any(axis=2)


def test_boxes_have_their_identitys_color_and_the_input_stays() -> None:
    before = GREY.copy()
    picture = Overlay((384, 288)).draw(GREY, tracks([(60, 80, 100, 200), (200, 80, 260, 220)]), 0.0)
    np.testing.assert_array_equal(GREY, before)
    assert tuple(picture[140, 60]) == identity_color(1)
    assert tuple(picture[140, 200]) == identity_color(2)
    assert not changed(picture)[120:180, 120:180].any()  # nothing between the boxes
    assert not changed(picture)[120:180, 70:90].any()  # and nothing inside them


def test_no_track_no_paint() -> None:
    picture = Overlay((384, 288), depth_kind=DepthKind.METRIC).draw(GREY, tracks([]), 0.0)
    assert not changed(picture).any()
    assert not changed(Overlay((384, 288)).draw(GREY, sv.Detections.empty(), 0.0)).any()


def test_the_inset_stands_in_its_corner_and_shows_depth() -> None:
    rows = {}
    left, top, width, height = panel((384, 288), "top-right")
    for depth in (5.0, 20.0):
        overlay = Overlay((384, 288), depth_kind=DepthKind.METRIC, corner="top-right")
        boxes = [(20.0, 150.0, 60.0, 250.0), (100.0, 150.0, 120.0, 200.0)]
        picture = overlay.draw(GREY, tracks(boxes, [depth, 30.0]), 0.0)
        inset = picture[top : top + height, left : left + width]
        assert changed(picture)[top + 30 : top + height - 30, left + 30 : left + width - 30].all()
        rows[depth] = np.argwhere((inset == identity_color(1)).all(axis=2))[:, 0].mean()
    assert rows[20.0] < rows[5.0] - 10  # farther is higher up


def test_larger_is_nearer_turns_the_inset_over() -> None:
    view = BirdsEye((384, 288), DepthKind.RELATIVE_INVERSE)
    view.draw(GREY.copy(), np.array([1, 2]), np.array([50.0, 90.0]), np.array([0.2, 0.9]), 0.0)
    assert view._share(0.9) < view._share(0.2)


def test_unknown_depth_is_not_in_the_inset() -> None:
    overlay = Overlay((384, 288), depth_kind=DepthKind.METRIC, corner="top-right")
    picture = overlay.draw(GREY, tracks([(20, 150, 60, 250)], [np.nan]), 0.0)
    left, top, width, height = panel((384, 288), "top-right")
    assert not changed(picture)[top : top + height, left : left + width].any()


def test_trails_follow_and_fade() -> None:
    overlay = Overlay((384, 288))
    for step in range(10):
        picture = overlay.draw(GREY, tracks([(20.0 + 20 * step, 100, 60.0 + 20 * step, 200)]), step * 0.1)
    assert changed(picture)[196:204, 45:200].any(axis=0).mean() > 0.9
    for step in range(100, 102):
        picture = overlay.draw(GREY, tracks([(220, 100, 260, 200)]), step * 0.1)
    assert not changed(picture)[196:204, 45:200].any()


def test_trails_break_at_a_pause_and_forget() -> None:
    trails = Trails(seconds=3, gap_seconds=1)
    for now in (0.0, 0.5, 2.5):
        trails.add(1, now, (now, 0.0))
    assert [line.tolist() for line, _ in trails.pieces(1, 2.5)] == [[[0.0, 0.0], [0.5, 0.0]]]
    trails.forget_old(10.0)
    assert not trails._points


def test_labels_keep_out_of_each_others_way() -> None:
    taken: list[tuple[int, int, int, int]] = []
    for box in [(50, 60, 80, 120), (55, 62, 90, 122), (52, 58, 70, 160)]:
        place = label_place(np.array(box, float), (40, 16), (384, 288), taken)
        assert place is not None
        taken.append(place)
    assert not any(overlap(a, b) for i, a in enumerate(taken) for b in taken[:i])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-500, 900)] * 2, *[st.floats(0.1, 900)] * 2), max_size=6),
    st.sampled_from([(33, 21), (384, 288), (1, 1)]),
    st.sampled_from([None, *DepthKind]),
)
def test_any_boxes_on_any_image_can_be_drawn(
    places: list[tuple[float, ...]], size: tuple[int, int], kind: DepthKind | None
) -> None:
    boxes = [(x, y, x + w, y + h) for x, y, w, h in places]
    depths = [abs(x) + 0.1 for x, *_ in places]
    picture = Overlay(size, depth_kind=kind, caption="a caption").draw(
        np.zeros((size[1], size[0], 3), np.uint8), tracks(boxes, depths), 0.0
    )
    assert picture.shape == (size[1], size[0], 3)


def test_the_quietest_corner_is_free() -> None:
    crowds = {
        corner: np.array([panel((768, 576), other) for other in CORNERS if other != corner])
        for corner in CORNERS
    }
    for corner, panels in crowds.items():
        boxes = np.column_stack([panels[:, :2], panels[:, :2] + panels[:, 2:]]).astype(float)
        assert quietest_corner((768, 576), boxes) == corner
    assert quietest_corner((768, 576), np.zeros((0, 4))) in CORNERS


def test_text_and_panels_are_cut_at_the_border() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    font = Font(12)
    for left, top in ((-5, -5), (15, 15), (100, 100), (-100, 3)):
        font.draw(image, left, top, "Abg12", (255, 255, 255))
        rounded(image, (left, top, left + 10, top + 10), 3, (255, 0, 0), opacity=0.5)
    assert image.any()
    assert font.width("") >= 0


@pytest.mark.parametrize(
    ("depth", "kind", "words"),
    [
        (8.449, DepthKind.METRIC, "8.4 m"),
        (123.4, DepthKind.METRIC, "123 m"),
        (np.nan, DepthKind.METRIC, ""),
        (0.123, DepthKind.RELATIVE_INVERSE, "0.12"),
        (3.21, DepthKind.PSEUDO, "~3.2"),
    ],
)
def test_depths_are_written_for_people(depth: float, kind: DepthKind, words: str) -> None:
    assert depth_words(depth, kind) == words
