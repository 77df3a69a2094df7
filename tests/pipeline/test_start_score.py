"""The score from which a track starts: the detector's own word for it, which the user's overrules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv

import deptr
from deptr.detector.backend import Backend
from deptr.detector.inference import Detector
from deptr.detector.tiles import TiledBackend
from deptr.records import Image


class Unsure(Backend):
    """Sees one person, always with a score of 0.75."""

    names: Mapping[int, str] = {0: "person"}

    def __init__(self, start_score: float) -> None:
        self.start_score = start_score

    def detect(
        self, images: Sequence[Image], *, min_score: float, focal_px: float | None
    ) -> list[sv.Detections]:
        box = np.array([[10.0, 10, 40, 90]])
        one = {"confidence": np.array([0.75]), "class_id": np.array([0])}
        return [sv.Detections(box.copy(), **one) for _ in images]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    for number in range(1, 9):
        cv2.imwrite(str(tmp_path / f"{number:06d}.png"), np.full((96, 128, 3), 90, np.uint8))
    return tmp_path


@pytest.mark.parametrize(
    ("start_score", "parameters", "found"),
    [(0.0, {}, 1), (0.7, {}, 1), (0.8, {}, 0), (0.8, {"new_score": 0.7}, 1), (0.0, {"new_score": 0.8}, 0)],
)
def test_a_track_starts_from_the_detectors_score(
    frames: Path, start_score: float, parameters: dict[str, float], found: int
) -> None:
    detector = Detector(Unsure(start_score))
    run = deptr.track(frames, fps=10, detector=detector, parameters=parameters)
    assert len({number for frame in run for number in frame.tracked.tracker_id.tolist()}) == found
    assert TiledBackend(Unsure(start_score), (2, 1)).start_score == start_score


def test_a_tracker_that_is_made_already_keeps_its_own(frames: Path) -> None:
    tracker = deptr.ByteTrack(new_score=0.7)
    run = deptr.track(frames, fps=10, detector=Detector(Unsure(0.8)), tracker=tracker)
    assert any(len(frame.tracked) for frame in run)


def test_the_bundled_files_say_theirs() -> None:
    for name in ("deptr-nano-person", "deptr-nano-person-int8"):
        assert Detector.from_pretrained(name).start_score == 0.8
