"""Memory of decode + track + draw + encode along one long video (it must not grow with its length).

    python benchmarks/memory.py [--frames 3000]

The bundled clip is repeated to the length. The detections file is read whole before the run (1 KB a frame).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import psutil

import deptr
from deptr.io.frames import open_source
from deptr.io.video_writer import VideoWriter
from track_clip import ASSETS

CLIP_FRAMES = 100


def repeated_clip(folder: Path, length: int) -> tuple[Path, Path]:
    """The bundled clip and its detections, as often as it takes."""
    with VideoWriter(folder / "long.mp4", fps=10, quality=30) as writer:
        while writer.frames < length:
            with open_source(ASSETS / "vtest.mp4") as source:
                for frame in source:
                    if writer.frames < length:
                        writer.write(frame.image)
    lines = [line.split(",", 1) for line in (ASSETS / "vtest_det.txt").read_text().splitlines()]
    with (folder / "det.txt").open("w") as file:
        for k in range(-(-length // CLIP_FRAMES)):
            file.writelines(
                f"{int(frame) + CLIP_FRAMES * k},{rest}\n"
                for frame, rest in lines
                if int(frame) + CLIP_FRAMES * k <= length
            )
    return folder / "long.mp4", folder / "det.txt"


class Watcher:
    """A listener to the run's progress that looks at the memory of this process ten times."""

    def __init__(self, length: int) -> None:
        self._every = max(1, length // 10)
        self._process = psutil.Process()

    def resume(self, done: int) -> None:
        """Do nothing."""

    def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
        """Print the resident memory now and then."""
        if done % self._every == 0:
            print(f"{done:7d} frames: {self._process.memory_info().rss / 1e6:7.1f} MB", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=3000)
    length = parser.parse_args().frames
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video, detections = repeated_clip(folder, length)
        run = deptr.track(video, detections=detections, depth="pseudo")
        run.save(folder / "run", progress=Watcher(length))


if __name__ == "__main__":
    main()
