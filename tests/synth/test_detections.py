"""Detections of synthetic sequences: how far they are off is what was asked for, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deptr.cli.main import app
from deptr.synth.detections import DetectionNoise, detection_rows
from deptr.synth.library import BENCHMARKS, benchmark_jobs
from deptr.synth.scene import Scene, SceneOptions
from deptr.synth.truth import FrameTruth


def columns(rows: list[str]) -> np.ndarray:
    return np.array([[float(value) for value in row.split(",")] for row in rows])


def written(truth: list[FrameTruth], noise: DetectionNoise) -> np.ndarray:
    return columns([row for n, frame in enumerate(truth, 1) for row in detection_rows(n, frame, noise)])


@pytest.fixture(scope="module")
def truth() -> list[FrameTruth]:
    scene = Scene(5, SceneOptions(size=(96, 160), frames=40, level=2))
    return [scene.frame(index) for index in range(len(scene))]


def test_depth_noise_is_new_in_every_frame_and_of_the_size_asked_for() -> None:
    noise = DetectionNoise(depth=0.05, seed=3)
    names = np.arange(1, 401)
    factors = np.log([noise.depth_factors(frame, names) for frame in range(1, 11)])
    assert factors.std() == pytest.approx(0.05, rel=0.1)
    assert abs(np.corrcoef(factors[0], factors[1])[0, 1]) < 0.2


def test_drift_is_a_slow_bias_of_each_person() -> None:
    noise = DetectionNoise(drift=0.1, seed=3, fps=20)
    names = np.arange(1, 101)
    biases = np.log([noise.depth_factors(frame, names) for frame in range(1, 401)])
    assert biases.std() == pytest.approx(0.1, rel=0.1)
    assert np.abs(np.diff(biases, axis=0)).max() < 0.02  # a second changes more than a frame
    assert np.abs(biases[20] - biases[0]).mean() > 0.05
    assert not np.allclose(biases[:, 0], biases[:, 1])


def test_errors_touch_only_what_they_are_errors_of(truth: list[FrameTruth]) -> None:
    exact = written(truth, DetectionNoise())
    for noise, changed in (
        (DetectionNoise(jitter=0.05, seed=5), [2, 3, 4, 5]),
        (DetectionNoise(depth=0.05, seed=5), [7]),
        (DetectionNoise(drift=0.05, seed=5), [7]),
    ):
        different = np.flatnonzero((np.abs(written(truth, noise) - exact) > 1e-9).any(0))
        assert different.tolist() == changed
    assert exact[0, 7] == pytest.approx(truth[0].depth_m[truth[0].visibility >= 0.25][0], abs=1e-4)


def test_the_second_benchmark_is_the_first_with_boxes_off() -> None:
    seeds = [[job.seed for job in benchmark_jobs(name)] for name in BENCHMARKS]
    assert seeds[0] == seeds[1]
    assert dict(BENCHMARKS) == {"deptr-crowd-v1": 0.0, "deptr-crowd-v2": 0.05}


def test_depth_noise_from_the_command_line(tmp_path: Path) -> None:
    arguments = ["synth", "-n", "1", "--frames", "3", "--size", "96x160", "--level", "2", "--no-depth-maps"]
    texts = []
    for name, extra in (("exact", []), ("noisy", ["--depth-noise", "0.1"])):
        done = CliRunner().invoke(app, [*arguments, *extra, "--output", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        (sequence,) = [path for path in (tmp_path / name).iterdir() if path.is_dir()]
        texts.append(columns((sequence / "det" / "det.txt").read_text().splitlines()))
    assert np.array_equal(texts[0][:, :7], texts[1][:, :7])
    assert not np.array_equal(texts[0][:, 7], texts[1][:, 7])
