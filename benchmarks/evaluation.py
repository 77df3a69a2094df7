"""How long the official metrics of MOT17's seven training sequences take, on a synthetic copy of their size.

    python benchmarks/evaluation.py [--workers 2]

Target of the project: below 20 s on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from deptr.evaluation.judge import evaluate
from deptr.evaluation.tables import processor

# frames, boxes and identities of MOT17's training sequences (its published statistics)
SEQUENCES = {
    "MOT17-02-FRCNN": (600, 18581, 62),
    "MOT17-04-FRCNN": (1050, 47557, 83),
    "MOT17-05-FRCNN": (837, 6917, 133),
    "MOT17-09-FRCNN": (525, 5325, 26),
    "MOT17-10-FRCNN": (654, 12839, 57),
    "MOT17-11-FRCNN": (900, 9436, 75),
    "MOT17-13-FRCNN": (750, 11642, 110),
}
DISTRACTORS = 1.9  # rows of other classes per row of a pedestrian, as in MOT17's ground truth


def make_sequence(folder: Path, frames: int, boxes: int, identities: int, seed: int) -> np.ndarray:
    """Write one sequence's ground truth and return tracks for it: jitter, misses, switches, false alarms."""
    rng = np.random.default_rng(seed)
    rows = []
    everyone = int(identities * (1 + DISTRACTORS))
    length = min(max(round(boxes / identities), 2), frames)
    for identity in range(1, everyone + 1):
        first = int(rng.integers(1, frames - length + 2))
        start, speed = rng.uniform((0, 200), (1800, 700)), rng.uniform(-3, 3, 2)
        height = rng.uniform(60, 300)
        label = 1 if identity <= identities else int(rng.choice([3, 4, 7, 8, 11]))
        for frame in range(first, first + length):
            x, y = start + speed * (frame - first)
            rows.append([frame, identity, x, y, height * 0.4, height, int(label == 1), label, rng.random()])
    truth = np.array(rows)
    (folder / "gt").mkdir(parents=True)
    np.savetxt(folder / "gt" / "gt.txt", truth, fmt="%d,%d,%.1f,%.1f,%.1f,%.1f,%d,%d,%.3f")
    info = f"[Sequence]\nname={folder.name}\nframeRate=30\nseqLength={frames}\nimWidth=1920\nimHeight=1080\n"
    (folder / "seqinfo.ini").write_text(info)
    seen = truth[(truth[:, 7] == 1) & (rng.random(len(truth)) > 0.2), :7].copy()
    seen[:, 2:6] += rng.normal(0, 3, (len(seen), 4))
    seen[:, 1] += 1000 * (seen[:, 0] // 200)
    return seen


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "MOT17" / "train"
        tracks = {
            key: make_sequence(root / key, *sizes, seed=number)
            for number, (key, sizes) in enumerate(SEQUENCES.items())
        }
        start, spent = time.perf_counter(), time.process_time()
        result = evaluate("mot17", root, tracks, workers=arguments.workers)
        wall, own = time.perf_counter() - start, time.process_time() - spent
    boxes = sum(len(rows) for rows in tracks.values())
    print(f"{processor()}: {len(tracks)} sequences, {boxes} boxes, HOTA {result.combined['HOTA']:.1f}")
    print(
        f"{wall:.1f} s with {arguments.workers} processes ({own:.1f} s CPU in this one); target: below 20 s"
    )


if __name__ == "__main__":
    main()
