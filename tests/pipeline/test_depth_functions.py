"""Functions of the user's own as sources of depth."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import deptr
from deptr import DepthRequest
from deptr.errors import UsageError


@pytest.fixture
def walk(tmp_path: Path) -> dict[str, object]:
    """Frames whose brightness is their number, and two boxes that stand still."""
    (tmp_path / "frames").mkdir()
    for k in range(1, 7):
        cv2.imwrite(str(tmp_path / "frames" / f"{k:03d}.png"), np.full((60, 80, 3), 10 * k, np.uint8))
    rows = [f"{k},-1,{x},10,20,40,0.9" for k in range(1, 7) for x in (5, 50)]
    (tmp_path / "det.txt").write_text("\n".join(rows))
    return {"source": tmp_path / "frames", "detections": tmp_path / "det.txt", "fps": 10}


def two_rooms(image: np.ndarray) -> np.ndarray:
    """As far as the image is bright on the left, 30 m on the right, at half the size."""
    assert image.dtype == np.uint8 and image.shape == (60, 80, 3)
    depth = np.full((30, 40), 30.0)
    depth[:, :20] = image[0, 0, 0]
    return depth


def test_a_function_gives_the_depth_of_each_image(walk: dict[str, object], tmp_path: Path) -> None:
    frames = list(deptr.track(**walk, depth=two_rooms))
    found = np.array([frame.detections.data["depth"] for frame in frames])
    np.testing.assert_allclose(found, [[10 * k, 30] for k in range(1, 7)])
    deptr.track(**walk, depth=two_rooms, focal_px=100).save(tmp_path / "run", video=False)
    said = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (said["depth"]["source"], said["depth"]["kind"]) == ("two_rooms", "metric")
    assert "licence" not in said["depth"]


def test_every_second_image_and_another_kind(walk: dict[str, object]) -> None:
    seen: list[int] = []

    def inverse(image: np.ndarray) -> np.ndarray:
        seen.append(int(image[0, 0, 0]))
        return 100 / two_rooms(image)

    asked = DepthRequest(inverse, kind="relative_inverse", every=2)
    run = deptr.track(**walk, depth=asked)
    depths = np.array([frame.detections.data["depth"] for frame in run])
    assert run.depth_kind is deptr.DepthKind.RELATIVE_INVERSE
    assert seen == [10, 30, 50]
    np.testing.assert_allclose(depths[::2, 0], 100 / np.array([10, 30, 50]))
    assert np.isnan(depths[1::2]).all()


def test_what_cannot_be_meant_is_told(walk: dict[str, object]) -> None:
    with pytest.raises(
        UsageError, match=r"answers with numbers of shape \(h, w\), got uint8 of shape \(60, 80, 3\)"
    ):
        list(deptr.track(**walk, depth=lambda image: image))
    with pytest.raises(UsageError, match="depth='two_rooms': needs images, got detections alone"):
        deptr.track(detections=walk["detections"], fps=10, depth=two_rooms)
    with pytest.raises(
        UsageError, match="depth_kind: has no effect with depth='network', which knows its own"
    ):
        deptr.track(**walk, depth="network", depth_kind="metric")
    with pytest.raises(UsageError, match="depth has one source"):
        deptr.track(**walk, depth=DepthRequest(two_rooms, maps="maps"))
