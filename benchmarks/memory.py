"""Peak memory of `deptr track` against the length of the video (it must not grow with it).

    python benchmarks/memory.py [--lengths 100,400,1600]

The bundled clip is repeated to the length, tracked with pseudo-depth and drawn, each in a fresh process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from deptr.io.frames import open_source
from deptr.io.video_writer import VideoWriter

ASSETS = Path(__file__).parents[1] / "assets"
CHILD = """
import resource, sys
from deptr.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def repeated_clip(folder: Path, length: int) -> tuple[Path, Path]:
    """The bundled clip and its detections, as often as it takes."""
    with open_source(ASSETS / "vtest.mp4") as source:
        images = [frame.image for frame in source]
    lines = [line.split(",", 1) for line in (ASSETS / "vtest_det.txt").read_text().splitlines()]
    with VideoWriter(folder / "long.mp4", fps=10, quality=30) as writer:
        for index in range(length):
            writer.write(images[index % len(images)])
    rounds = -(-length // len(images))
    rows = [f"{int(frame) + len(images) * k},{rest}" for k in range(rounds) for frame, rest in lines]
    (folder / "det.txt").write_text("\n".join(row for row in rows if int(row.split(",")[0]) <= length))
    return folder / "long.mp4", folder / "det.txt"


def peak_megabytes(length: int) -> float:
    """Peak resident memory of one run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video, detections = repeated_clip(folder, length)
        command = [sys.executable, "-c", CHILD, "track", str(video), "--detections", str(detections)]
        command += ["--depth", "pseudo", "--output", str(folder / "out")]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise SystemExit(result.stderr)
        return int(result.stdout.split()[-1]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lengths", default="100,400,1600")
    lengths = [int(word) for word in parser.parse_args().lengths.split(",")]
    peaks = {length: peak_megabytes(length) for length in lengths}
    for length, peak in peaks.items():
        print(f"{length:6d} frames: {peak:7.1f} MB")
    growth = (peaks[lengths[-1]] - peaks[lengths[0]]) / max(1, lengths[-1] - lengths[0]) * 1024
    print(f"growth: {growth:.2f} KB a frame")


if __name__ == "__main__":
    main()
