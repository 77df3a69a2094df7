"""Ways of spoiling depth on purpose, and what a benchmark tells of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deptr.cli.main import app
from deptr.evaluation.corruption import Corruption
from deptr.io.tables import DetectionTable
from deptr.records import DepthKind

FLOOR = Path(__file__).parents[1] / "data" / "floor"


def table_of(depth: np.ndarray, frames: np.ndarray) -> DetectionTable:
    boxes = np.tile([0.0, 0.0, 5.0, 9.0], (len(depth), 1))
    return DetectionTable("test", frames, boxes, np.ones(len(depth)), depth, DepthKind.METRIC)


def test_corruptions_do_what_their_names_say() -> None:
    rng = np.random.default_rng(0)
    frames = np.repeat(np.arange(1, 501), 8)
    depth = rng.uniform(5, 50, len(frames))
    table = table_of(depth, frames)
    for amount in (0.05, 0.1, 0.2, 0.4):
        noisy = Corruption("noise", amount).apply(table).depth
        assert np.std(np.log(noisy / depth)) == pytest.approx(amount, rel=0.05)
    mixed = Corruption("shuffle").apply(table).depth
    for frame in (1, 250, 500):
        assert sorted(mixed[frames == frame]) == sorted(depth[frames == frame])
    assert np.mean(mixed == depth) < 0.2
    assert np.unique(Corruption("constant").apply(table).depth) == pytest.approx([np.median(depth)])
    wander = np.log(Corruption("drift", 0.05).apply(table).depth / depth).reshape(500, 8)
    assert np.ptp(wander, axis=1).max() < 1e-9  # all boxes stand in one place
    assert np.std(np.diff(wander[:, 0])) == pytest.approx(0.05 * np.sqrt(2), rel=0.1)
    missing = Corruption("missing", 0.5).apply(table).depth
    assert np.isnan(missing).mean() == pytest.approx(0.5, abs=0.03)
    assert Corruption().apply(table).depth is depth


def test_corruption_is_the_same_for_the_same_seed_and_differs_between_sequences() -> None:
    table = table_of(np.arange(1.0, 41.0), np.repeat(np.arange(1, 9), 5))
    noise = Corruption("noise", 0.2)
    assert np.array_equal(noise.apply(table, name="a").depth, noise.apply(table, name="a").depth)
    assert not np.array_equal(noise.apply(table, name="a").depth, noise.apply(table, name="b").depth)
    assert not np.array_equal(noise.apply(table, seed=1).depth, noise.apply(table, seed=2).depth)


def test_what_is_drawn_at_random_is_told_as_the_mean_over_its_seeds(tmp_path: Path) -> None:

    def told(seeds: str) -> tuple[float, float]:
        arguments = ["benchmark", "mot", "--root", str(FLOOR), "--trackers", "sort", "--no-oracle"]
        arguments += ["--fusions", "none,fixed", "--strides", "1", "--corruptions", "constant,noise:0.4"]
        arguments += ["--cells", str(tmp_path / "cells"), "--output", str(tmp_path / "report.md")]
        run = [*arguments, "--no-peers", "--workers", "1", "--seeds", seeds]
        CliRunner().invoke(app, run, catch_exceptions=False)
        report = (tmp_path / "report.md").read_text()
        assert ("means over 3 seeds" in report) == (seeds == "0,1,2")
        (row,) = [line for line in report.splitlines() if line.startswith("| sort | fixed | every frame |")]
        constant, noise = row.strip("| ").split(" | ")[-2:]
        return float(constant.strip("*")), float(noise.strip("*"))

    single = [told(seed) for seed in "012"]
    assert len({noise for _, noise in single}) > 1
    constant, noise = told("0,1,2")
    assert constant == single[0][0]
    assert noise == pytest.approx(np.mean([noise for _, noise in single]), abs=0.011)
