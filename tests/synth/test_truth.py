"""Labels say exactly what was painted: boxes, visibility, order, depth, identities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import write_pictures

from deptr.errors import UsageError
from deptr.records import FloatArray
from deptr.synth.camera import Camera, Projection, rotation_matrix
from deptr.synth.crowd import Area, Script
from deptr.synth.journey import CameraMotion
from deptr.synth.looks import Dressed
from deptr.synth.paint import NOBODY, Canvas, Sprite, extent_of
from deptr.synth.scene import Folders, Scene, SceneOptions
from deptr.synth.stage import Cast, Shadows, paint_cast
from deptr.synth.stream import composite_frames, crowd_frames
from deptr.synth.truth import FrameTruth, PersonTruth, Wanted

SIZE = (192, 320)
OPTIONS = SceneOptions(size=SIZE, frames=40)
MOTIONS = [CameraMotion.STATIC, CameraMotion.PAN, CameraMotion.GAIT, CameraMotion.ZOOM, CameraMotion.SHAKE]


@pytest.fixture(scope="module")
def truths(tmp_path_factory: pytest.TempPathFactory) -> list[FrameTruth]:
    """Frames of both worlds with all camera motions, crowded enough for occlusion."""
    folders = Folders.open(*write_pictures(tmp_path_factory.mktemp("pictures")))
    found = []
    for index, motion in enumerate(MOTIONS):
        options = replace(OPTIONS, camera=motion, level=1 + index % 3)
        for world in (None, folders):
            scene = Scene(200 + index, options, world)
            found += [scene.frame(frame, dense=True) for frame in (0, 19, 39)]
    assert sum(len(truth.people) for truth in found) > 200
    return found


def masks_of(truth: FrameTruth) -> Iterator[tuple[int, np.ndarray]]:
    for row in range(len(truth.people)):
        yield row, truth.mask(row)


def test_visible_boxes_are_the_extent_of_the_masks(truths: list[FrameTruth]) -> None:
    for truth in truths:
        for row, mask in masks_of(truth):
            expected = extent_of(mask) or (0, 0, 0, 0)
            assert tuple(truth.visible_boxes_xyxy[row]) == expected
            assert truth.visible_px[row] == mask.sum()


def test_amodal_boxes_hold_the_visible_ones_and_stay_inside(truths: list[FrameTruth]) -> None:
    for truth in truths:
        seen = truth.visible_px > 0
        amodal, visible = truth.boxes_xyxy[seen], truth.visible_boxes_xyxy[seen]
        assert (amodal[:, :2] <= visible[:, :2]).all() and (amodal[:, 2:] >= visible[:, 2:]).all()
        assert (truth.boxes_xyxy >= 0).all() and (truth.boxes_xyxy[:, 2:] <= SIZE[::-1]).all()
        full = truth.full_boxes_xyxy
        assert (full[:, :2] <= truth.boxes_xyxy[:, :2] + 1).all()
        assert (full[:, 2:] >= truth.boxes_xyxy[:, 2:] - 1).all()


def test_visibility_is_the_ratio_of_masks() -> None:
    """Painted alone, then behind another: the ratio of the two masks' pixels."""
    camera = Camera(160, 96, 120.0, rotation_matrix(0, 0, 0), np.array([0.0, -0.9, 0.0]))
    sprite = Sprite(np.pad(np.full((40, 16, 4), 255, np.uint8), ((2, 2), (2, 2), (0, 0))), (10.0, 42.0), 40.0)
    positions = np.array([[0.0, 0.0, 4.0], [0.12, 0.0, 3.0]])
    boards = camera.billboards(positions, np.array([1.7, 1.7]))
    counts = []
    for present in ([0], [0, 1]):
        canvas = Canvas(np.zeros((96, 160, 3), np.uint8))
        painted = [canvas.paint(sprite, boards.matrix(i, sprite), i + 1) for i in present]
        counts.append(canvas.visible_counts()[1])

    people = [
        PersonTruth(p, i + 1, float(boards.depth[i]), positions[i], 1.7)
        for i, p in enumerate(painted)
        if p is not None
    ]
    truth = FrameTruth(canvas, people, camera)
    assert 0 < counts[1] < counts[0]
    assert truth.visibility.tolist() == pytest.approx([counts[1] / counts[0], 1.0])


def test_painting_goes_from_far_to_near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing is painted over everything farther; the map of owners keeps the last painter."""
    painted: list[int] = []
    original = Canvas.paint

    def paint(self: Canvas, sprite: Sprite, matrix: FloatArray, owner: int = NOBODY, **rest: Any) -> Any:
        result = original(self, sprite, matrix, owner, **rest)
        if owner != NOBODY and result is not None:
            painted.append(owner)
            x0, y0, x1, y1 = result.box
            assert extent_of(self.owner[y0:y1, x0:x1] == owner) == (0, 0, x1 - x0, y1 - y0)
        return result

    monkeypatch.setattr(Canvas, "paint", paint)
    for level in (1, 2, 3):
        truth = Scene(60 + level, replace(OPTIONS, level=level)).frame(20)
        depths = dict(truth.canvas.other_depths)
        depths |= {person.painted.owner: person.depth for person in truth.people}
        order = [depths[owner] for owner in painted]
        assert len(order) > 3 and order == sorted(order, reverse=True)
        painted.clear()


def test_identities_and_their_depth_persist() -> None:
    """A person's id is one walk: positions move by less than a running step from frame to frame."""
    scene = Scene(5, replace(OPTIONS, level=2))
    last: dict[int, FloatArray] = {}
    for index in range(len(scene)):
        truth = scene.frame(index)
        assert len(set(truth.track_ids.tolist())) == len(truth.track_ids)
        for row, identity in enumerate(truth.track_ids.tolist()):
            if identity in last:
                assert np.linalg.norm(truth.positions[row] - last[identity]) < 4.5 / OPTIONS.fps
            last[identity] = truth.positions[row]
    assert len(last) >= 5


def test_projecting_the_world_position_gives_the_foot_of_the_box(truths: list[FrameTruth]) -> None:
    checked = 0
    for truth in truths:
        pixels, depth = truth.camera.project(truth.positions)
        middle = truth.positions.copy()
        middle[:, 1] -= [person.height_m / 2 for person in truth.people]
        assert truth.camera.project(middle)[1] == pytest.approx(truth.depth_m, abs=1e-4)
        assert (depth > 0).all()
        for row, (left, top, right, bottom) in enumerate(truth.full_boxes_xyxy):
            height = bottom - top
            if 0 < left and right < SIZE[1] and 0 < top and bottom < SIZE[0]:
                assert abs(pixels[row, 1] - bottom) <= 0.09 * height + 2
                assert left - 0.15 * height - 2 <= pixels[row, 0] <= right + 0.15 * height + 2
                checked += 1
    assert checked > 80


def test_box_heights_follow_perspective(truths: list[FrameTruth]) -> None:
    """Height in pixels times depth over focal length is the body's height, but for pose and pitch."""
    for truth in truths:
        for row, (left, top, right, bottom) in enumerate(truth.full_boxes_xyxy):
            if 0 < left and right < SIZE[1] and 0 < top and bottom < SIZE[0]:
                metres = (bottom - top) * truth.depth_m[row] / truth.camera.focal_px
                assert 0.55 < metres / truth.people[row].height_m < 1.35


def test_depth_map_under_a_mask_is_the_persons_depth_within_their_thickness(
    truths: list[FrameTruth],
) -> None:
    for truth in truths:
        depth = truth.dense_depth()
        for row, mask in masks_of(truth):
            if mask.any():
                reach = 0.36 * truth.people[row].height_m  # an arm stretched forward
                assert np.abs(depth[mask] - truth.depth_m[row]).max() <= reach
                if truth.visibility[row] > 0.8:
                    assert abs(float(np.median(depth[mask])) - truth.depth_m[row]) <= 0.2
        if truth.scenery_depth is None:
            assert np.isnan(depth[truth.canvas.owner == 0]).all()
        else:
            assert np.isfinite(depth).all()


def test_ground_in_the_depth_map_meets_the_feet() -> None:
    """The scenery's depth at a person's foot pixel is the foot's own depth."""
    scene = Scene(11, replace(OPTIONS, camera=CameraMotion.GAIT, level=1))
    truth = scene.frame(7, dense=True)
    assert truth.scenery_depth is not None
    pixels, depth = truth.camera.project(truth.positions)
    checked = 0
    for (x, y), foot_m in zip(pixels, depth, strict=True):
        if 0 <= x < SIZE[1] and 1 <= y < SIZE[0] - 1:
            above, below = truth.scenery_depth[int(y) - 1, int(x)], truth.scenery_depth[int(y) + 1, int(x)]
            assert below - 1e-3 <= foot_m <= above + 1e-3
            checked += 1
    assert checked


def test_people_on_the_seam_of_a_panorama_appear_on_both_sides() -> None:
    """One side is the person, the other a region to ignore; depth is the straight distance."""
    position = np.array([0.0, -1.0, 0.0])
    camera = Camera(512, 128, 512 / (2 * np.pi), np.eye(3), position, Projection.EQUIRECTANGULAR)
    sprite = Sprite(np.full((40, 24, 4), 255, np.uint8), (12.0, 40.0), 40.0)
    cast = Cast(np.array([[0.0, 0.0, -3.0]]), np.array([1.7]), 1, lambda index, boards: Dressed(sprite))
    canvas = Canvas(np.zeros((128, 512, 3), np.uint8))
    people, seams = paint_cast(canvas, camera, cast, Shadows(0.0))
    assert len(people) == 1 and len(seams) == 1
    boxes = sorted([people[0].painted.box, seams[0]])
    assert boxes[0][0] == 0 and boxes[1][2] == 512
    assert boxes[0][2] - boxes[0][0] == pytest.approx(boxes[1][2] - boxes[1][0], abs=1)
    assert people[0].depth == pytest.approx(np.hypot(3.0, 0.15), abs=1e-3)
    frame = FrameTruth(canvas, people, camera, seam_boxes=seams).labelled(Wanted())
    assert frame.ignore_boxes_xyxy.tolist() == [list(seams[0])]
    assert frame.visibility[0] == pytest.approx(0.5, abs=0.06)


def test_panoramas_know_the_depth_of_every_pixel() -> None:
    options = SceneOptions(size=(96, 256), frames=20, camera=CameraMotion.PANORAMA, level=2)
    truth = Scene(3, options).frame(10, dense=True)
    assert np.isfinite(truth.dense_depth()).all()
    assert len(truth.people) > 5


def test_scripts_make_what_they_promise() -> None:
    """A crossing pair swaps sides at different depths; a pair at equal depth passes within half a metre."""
    for crossings, equal_depth, low, high in ((1, 0, 0.5, 3.0), (0, 1, 0.05, 0.75)):
        script = Script(people=2, crossings=crossings, equal_depth=equal_depth)
        scene = Scene(8, SceneOptions(frames=200, camera=CameraMotion.STATIC, script=script))
        ground = scene.paths.ground
        columns = ground[:, :, 0] / ground[:, :, 1]
        order = np.sign(columns[:, 0] - columns[:, 1])
        assert order[0] != order[-1]
        meeting = int(np.flatnonzero(order != order[0])[0])
        assert low < abs(ground[meeting, 0, 1] - ground[meeting, 1, 1]) < high


def test_areas_put_people_inside_the_picture() -> None:
    rng = np.random.default_rng(0)
    area = Area(2.0, 8.0, 0.5)
    points = np.array([area.point(rng) for _ in range(200)])
    assert (np.abs(points[:, 0]) <= 0.5 * points[:, 1] + 1e-9).all()
    assert points[:, 1].min() >= 2.0 and points[:, 1].max() <= 8.0


def test_frames_for_training_hold_what_was_asked_for(tmp_path: Path) -> None:
    cutouts, backgrounds = write_pictures(tmp_path)
    crowd = crowd_frames(range(12), size=SIZE, masks=True, dense_depth=True)
    composite = composite_frames(
        range(12), cutouts=cutouts, backgrounds=backgrounds, size=SIZE, masks=True, dense_depth=True
    )
    counts = []
    for frame in (*crowd, *composite):
        count = len(frame.boxes_xyxy)
        counts.append(count)
        assert frame.image.shape == (*SIZE, 3) and frame.image.dtype == np.uint8
        assert frame.boxes_xyxy.shape == (count, 4) and frame.boxes_xyxy.dtype == np.float32
        assert frame.masks is not None and frame.masks.shape == (count, *SIZE)
        assert frame.dense_depth is not None and frame.dense_depth.shape == SIZE
        assert frame.focal_px and (frame.depth > 0).all() and (frame.depth_std == 0).all()
        assert ((frame.visibility > 0) & (frame.visibility <= 1)).all()
        assert (frame.boxes_xyxy[:, 2:] > frame.boxes_xyxy[:, :2]).all()
        for box, mask in zip(frame.visible_boxes_xyxy, frame.masks, strict=True):
            assert tuple(box) == extent_of(mask)
    assert (max(counts) > 8 and 0 in counts) or min(counts) < 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (0, 640)}, "size"),
        ({"size": (384, -2)}, "size"),
        ({"largest_crowd": 500}, "largest_crowd"),
        ({"min_visibility": 2.0}, "min_visibility"),
    ],
)
def test_streams_refuse_what_cannot_be_meant(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        crowd_frames(range(3), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (384, 0)}, "size"),
        ({"frames": 0}, "frames"),
        ({"fps": 0.0}, "fps"),
        ({"level": 4}, "level"),
        ({"camera": CameraMotion.PANORAMA}, "twice as wide"),
    ],
)
def test_scenes_refuse_what_cannot_be_meant(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SceneOptions(**arguments)  # type: ignore[arg-type]
