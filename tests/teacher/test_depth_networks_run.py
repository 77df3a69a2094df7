"""Depth networks in whole runs of tracking: the real code with small random weights."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config
from typer.testing import CliRunner

from deptr.cli.main import app
from deptr.errors import DeptrError


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    error = result.exception
    code = error.exit_code if isinstance(error, DeptrError) else result.exit_code
    return code, result.output + str(error or "")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=28, patch_size=14,
        out_indices=[1, 2, 3, 4], apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip
    sizes = {"reassemble_hidden_size": 16, "neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8}
    model = DepthAnythingForDepthEstimation(DepthAnythingConfig(backbone_config=backbone, **sizes))
    model.save_pretrained(folder / "depth-anything-v2-small")
    monkeypatch.setenv("DEPTR_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def video(tmp_path: Path) -> tuple[Path, Path]:
    """Frames, and detections that stand still."""
    rng = np.random.default_rng(0)
    (tmp_path / "frames").mkdir()
    for k in range(1, 7):
        cv2.imwrite(str(tmp_path / "frames" / f"{k:03d}.png"), rng.integers(0, 255, (48, 72, 3), np.uint8))
    rows = [f"{k},-1,{x},10,14,30,0.9" for k in range(1, 7) for x in (5, 40)]
    (tmp_path / "det.txt").write_text("\n".join(rows))
    return tmp_path / "frames", tmp_path / "det.txt"


def test_every_second_frame_has_a_map_and_its_licence_is_told(
    weights: Path, video: tuple[Path, Path], tmp_path: Path
) -> None:
    frames, detections = video
    words = ["track", frames, "--detections", detections, "--fps", 10, "--no-video", "--device", "cpu"]
    asked = ["--depth", "depth-anything-v2-small", "--depth-every", 2]
    code, said = run(*words, *asked, "--output", tmp_path / "out")
    assert code == 0, said
    assert "licence of its weights Apache-2.0" in said
    depth = json.loads((tmp_path / "out" / "run.json").read_text())["depth"]
    assert (depth["source"], depth["kind"]) == ("depth-anything-v2-small", "relative_inverse")
    assert (depth["every"], depth["licence"]) == (2, "Apache-2.0")
    assert 0 < depth["known_share"] <= 0.5


def test_weights_that_are_not_there_and_choices_without_effect_are_told(
    video: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPTR_WEIGHTS", str(tmp_path / "none"))
    frames, detections = video
    words = ["track", frames, "--detections", detections, "--fps", 10, "--no-video"]
    code, said = run(*words, "--depth", "vda-small")
    assert (code, "the weights vda-small are not there" in said, "Apache-2.0" in said) == (1, True, True)
    code, said = run(*words, "--depth-every", 2)
    assert (code, "--depth-every: has no effect without a depth network such as" in said) == (2, True)
    code, said = run("track", "--detections", detections, "--fps", 10, "--depth", "vda-small")
    assert (code, "--depth vda-small: needs images" in said) == (2, True)
