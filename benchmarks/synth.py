"""How fast the synthetic worlds are on one core: `python benchmarks/synth.py`.

Counts CPU time, so that a busy machine hides less of the code's own speed, and prints the time of one fixed
OpenCV operation beside it: compare runs on the same machine by that. With `--cutouts` and `--backgrounds` the
composite world is measured too. Targets at 384 x 640 per core: 80 frames/s of crowd video, 30 unrelated crowd
frames/s, 25 composite frames/s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np

from deptr.synth.library import benchmark_jobs
from deptr.synth.scene import Folders, Scene
from deptr.synth.stream import composite_frames, crowd_frames
from deptr.synth.truth import Wanted


def video(folders: Folders | None, wanted: Wanted) -> Iterator[int]:
    """People in each frame of the benchmark's sequences, the first five of each level."""
    jobs = benchmark_jobs("deptr-crowd-v1")
    for start in (0, 7, 14):
        for job in jobs[start : start + 5]:
            for frame in Scene(job.seed, job.options, folders).frames(wanted):
                yield len(frame.boxes_xyxy)


def rate(frames: Iterator[int], most: int, warm_up: int) -> str:
    """Frames per CPU second."""
    for _ in islice(frames, warm_up):
        pass
    start = time.process_time()
    people = list(islice(frames, most))
    seconds = time.process_time() - start
    return f"{len(people) / seconds:7.1f} frames/s, {np.mean(people):4.1f} people a frame"


def reference() -> float:
    """Milliseconds of CPU for a blur of one 384 x 640 picture: best of three rounds."""
    image = np.zeros((384, 640, 3), np.uint8)
    rounds = []
    for _ in range(3):
        start = time.process_time()
        for _ in range(50):
            cv2.GaussianBlur(image, (0, 0), 1.5)
        rounds.append((time.process_time() - start) * 20)
    return min(rounds)


def main() -> None:
    """Print a line for each world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cutouts", type=Path)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"reference blur {reference():.2f} ms")
    rich = Wanted(masks=True, dense_depth=True)
    cases: dict[str, tuple[Callable[[], Iterator[int]], int, int]] = {
        "crowd video, boxes and depth": (lambda: video(None, Wanted()), 3000, 0),
        "crowd video, masks and depth maps too": (lambda: video(None, rich), 3000, 0),
        "crowd, unrelated frames": (
            lambda: (len(frame.boxes_xyxy) for frame in crowd_frames(count(1))),
            options.frames,
            60,
        ),
    }
    if options.cutouts and options.backgrounds:
        folders = Folders.open(options.cutouts, options.backgrounds)
        places = {"cutouts": options.cutouts, "backgrounds": options.backgrounds}
        cases["composite, unrelated frames"] = (
            lambda: (len(frame.boxes_xyxy) for frame in composite_frames(count(1), **places)),
            options.frames,
            200,
        )
        cases["composite video"] = (lambda: video(folders, Wanted()), 600, 0)
    for name, (frames, most, warm_up) in cases.items():
        print(f"{name:40s} {rate(frames(), most, warm_up)}")
    print(f"reference blur {reference():.2f} ms")


if __name__ == "__main__":
    main()
