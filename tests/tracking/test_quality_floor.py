"""No change makes a tracker worse unnoticed: HOTA on three short synthetic sequences beside a stored table.

The sequences (an easy, a busy and a dense crowd of 80 frames) lie in ``tests/data/floor``, made by
``deptr synth -n 3 --frames 80 --jitter 0.05 --split test --seed 7``, without the pictures. Run as a
program, this file measures the table anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deptr.evaluation.contenders import track_rows
from deptr.evaluation.judge import evaluate
from deptr.io.mot_text import read_detections
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.tracking.fusion import DepthFusion
from deptr.tracking.registry import TRACKER_NAMES, create_tracker

FOLDER = Path(__file__).parents[1] / "data" / "floor"
TABLE = FOLDER / "hota.json"
TOLERANCE = 0.3  # points of HOTA
FUSIONS = {"none": DepthFusion.none(), "adaptive": DepthFusion.adaptive()}
STRIDES = (1, 4)
CELLS = [(tracker, fusion, stride) for tracker in TRACKER_NAMES for fusion in FUSIONS for stride in STRIDES]


def key(tracker: str, fusion: str, stride: int) -> str:
    return f"{tracker} {fusion} 1/{stride}"


def hota(tracker: str, fusion: str, stride: int) -> float:
    """HOTA over all three sequences with the tracker's own defaults."""
    benchmark, tracks = benchmark_of("mot"), {}
    for found in find_sequences(benchmark, FOLDER):
        sequence = found.strided(stride)
        assert sequence.detections is not None and sequence.frame_rate is not None
        table = read_detections(sequence.detections)
        followed = create_tracker(tracker, depth=FUSIONS[fusion], frame_rate=sequence.frame_rate)
        rows = [
            track_rows(frame, followed.update(table.at(1 + stride * (frame - 1))))
            for frame in range(1, sequence.length + 1)
        ]
        tracks[sequence.name] = np.concatenate(rows)
    return evaluate(benchmark, FOLDER, tracks, stride=stride, workers=1).combined["HOTA"]


@pytest.mark.parametrize(("tracker", "fusion", "stride"), CELLS, ids=[key(*cell) for cell in CELLS])
def test_quality_stays(tracker: str, fusion: str, stride: int) -> None:
    stored = json.loads(TABLE.read_text())[key(tracker, fusion, stride)]
    found = hota(tracker, fusion, stride)
    assert found > stored - TOLERANCE, "worse: find out why"
    assert found < stored + TOLERANCE, "better: python tests/tracking/test_quality_floor.py writes it down"


def test_depth_helps_on_the_whole() -> None:
    table = json.loads(TABLE.read_text())
    gains = [
        table[key(name, "adaptive", stride)] - table[key(name, "none", stride)]
        for name in TRACKER_NAMES
        for stride in STRIDES
    ]
    assert np.mean(gains) > 1.0


if __name__ == "__main__":
    TABLE.write_text(json.dumps({key(*cell): round(hota(*cell), 2) for cell in CELLS}, indent=1) + "\n")
