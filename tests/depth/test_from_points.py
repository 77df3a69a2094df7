"""Depth of boxes out of points and disparity, and depth maps moved from camera to camera."""

from __future__ import annotations

import numpy as np
import pytest

from deptr.cameras import Calibration, Camera
from deptr.depth.box_depths import BoxDepthState
from deptr.depth.from_points import depth_from_points
from deptr.depth.registration import Registration
from deptr.errors import UsageError

CAMERA = Camera.of_focal(500.0, (640, 480))
# a scanner's axes, x ahead, y left, z up, half a metre above the camera
SCANNER = np.array([[0, -1, 0, 0], [0, 0, -1, -0.5], [1, 0, 0, 0], [0, 0, 0, 1.0]])


def person(x: float, z: float, seed: int = 0) -> np.ndarray:
    """Points on somebody in the camera's axes."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([x - 0.25, -0.8, z], [x + 0.25, 0.9, z + 0.1], (500, 3))
    return np.asarray(points)


def box(x: float, z: float) -> list[float]:
    corners = CAMERA.project(np.array([[x - 0.3, -0.85, z], [x + 0.3, 0.95, z]]))
    return [*corners[0], *corners[1]]


def wall(z: float) -> np.ndarray:
    rng = np.random.default_rng(9)
    return np.asarray(rng.uniform([-0.6 * z, -0.5 * z, z], [0.6 * z, 0.5 * z, z + 0.01], (3000, 3)))


def test_the_cluster_in_the_frustum_is_the_object_before_the_wall() -> None:
    points = np.concatenate([wall(20), person(0.5, 6.0)])
    found = depth_from_points(points, np.array([box(0.5, 6.0)]), CAMERA)
    assert found.depth[0] == pytest.approx(6.05, abs=0.05) and found.std[0] < 0.2


def test_a_scanner_elsewhere_is_moved_into_the_camera() -> None:
    seen = np.concatenate([wall(20), person(0.5, 6.0)])
    there = (np.linalg.inv(SCANNER) @ np.c_[seen, np.ones(len(seen))].T).T[:, :3]
    found = depth_from_points(there, np.array([box(0.5, 6.0)]), Calibration(CAMERA, SCANNER))
    assert found.depth[0] == pytest.approx(6.05, abs=0.05)


def test_points_of_a_nearer_box_are_not_those_of_the_box_behind() -> None:
    points = np.concatenate([wall(20), person(0.0, 4.0), person(0.35, 8.0, seed=1)])
    found = depth_from_points(points, np.array([box(0.35, 8.0), box(0.0, 4.0)]), CAMERA)
    assert found.depth == pytest.approx([8.05, 4.05], abs=0.1)


def test_boxes_without_points_have_no_depth() -> None:
    found = depth_from_points(person(0.5, 6.0), np.array([box(-2.0, 6.0), [9.0, 9, 9, 9]]), CAMERA)
    assert np.isnan(found.depth).all()
    assert found.state.tolist() == [BoxDepthState.EMPTY, BoxDepthState.OUTSIDE]
    with pytest.raises(UsageError, match=r"points: expected shape \(M, 3\), got \(7,\)"):
        depth_from_points(np.zeros(7), np.zeros((1, 4)), CAMERA)


def test_disparity_with_the_distance_of_the_lenses_is_depth() -> None:
    disparity = np.full((480, 640), 500 * 0.1 / 10)
    disparity[100:400, 300:360] = 500 * 0.1 / 4
    boxes = np.array([[290.0, 95, 370, 405]])
    assert depth_from_points(disparity, boxes, CAMERA, baseline_m=0.1).depth[0] == pytest.approx(4.0)
    with pytest.raises(UsageError, match="baseline_m: expected a positive number of metres, got -1"):
        depth_from_points(disparity, boxes, CAMERA, baseline_m=-1)


def test_a_depth_map_moves_into_another_camera_the_nearest_first() -> None:
    depth_camera = Camera.of_focal(300.0, (320, 240))
    depth = np.full((240, 320), 6.0)
    depth[80:200, 150:180] = 2.0
    moved = np.eye(4)
    moved[0, 3] = 0.2  # the depth camera looks from the left: things appear farther right
    seen = Registration(depth_camera, CAMERA, moved).apply(depth)
    scale = 640 / seen.shape[1]
    middle = CAMERA.project(np.array([[(165 - 160) / 300 * 2 + 0.2, (140 - 120) / 300 * 2, 2.0]]))[0] / scale
    assert seen[int(middle[1]), int(middle[0])] == pytest.approx(2.0)
    stays = depth_from_points(np.zeros((0, 3)), np.zeros((0, 4)), CAMERA)
    assert stays.depth.shape == (0,)
    with pytest.raises(UsageError, match="expected 320x240 pixels as its camera says, got 640x480"):
        Registration(depth_camera, CAMERA, moved).apply(np.ones((480, 640)))


def test_a_lens_bends_rays_there_and_back() -> None:
    bent = Camera(CAMERA.matrix, (640, 480), np.array([-0.3, 0.1, 0.001, 0.0]))
    eye = Camera(CAMERA.matrix, (640, 480), np.array([-0.02, 0.01]), fisheye=True)
    pixels = np.array([[50.0, 60], [320, 240], [600, 400]])
    for camera in (bent, eye):
        rays = camera.rays(pixels)
        assert np.abs(rays - CAMERA.rays(pixels)).max() > 1e-3
        assert camera.project(np.c_[rays, np.ones(3)] * 3) == pytest.approx(pixels, abs=0.05)
