"""The reported box: jitter is smoothed away, real change is not, and both are found out while tracking."""

from __future__ import annotations

import numpy as np
import pytest
from mutations import without
from scenes import Seen, detections_of, tracker_of

from deptr.records import FloatArray
from deptr.tracking.box_report import BoxReport


def boxes_of(centre: FloatArray, aspect: FloatArray, height: float = 100.0) -> FloatArray:
    """``(frames, tracks, 4)`` xyxy from centre x and log aspect, ``(frames, tracks)``."""
    width = height * np.exp(aspect)
    return np.stack([centre - width / 2, np.zeros_like(width), centre + width / 2, height + 0 * width], -1)


def smoothed(values: FloatArray, gain: float = 0.2) -> FloatArray:
    """What a filter of that gain makes of each track."""
    out = values.copy()
    for frame in range(1, len(out)):
        out[frame] = out[frame - 1] + gain * (values[frame] - out[frame - 1])
    return out


def learned(detected: FloatArray, filtered: FloatArray) -> BoxReport:
    report = BoxReport()
    report.append(detected.shape[1])
    for ours, theirs in zip(detected, filtered, strict=True):
        report.learn(ours, theirs, np.ones(len(ours), bool), 0.1)
    return report


@pytest.mark.parametrize("jitter", [0.05, 0.15])
def test_jitter_is_smoothed_away(jitter: float) -> None:
    rng = np.random.default_rng(1)
    truth = np.full((120, 8), -0.8)
    noisy = truth + rng.normal(0, jitter, truth.shape)
    still = np.full(truth.shape, 200.0)
    detected, filtered = boxes_of(still, noisy), boxes_of(still, smoothed(noisy))
    report = learned(detected, filtered)
    assert report.share[2] >= 0.7
    reported = report.blend(detected[-1], filtered[-1])
    error = np.log((reported[:, 2] - reported[:, 0]) / 100) - truth[-1]
    assert np.abs(error).mean() < 0.7 * np.abs(noisy[-1] - truth[-1]).mean()


@pytest.mark.parametrize("frames_per_radian", [1.5, 4, 12])
def test_real_change_is_not_smoothed_away(frames_per_radian: float) -> None:
    """Limbs swing within few frames at a low frame rate; a witness that averages takes that for noise."""
    time = np.arange(120.0)[:, None] * np.ones(8)
    turning = -0.5 + 0.3 * np.sin(time / frames_per_radian + np.arange(8))
    still = np.full(turning.shape, 200.0)
    report = learned(boxes_of(still, turning), boxes_of(still, smoothed(turning)))
    assert report.share[2] <= 0.1


def test_history_follows_the_tracks_through_births_and_deaths() -> None:
    rng = np.random.default_rng(2)
    still = np.full((400, 12), 200.0)
    noisy = -0.8 + rng.normal(0, 0.1, still.shape)
    detected, filtered = boxes_of(still, noisy), boxes_of(still, smoothed(noisy))
    plain = learned(detected, filtered)
    report = BoxReport()
    report.append(6)
    kept = np.arange(6)
    for frame, (ours, theirs) in enumerate(zip(detected, filtered, strict=True)):
        if frame == 100:
            report.append(6)
            kept = np.arange(12)
        if frame == 300:
            kept = np.array([1, 3, 7, 8])
            report.select(kept)
        report.learn(ours[kept], theirs[kept], np.ones(len(kept), bool), 0.1)
    assert abs(report.share[2] - plain.share[2]) <= 0.15


def test_an_unseen_track_and_an_uneven_clock_teach_nothing() -> None:
    report, before = BoxReport(), BoxReport().share
    report.append(1)
    box = np.array([[0.0, 0.0, 40.0, 100.0]])
    for frame in range(40):
        report.learn(box, box + 30.0, np.array([frame % 2 == 0]), 0.1)
    assert (report.share == before).all()
    for frame in range(40):
        report.learn(box, box + 30.0, np.array([True]), 0.1 * (1 + frame % 2))
    assert (report.share == before).all()


@pytest.mark.parametrize("name", ["sort", "bytetrack", "ocsort", "botsort", "hybridsort"])
def test_a_tracker_reports_steadier_boxes_than_the_detector(name: str) -> None:
    """Six people who stand, their boxes off by 4 % of their height: after a while that is smoothed away."""
    rng = np.random.default_rng(3)
    frames = [
        [
            Seen(
                f"{k}", 100.0 + 90 * k, 200 + 3 * rng.standard_normal(), height=80 + 3 * rng.standard_normal()
            )
            for k in range(6)
        ]
        for _ in range(120)
    ]

    def wobble(boxes: str) -> float:
        tracker = tracker_of(name, boxes=boxes, frame_rate=10.0)
        told = [tracker.update(detections_of(frame)).xyxy for frame in frames]
        return float(np.std(told[60:], axis=0)[:, 1].mean())

    observed = wobble("observed")
    assert wobble("adaptive") < 0.9 * observed
    with without("report: box between detection and filter"):
        assert wobble("adaptive") == observed
