"""Depths that move together, depths that are their boxes said twice, and which tracks space leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from mutations import without
from scenes import Seen, crowd, measured, standing
from test_depth_evidence import RIGHT, SWAPPED, Frames, changed_places, result
from test_depth_judgement import TWOS, noise_after

SCALES = np.exp(np.cumsum(0.2 * np.random.default_rng(3).standard_normal((61, 2)), axis=0))
PLACES = [(side, depth) for side, depth in zip(np.linspace(-9, 9, 10), 8 + np.arange(10) % 4, strict=True)]


def told(frames: Frames, factor: Callable[[int, Seen], float]) -> Frames:
    """The same with other depths."""
    return [
        [replace(one, depth=one.depth * factor(number, one)) for one in frame]
        for number, frame in enumerate(frames)
    ]


def test_depths_that_all_move_at_once_are_followed() -> None:
    """The depth of everything is off by a fifth more or less in every frame, as of a network's free scale."""
    frames = told(changed_places(), lambda number, one: SCALES[number, 0])
    assert result(frames) == RIGHT
    with without("depth: common shift"):
        assert result(frames) == SWAPPED


def test_a_shift_that_changes_across_the_image_is_followed() -> None:
    def log_ratio() -> float:
        frames = told(
            crowd(60, places=PLACES), lambda number, one: SCALES[number, 1] ** ((one.x - 500) / 500)
        )
        return float(noise_after(frames).recent.log_ratio())

    tilted = log_ratio()
    assert tilted > 3.0
    with without("depth: tilt of the common shift"):
        assert log_ratio() < tilted - 1.0


def test_a_shift_is_believed_only_where_it_is_sure() -> None:
    common_shift = import_module("deptr.tracking.depth.common_shift").common_shift
    rng, places = np.random.default_rng(0), np.arange(20.0)
    noise = 0.1 * rng.standard_normal(20)
    assert common_shift(noise - np.median(noise) + 0.01, places)[0] == 0.0
    assert common_shift(noise + 0.3, places)[0] == pytest.approx(0.3, abs=0.1)
    assert common_shift(np.full(3, 0.3), places[:3])[0] == 0.0
    wrong = noise + np.where(places % 4 == 0, 3.0, 0.3)
    assert common_shift(wrong, places)[0] == pytest.approx(0.3, abs=0.15)


def on_the_ground() -> Frames:
    """A crowd whose depths are computed from its feet, which tremble."""
    rng = np.random.default_rng(5)

    def frame(people: list[Seen]) -> list[Seen]:
        moved = [replace(one, y=one.y + rng.standard_normal()) for one in people]
        return [replace(one, depth=750 / (one.y + one.height / 2 - 200)) for one in moved]

    return [frame(people) for people in crowd(60, places=TWOS)]


def test_depth_that_is_the_boxes_foot_said_twice_has_no_say() -> None:
    """Ground-plane depth fits its own track as well as measured depth does, but trembles with the box."""
    frames = on_the_ground()
    assert noise_after(frames).recent.log_ratio() > 3
    assert noise_after(frames).trust == 0
    assert noise_after(crowd(60, places=TWOS)).trust == 1
    with without("depth: said twice"):
        assert noise_after(frames).trust == 1


def test_depth_said_twice_has_no_say_while_all_depths_move() -> None:
    """What all do at once is not their boxes', but neither does it make each depth a witness of its own."""
    frames = told(
        on_the_ground(), lambda number, one: SCALES[number, 0] * SCALES[number, 1] ** (one.x / 500 - 1)
    )
    assert noise_after(frames).trust == 0
    with without("depth: said twice while all depths move"):
        assert noise_after(frames).trust > 0.1


def test_between_close_frames_a_third_of_a_depths_tremble_is_too_much() -> None:
    def say(seconds: float) -> float:
        redundancy = import_module("deptr.tracking.depth.redundancy").Redundancy()
        tremble = import_module("deptr.tracking.depth.tremble").Tremble(redundancy)
        step, rng = import_module("deptr.tracking.part").Step.of(seconds), np.random.default_rng(0)
        for frame in range(60):
            feet, height = rng.normal(500, 3, 40), np.full(40, 100.0)
            boxes = np.column_stack([np.arange(40.0), feet - height, np.arange(40.0) + 40, feet])
            seen = measured(boxes, feet / 100 + rng.normal(0, 0.042, 40), np.full(40, 1e-4))
            tremble.predict(step)
            if frame:
                tremble.correct(np.arange(40), seen)
            else:
                tremble.append(seen)
        return float(redundancy.say)

    assert say(0.2) > 0.3
    assert say(0.1) == 0.0
    with without("depth: close frames"):
        assert say(0.1) > 0.3


def test_tracks_that_jump_between_people_do_not_silence_depth() -> None:
    """Who stands farther is smaller and higher: a track that changes its person tells its depth twice."""

    def say() -> float:
        redundancy = import_module("deptr.tracking.depth.redundancy").Redundancy()
        tremble = import_module("deptr.tracking.depth.tremble").Tremble(redundancy)
        step = import_module("deptr.tracking.part").Step.of(0.2)
        rng, everyone, person = np.random.default_rng(4), np.arange(40), np.arange(40)
        distances = rng.uniform(8, 10, 40)
        for frame in range(60):
            jumping = rng.random(40) < 0.12
            person = np.where(jumping, rng.integers(40, size=40), person)
            depths = distances[person]
            boxes = np.zeros((40, 4))
            boxes[:, 3] = 200 + 800 / depths + rng.normal(0, 0.5, 40)
            boxes[:, 1] = boxes[:, 3] - 900 / depths
            values = np.log(depths) + rng.normal(0, 0.003, 40)
            seen = measured(boxes, values, np.full(40, 1e-4))
            tremble.predict(step)
            if frame:
                tremble.correct(everyone, seen)
            else:
                tremble.append(seen)
        return float(redundancy.say)

    assert say() == 1.0
    with without("depth: jumps say nothing twice"):
        assert say() < 0.5


def test_space_leads_the_tracks_whose_age_it_foresees_better() -> None:
    def led() -> list[bool]:
        fusion = import_module("deptr.tracking.depth.fusion").DepthFusion.adaptive()
        motion = import_module("deptr.tracking.motion").AreaMotion()
        state: Any = import_module("deptr.tracking.depth.state").start_depth(fusion, motion)
        boxes = np.array([standing("A", 0.0, 8.0).box, standing("B", 2.0, 9.0).box])
        state.perspective.append(measured(boxes, np.log([8.0, 9.0]), np.full(2, 1e-4)))
        state.perspective.updates[:] = 2, 20
        state.noise.leads_young = True
        chosen = state.boxes(np.zeros((2, 4)))
        return [bool(box.any()) for box in chosen]

    assert led() == [True, False]
    with without("depth: leads by age"):
        assert led() == [True, True]


def test_only_the_first_association_of_a_frame_tells() -> None:
    """What the first one leaves over is chosen badly: OC-SORT's later ones must not move all depths."""

    def shifts() -> int:
        calls = []
        module = import_module("deptr.tracking.depth.state")
        common_shift = module.common_shift

        def counted(*given: Any) -> Any:
            calls.append(1)
            return common_shift(*given)

        module.common_shift = counted
        try:
            result(crowd(20, places=TWOS), name="ocsort")
        finally:
            module.common_shift = common_shift
        return len(calls)

    assert shifts() == 19
