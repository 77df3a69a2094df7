"""Frames per second of decode + track + draw + encode on the bundled clip (target: 40 on two cores).

    python benchmarks/track_clip.py [--repeat 5]

Prints the best and the median of some runs, and where the time goes; runs after the first have all modules
loaded. The processor time per frame tells, on a machine that is busy with other things, what two free cores
could reach at most: 2 / time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import deptr

ASSETS = Path(__file__).parents[1] / "assets"


def run_once(depth: str) -> dict[str, float]:
    """Seconds of each stage, of the processor, and frames per second."""
    before = time.process_time()
    run = deptr.track(ASSETS / "vtest.mp4", detections=ASSETS / "vtest_det.txt", depth=depth or None)
    with tempfile.TemporaryDirectory() as folder:
        summary = run.save(folder)
    seconds = summary.seconds
    return {**seconds, "cpu": time.process_time() - before, "frames/s": summary.frames / seconds["wall"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--depth", default="pseudo", help="pseudo, or empty for none")
    options = parser.parse_args()
    run_once(options.depth)
    runs = [run_once(options.depth) for _ in range(options.repeat)]
    rates = sorted(run["frames/s"] for run in runs)
    print(f"frames/s: best {rates[-1]:.1f}, median {statistics.median(rates):.1f} of {len(rates)} runs")
    best = max(runs, key=lambda run: run["frames/s"])
    for stage in sorted(best, key=lambda name: -best[name]):
        if stage != "frames/s":
            print(f"  {stage:<8}{1000 * best[stage] / 100:7.2f} ms a frame")


if __name__ == "__main__":
    main()
