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

from deptr.cli.overlap import Stop
from deptr.cli.track import _assemble
from deptr.cli.track_setup import Words, plan
from deptr.progress import SilentProgress

ASSETS = Path(__file__).parents[1] / "assets"


def words(depth: str) -> Words:
    """What `make demo` asks for."""
    return Words(
        source=str(ASSETS / "vtest.mp4"),
        detections=ASSETS / "vtest_det.txt",
        detector=None,
        focal=None,
        tracker="bytetrack",
        fusion=None,
        gamma=None,
        depth_scale=None,
        depth=depth or None,
        depth_column=None,
        depth_kind="metric",
        first_frame=1,
        fps=None,
        classes=None,
        min_score=0.0,
        param=(),
        config=None,
    )


def run_once(depth: str) -> dict[str, float]:
    """Seconds of each stage, of the processor, and frames per second."""
    before = time.process_time()
    chosen = plan(words(depth))
    with tempfile.TemporaryDirectory() as folder, chosen.frames or tempfile.TemporaryDirectory():
        work = _assemble(chosen, Path(folder), video=True)
        work.run(Stop(), SilentProgress())
    seconds = work.counts.seconds
    return {**seconds, "cpu": time.process_time() - before, "frames/s": work.counts.frames / seconds["wall"]}


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
