"""How people look: what the reader gives, how it is learned, and its way through a run."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv

import deptr
from deptr.detector.looks import HEIGHT, WIDTH, LooksReader, thumbnails
from deptr.errors import DataError, UsageError
from deptr.tracking.likelihood.tracker import LikelihoodTracker

RED, BLUE, GREY = (200, 40, 40), (40, 40, 200), (120, 120, 120)


def picture(*people: tuple[int, tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """People of one colour each before a grey wall, and their boxes."""
    image = np.full((120, 240, 3), GREY, np.uint8)
    boxes = np.array([[left, 20.0, left + 30, 110.0] for left, _ in people])
    for left, colour in people:
        image[20:110, left : left + 30] = colour
        image[20:35, left + 8 : left + 22] = (224, 180, 150)
    return image, boxes


def test_who_wears_the_same_looks_the_same_wherever_they_stand() -> None:
    reader = LooksReader()
    before = reader.looks(*picture((10, RED), (100, BLUE)))
    after = reader.looks(*picture((60, BLUE), (180, RED)))
    assert np.allclose(np.linalg.norm(before, axis=1), 1, atol=1e-5)
    assert (before @ after.T).argmax(1).tolist() == [1, 0]


def test_a_thumbnail_shows_what_is_in_the_box_as_far_as_that_is_in_the_image() -> None:
    image, boxes = picture((10, RED))
    shown = thumbnails(image, np.concatenate([boxes, boxes - [5, 0, 0, 0], [[-90, -90, -40, -40]]]))
    assert shown.shape == (3, HEIGHT, WIDTH, 3)
    assert shown[0, -1].tolist() == [list(RED)] * WIDTH
    assert shown[1, -1, 0].tolist() != list(RED)
    assert not shown[2].any()


def test_what_detections_carry_is_kept_and_no_detections_have_a_width() -> None:
    image, boxes = picture((10, RED))
    found = sv.Detections(xyxy=boxes, data={"depth": np.array([4.0])})
    read = LooksReader()(image, found)
    assert read.data["depth"].tolist() == [4.0]
    assert "embedding" not in found.data
    assert LooksReader()(image, found[:0]).data["embedding"].shape == (0, 64)


def test_files_that_are_no_looks_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no looks of"):
        LooksReader(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", matrix=np.zeros((4, 10)), shift=np.zeros(4))
    with pytest.raises(DataError, match=r"looks of another version.*\(E, 576\)"):
        LooksReader(tmp_path / "other.npz")


class Listening(LikelihoodTracker):
    heard: tuple[int, ...] = ()

    def update(self, detections: sv.Detections, *rest: object) -> sv.Detections:
        self.heard = detections.data["embedding"].shape
        return super().update(detections, *rest)  # type: ignore[arg-type]


@pytest.fixture
def walk(tmp_path: Path) -> dict[str, Path]:
    """Images of two people, and a file of their boxes."""
    folder = tmp_path / "walk"
    folder.mkdir()
    rows = []
    for frame in range(1, 4):
        image, boxes = picture((10 + frame, RED), (150 - frame, BLUE))
        cv2.imwrite(str(folder / f"{frame:06d}.png"), image[:, :, ::-1])
        rows += [f"{frame},-1,{x},{y},{right - x},{low - y},0.9\n" for x, y, right, low in boxes]
    file = tmp_path / "det.txt"
    file.write_text("".join(rows))
    return {"source": folder, "detections": file}


def test_a_run_gives_its_tracker_the_looks_of_each_box(walk: dict[str, Path]) -> None:
    tracker = Listening(frame_rate=10)
    for frame in deptr.track(**walk, fps=10, tracker=tracker, looks="person"):
        assert tracker.heard == (2, 64)
        assert len(frame.tracked) == 2


def test_looks_that_nobody_reads_or_sees_are_refused(walk: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match=r"looks='person': has no effect on bytetrack.*likelihood"):
        deptr.track(**walk, fps=10, looks="person")
    with pytest.raises(UsageError, match="looks: needs images"):
        deptr.track(detections=walk["detections"], fps=10, tracker="learned", looks="person")
