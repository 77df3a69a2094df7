"""What the likelihood tracker learns of a stream before it believes it: low scores, new depth, new tracks."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from deptr.records import FloatArray
from deptr.tracking.depth.redundancy import Redundancy
from deptr.tracking.likelihood.motion import DEPTH, LikelihoodMotion
from deptr.tracking.likelihood.noise import LearnedNoise
from deptr.tracking.likelihood.tracker import LikelihoodTracker
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Step

LOW, HIGH = 0.4, 0.9


def seen(x: FloatArray, scores: FloatArray | float) -> sv.Detections:
    """People 40 x 100 pixels who stand on one line."""
    x = np.asarray(x, np.float64)
    boxes = np.stack([x - 20, 0 * x + 100, x + 20, 0 * x + 200], axis=-1)
    return sv.Detections(xyxy=boxes.astype(np.float32), confidence=np.full(len(x), scores, np.float32))


def low_scores_told(strays: int) -> int:
    """How often a person who scores low every fourth time is told of then, among low scores elsewhere."""
    rng, tracker, told = np.random.default_rng(0), LikelihoodTracker(frame_rate=10), 0
    people = np.arange(4) * 300.0 + 100
    for frame in range(80):
        scores = np.full(4, HIGH)
        scores[frame % 4] = LOW
        stray = seen(rng.uniform(2000, 90_000, strays), LOW)
        found = sv.Detections.merge([seen(people, scores), stray]) if strays else seen(people, scores)
        answer = tracker.update(found)
        if frame >= 40:
            told += int((answer.confidence < 0.5).sum())
    return told


@pytest.mark.parametrize(("strays", "share"), [(0, 1.0), (8, 0.0)])
def test_low_scores_are_told_where_such_lie_on_tracks(strays: int, share: float) -> None:
    assert low_scores_told(strays) == 40 * share


def test_an_untold_low_score_keeps_its_track() -> None:
    rng, tracker = np.random.default_rng(0), LikelihoodTracker(frame_rate=10)
    scores = [HIGH] * 30 + [LOW] * 10 + [HIGH]
    for score in scores:
        person = seen(np.array([100.0]), score)
        answer = tracker.update(sv.Detections.merge([person, seen(rng.uniform(2000, 90_000, 8), LOW)]))
        assert len(answer) == (score == HIGH)
    assert answer.tracker_id.tolist() == [1]


def test_a_new_track_stands_still_whatever_the_others_do() -> None:
    motion = LikelihoodMotion(use_depth=False)
    motion.append(Measurements.of(seen(np.arange(6) * 200.0, HIGH)))
    for frame in range(1, 6):
        motion.predict(Step.of(0.1))
        motion.correct(np.arange(6), Measurements.of(seen(np.arange(6) * 200.0 + 15 * frame, HIGH)))
    motion.append(Measurements.of(seen(np.array([1500.0]), HIGH)))
    motion.predict(Step.of(0.1))
    assert motion.filters.mean[-1, 0] == 1500.0
    assert motion.filters.mean[0, 0] > 75


def test_noise_of_depth_is_known_within_two_seconds_at_a_low_rate() -> None:
    """Of ten objects at 2.5 frames a second; the first guess is 2 %, the truth 5 %."""
    rng, noise, rows = np.random.default_rng(0), LearnedNoise(), np.arange(10)
    noise.append(rng.normal(0, 0.05, (10, 5)))
    for _ in range(4):
        noise.step(0.4)
        noise.remember(rows, rng.normal(0, 0.05, (10, 5)))
        noise.learn(rows, np.ones((10, 5)))
    assert np.sqrt(noise.measurement[DEPTH]) > 0.04


@pytest.mark.parametrize("size", [0.1, 0.003])
def test_depth_said_twice_is_found_out_however_little_it_trembles(size: float) -> None:
    redundancy, rng = Redundancy(own_scale=True), np.random.default_rng(0)
    box = rng.normal(0, size, (20, 2))
    redundancy.learn(np.column_stack([box, -box[:, 0]]), rng.uniform(0, 900, 20))
    assert redundancy.say == 0.0
    assert redundancy.share > 0.6
