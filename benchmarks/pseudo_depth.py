"""Pseudo-depth against the depth of a detections file, up to scale: how much is known, rank, error, time.

    python benchmarks/pseudo_depth.py FOLDER...

Each folder is a sequence with `det.txt` (with depth) and `seqinfo.ini`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from deptr.io.mot_text import read_detections
from deptr.io.sequences import folder_sequence
from deptr.tracking.depth.pseudo_depth import PseudoDepth

MIN_SCORE = 0.6


def compare(folder: Path) -> str:
    """A row of the table."""
    table = read_detections(folder / "det.txt", depth_kind="relative")
    pseudo = PseudoDepth(folder_sequence(folder).size or (1920, 1080))
    told, true, seconds = [], [], 0.0
    for frame in range(1, table.last_frame + 1):
        seen = table.at(frame)
        seen = seen[np.asarray(seen.confidence) > MIN_SCORE]
        start = time.process_time()
        told.append(pseudo.update(seen).data["depth"])
        seconds += time.process_time() - start
        true.append(seen.data["depth"])
    estimate, truth = np.concatenate(told), np.concatenate(true)
    known = np.isfinite(estimate) & np.isfinite(truth)
    error = np.log(estimate[known] / truth[known])
    error = np.median(np.abs(error - np.median(error)))
    rank = spearmanr(estimate[known], truth[known]).statistic
    share = np.isfinite(estimate).mean()
    return f"{share:6.0%} {rank:8.3f} {error:7.1%} {1000 * seconds / table.last_frame:7.2f} ms"


def main() -> None:
    """Measure and print."""
    print(f"{'sequence':<28} known     rank   error    a frame")
    for word in sys.argv[1:]:
        folder = Path(word)
        print(f"{'/'.join(folder.parts[-2:]):<28}{compare(folder)}")


if __name__ == "__main__":
    main()
