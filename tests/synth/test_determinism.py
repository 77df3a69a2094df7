"""One integer is the whole scene: the same bytes in any order, process and, by pinned hashes, anywhere."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
from pictures import write_pictures

from deptr.synth.journey import CameraMotion
from deptr.synth.scene import Folders, Scene, SceneOptions
from deptr.synth.stream import composite_frames, crowd_frames

SIZE = (192, 320)
PINNED = {"crowd": 1852301772, "scene": 583900131, "panorama": 1663836134}


def digest(*arrays: np.ndarray) -> int:
    value = 0
    for array in arrays:
        value = zlib.crc32(np.ascontiguousarray(array).tobytes(), value)
    return value


def digests() -> dict[str, int]:
    """Hashes of raw pixels and labels of one frame of each kind."""
    frame = next(crowd_frames([21], size=SIZE))
    scene = Scene(6, SceneOptions(size=SIZE, frames=30, level=2, camera=CameraMotion.GAIT)).frame(
        17, dense=True
    )
    options = SceneOptions(size=(96, 320), frames=9, level=1, camera=CameraMotion.PANORAMA)
    panorama = Scene(9, options).frame(4)
    return {
        "crowd": digest(frame.image, frame.boxes_xyxy, frame.depth),
        "scene": digest(scene.image, scene.boxes_xyxy, scene.canvas.owner, scene.depth_m.round(4)),
        "panorama": digest(panorama.image, panorama.boxes_xyxy),
    }


def test_pixels_are_the_same_as_ever() -> None:
    """The seed is a promise: change these numbers only with the benchmark's version."""
    assert digests() == PINNED


def test_a_fresh_process_paints_the_same() -> None:
    code = "import test_determinism; print(test_determinism.digests())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(digests())


def test_frames_do_not_depend_on_what_was_asked_before(tmp_path: Path) -> None:
    cutouts, backgrounds = write_pictures(tmp_path)
    folders = Folders.open(cutouts, backgrounds)
    options = SceneOptions(size=SIZE, frames=8, level=2)
    for world in (None, folders):
        forward = [digest(Scene(4, options, world).frame(index).image) for index in (2, 5, 7)]
        scene = Scene(4, options, world)
        backward = [digest(scene.frame(index).image) for index in (7, 5, 2)]
        assert forward == backward[::-1]
    places = {"cutouts": cutouts, "backgrounds": backgrounds, "size": SIZE}
    every = [digest(frame.image, frame.depth) for frame in composite_frames(range(6), **places)]
    shared = [digest(frame.image, frame.depth) for frame in composite_frames(range(1, 6, 2), **places)]
    assert every[1::2] == shared
    assert len(set(every)) == 6


def test_labels_do_not_change_the_picture() -> None:
    plain = next(crowd_frames([33], size=SIZE))
    rich = next(crowd_frames([33], size=SIZE, masks=True, dense_depth=True))
    assert digest(plain.image, plain.boxes_xyxy) == digest(rich.image, rich.boxes_xyxy)
