"""Depth in the association: formulas by hand, learning, and what bad depth must not do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import supervision as sv
from scenes import measured, passing

from deptr import boxes as box_module
from deptr.boxes import covered_share
from deptr.errors import UsageError
from deptr.tracking.bytetrack import ByteTrack
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.depth.perspective import DEPTH, PerspectiveMotion
from deptr.tracking.depth.space import DepthSpace
from deptr.tracking.depth.state import DepthState, start_depth
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import AreaMotion

RATE = 10.0


def seen(boxes: Any, depths: Any, kind: str = "metric", stds: Any = None) -> sv.Detections:
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    data = {"depth": np.asarray(depths, np.float32)}
    if stds is not None:
        data["depth_std"] = np.asarray(stds, np.float32)
    return sv.Detections(
        xyxy=boxes, confidence=np.full(len(boxes), 0.95), data=data, metadata={"depth_kind": kind}
    )


def state_of(fusion: DepthFusion) -> DepthState:
    state = start_depth(fusion, AreaMotion())
    assert state is not None
    return state


def started(state: DepthState, taken: Measurements) -> None:
    for part in state.parts:
        part.append(taken)


def box(u: float, z: float, width: float = 0.6, height: float = 1.7) -> list[float]:
    """A standing object at image column u (from the middle, metres at depth 1) and depth z, f = 500."""
    focal = 500.0
    x, foot = 500 + focal * u / z, 200 + focal * 1.5 / z
    return [x - focal * width / z / 2, foot - focal * height / z, x + focal * width / z / 2, foot]


@pytest.mark.parametrize(("gamma", "scale"), [(0.2, 0.1), (0.7, 0.05)])
def test_fixed_is_the_papers_formula_inside_the_plain_limit(gamma: float, scale: float) -> None:
    state = state_of(DepthFusion.fixed(gamma, scale))
    started(state, Measurements.of(seen([box(0, 10)], [10.0])))
    costs = np.array([[0.3, 0.5, 0.95]])
    answer = state.fuse(
        costs,
        np.array([0]),
        state.read(Measurements.of(seen([box(0, 10)] * 3, [12.0, math.nan, 10.0]))),
        cost_limit=0.8,
    )
    assert answer is not None
    pairs, fused, _ = answer
    assert pairs.columns.tolist() == [0, 1], "depth opens no closed pair"
    assert fused[0] == pytest.approx((1 - gamma) * 0.3 + gamma * scale * 2.0)
    assert fused[1] == costs[0, 1], "unknown depth is neutral"


def test_kalman_measures_the_gap_in_standard_deviations() -> None:
    state = state_of(DepthFusion.kalman(gamma=0.5, scale=0.1))
    started(state, state.read(Measurements.of(seen([box(0, 10)], [10.0]))))
    candidate = state.read(Measurements.of(seen([box(0, 10)], [11.0])))
    assert candidate.variances is not None
    sigma = math.sqrt(state.perspective.filters.covariance[0, 0, DEPTH] + candidate.variances[0])
    answer = state.fuse(np.array([[0.4]]), np.array([0]), candidate, cost_limit=0.9)
    assert answer is not None
    _, fused, _ = answer
    assert fused[0] == pytest.approx(0.5 * 0.4 + 0.5 * 0.1 * math.log(1.1) / sigma, rel=1e-5)


def test_a_detectors_own_sigma_is_used_where_it_is_larger() -> None:
    state = state_of(DepthFusion.adaptive())
    read = state.read(Measurements.of(seen([box(-2, 10), box(2, 10)], [10.0, 10.0], stds=[0.001, 4.0])))
    assert read.variances is not None
    assert read.variances[0] == pytest.approx(max(state.noise.same.value, 0.02**2))
    assert read.variances[1] == pytest.approx(0.4**2, rel=1e-5)


def test_covered_detections_are_less_sure() -> None:
    state = state_of(DepthFusion.adaptive())
    read = state.read(Measurements.of(seen([box(0, 10), box(0.2, 11), box(9, 10)], [10.0, 11.0, 10.0])))
    assert read.variances is not None
    assert read.variances[1] > read.variances[2]
    assert covered_share(np.zeros((0, 4))).shape == (0,)


def test_perspective_motion_foresees_an_approaching_object() -> None:
    """Constant speed in the world: 1 m/s sideways, 5 m/s towards the camera."""
    motion, step = PerspectiveMotion(DepthSpace()), 0.2
    noise = np.array([0.01**2])
    for i in range(6):
        z, u = 20 - 5 * step * i, -3 + 1.0 * step * i
        boxes, depth = np.array([box(u, z)]), np.log([z])
        if i == 0:
            motion.append(measured(boxes, depth, noise))
        else:
            motion.predict(passing(step))
            motion.correct(np.array([0]), measured(boxes, depth, noise))
    motion.predict(passing(step))
    wanted = np.array(box(-3 + 1.0 * step * 6, 20 - 5 * step * 6))
    assert np.abs(motion.boxes()[0] - wanted).max() < 4.0
    assert math.exp(motion.filters.mean[0, DEPTH]) == pytest.approx(14.0, rel=0.02)
    assert motion.rates()[0] == pytest.approx(-5 / 14, rel=0.15)


def test_perspective_motion_never_runs_away() -> None:
    motion = PerspectiveMotion(DepthSpace())
    motion.append(measured([box(0, 3)], np.log([3.0]), np.array([1e-4])))
    motion.predict(passing(0.1))
    motion.correct(np.array([0]), measured([box(0, 1)], np.log([1.0]), np.array([1e-4])))
    for _ in range(500):
        motion.predict(passing(0.1))
    assert np.isfinite(motion.boxes()).all()
    assert np.abs(motion.boxes()).max() < 1e6


def crossing(noise: str, frames: int = 160) -> list[sv.Detections]:
    """Pairs that walk through each other at different depths, the farther one hidden meanwhile."""
    rng = np.random.default_rng(3)
    out = []
    for i in range(frames):
        phase = (i % 40) / 40
        near, far = -2 + 4 * phase, 2 - 4 * phase
        objects = [(near, 6.0), (far * 1.6, 9.5), (7.0, 8.0), (-8.0, 12.0)]
        boxes = [box(u, z) for u, z in objects]
        depths = np.array([z for _, z in objects])
        keep = [True, abs(near / 6.0 - far * 1.6 / 9.5) > 0.06, True, True]
        if noise == "shuffled":
            depths = rng.permutation(depths)
        elif noise == "constant":
            depths[:] = 5.0
        elif noise == "noisy":
            depths = np.maximum(depths * (1 + 0.4 * rng.standard_normal(4)), 0.1)
        jitter = rng.normal(0, 1.0, (4, 4))
        out.append(seen((np.array(boxes) + jitter)[keep], depths[keep]))
    return out


def identities(fusion: DepthFusion, video: list[sv.Detections]) -> tuple[ByteTrack, list[list[int]]]:
    tracker = ByteTrack(depth=fusion, frame_rate=RATE, boxes="observed")
    return tracker, [tracker.update(frame).tracker_id.tolist() for frame in video]


def test_good_depth_earns_trust_and_bad_depth_does_not() -> None:
    good, _ = identities(DepthFusion.adaptive(), crossing("good"))
    assert good._depth.noise.telling
    assert good._depth.noise.trust == 1.0
    assert good._depth.noise.same.value < 0.03**2
    for noise in ("shuffled", "constant", "noisy"):
        bad, _ = identities(DepthFusion.adaptive(), crossing(noise))
        assert not bad._depth.noise.telling, noise
        assert bad._depth.noise.trust < 0.5, noise


@pytest.mark.parametrize("noise", ["shuffled", "constant"])
def test_useless_depth_ends_up_ignored(noise: str) -> None:
    video = crossing(noise)
    assert identities(DepthFusion.adaptive(), video)[1] == identities(DepthFusion.none(), video)[1]


def test_a_track_that_jumps_is_found_again_by_its_depth() -> None:
    """At 2 fps a near walker leaves his box behind; place, size and depth still tell who he is."""
    video = crossing("good") + [
        seen([box(-2 + 2.2 * i, 6.0), box(7, 8.0), box(-8, 12.0)], [6.0, 8.0, 12.0]) for i in range(2)
    ]
    tracker = ByteTrack(frame_rate=RATE, boxes="observed")
    for frame in video[:-2]:
        tracker.update(frame)
    start = tracker._rows.now
    first = tracker.update(video[-2], timestamp=start + 0.5)
    second = tracker.update(video[-1], timestamp=start + 1.0)
    plain = ByteTrack(depth=DepthFusion.none(), frame_rate=RATE, boxes="observed")
    for frame in video[:-2]:
        plain.update(frame)
    plain.update(video[-2], timestamp=start + 0.5)
    assert len(plain.update(video[-1], timestamp=start + 1.0)) == 2
    assert set(second.tracker_id) == set(first.tracker_id)


def test_relative_inverse_depth_is_followed_without_logarithms() -> None:
    video = [
        seen(frame.xyxy, 60.0 / frame.data["depth"] - 2.0, "relative_inverse") for frame in crossing("good")
    ]
    tracker, _ = identities(DepthFusion.adaptive(), video)
    assert tracker._depth.noise.telling
    nearest = min(tracker.tracks, key=lambda track: abs(track.box[3] - box(0, 6.0)[3]))
    assert nearest.depth == pytest.approx(8.0, abs=0.5)


@pytest.mark.parametrize("gamma", [-0.1, 1.5, math.nan, "much"])
def test_gamma_outside_its_range_is_refused(gamma: Any) -> None:
    with pytest.raises(UsageError, match="gamma: expected a number in"):
        DepthFusion.fixed(gamma, 1.0)


def test_coverage_is_the_same_among_few_and_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    corner = rng.uniform(0, 300, (60, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 80, (60, 2))], axis=1)
    few = covered_share(boxes)
    monkeypatch.setattr(box_module, "FEW_BOXES", 0)
    assert few.max() > 0.5
    np.testing.assert_allclose(covered_share(boxes), few)
