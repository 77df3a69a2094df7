"""Ground truth and detections are read once in a process, and anew when their files change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from worlds import World, add_detections

from deptr.evaluation.cells import CellStore
from deptr.evaluation.grid import plan, rows_of, run_cells
from deptr.evaluation.readings import detections_in, ground_truth_of
from deptr.io import text_files
from deptr.io.ground_truth import read_ground_truth
from deptr.io.mot_text import read_detections
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.records import DepthKind


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """Counts how often each file is read."""
    counted: Counter[Path] = Counter()
    real = text_files._read_bytes
    monkeypatch.setattr(text_files, "_read_bytes", lambda file: (counted.update([file]), real(file))[1])
    return counted


def test_cells_of_a_benchmark_read_each_file_once(
    mot_world: World, read: Counter[Path], tmp_path: Path
) -> None:
    benchmark = benchmark_of("mot17")
    sequences = find_sequences(benchmark, add_detections(mot_world).root)
    rows = rows_of(benchmark, trackers=["sort", "bytetrack"], fusions=["none"], peers=False)
    read.clear()
    results = list(
        run_cells(plan(benchmark, sequences, contenders=rows, strides=(1, 2)), CellStore(tmp_path))
    )
    assert len(results) == 6
    files = [file for entry in sequences for file in (entry.ground_truth, entry.detections)]
    assert {file: read[file] for file in files if file} == dict.fromkeys(files, 1)


@pytest.mark.parametrize("stride", [1, 3])
def test_what_is_kept_is_what_is_read(mot_world: World, kitti_world: World, stride: int) -> None:
    for name, world in (("mot17", mot_world), ("kitti-car", kitti_world)):
        benchmark = benchmark_of(name)
        for sequence in find_sequences(benchmark, world.root):
            thin = sequence.strided(stride)
            kept, fresh = ground_truth_of(benchmark, thin), read_ground_truth(benchmark, thin)
            for column, values in vars(fresh).items():
                np.testing.assert_array_equal(getattr(kept, column), values)


def test_a_changed_file_is_read_anew_and_what_is_kept_cannot_be_spoiled(tmp_path: Path) -> None:
    file = tmp_path / "det.txt"
    file.write_text("1,-1,10,20,30,60,0.9\n")
    table = detections_in(file, DepthKind.METRIC)
    assert detections_in(file, DepthKind.METRIC) is table
    with pytest.raises(ValueError, match="read-only"):
        table.xyxy[0, 0] = 5
    table.at(1).xyxy[0, 0] = 5  # what a frame hands out is a copy
    assert table.xyxy[0, 0] == 10
    file.write_text("1,-1,10,20,30,60,0.9\n2,-1,10,20,30,60,0.9\n")
    assert len(detections_in(file, DepthKind.METRIC)) == len(read_detections(file)) == 2
