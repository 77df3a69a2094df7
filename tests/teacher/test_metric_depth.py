"""Metric depth networks of others: their real packages with small random weights, or stand-ins for them."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from deptr.errors import DataError, MissingExtraError
from deptr.records import DepthKind
from deptr.teacher.live_depth import LiveDepth, open_live_depth

DA3, MOGE = "depth-anything-3-metric", "moge-2-vits"
HERE = {name: importlib.util.find_spec(name) is not None for name in ("depth_anything_3", "moge")}
Deptr = Callable[..., tuple[int, str, str]]


class StandIn3(nn.Module):
    """What Depth Anything 3's network takes and gives: depth 2 on the left, 4 on the right, sky above."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor, extrinsics: None = None, intrinsics: None = None) -> dict[str, Tensor]:
        self.seen = x.shape
        batch, views, _, height, width = x.shape
        depth = self.level.repeat(batch, views, height, width)
        depth[..., width // 2 :] *= 2
        sky = torch.zeros_like(depth)
        sky[..., : height // 4, :] = 0.9
        return {"depth": depth, "sky": sky}


class StandInMoge(nn.Module):
    """What `MoGeModel` of MoGe-2 takes and gives; 5 metres and a focal length of 0.8 of the width."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(5.0))

    @classmethod
    def from_pretrained(cls, path: Path) -> StandInMoge:
        model = cls()
        model.load_state_dict(torch.load(path, weights_only=True)["model"])
        return model

    def infer(self, image: Tensor, fov_x: float | None = None, use_fp16: bool = True) -> dict[str, Tensor]:
        assert image.max() <= 1 and not use_fp16
        self.seen = fov_x
        depth = self.level.detach().repeat(image.shape[1:])
        depth[0] = torch.inf
        return {"depth": depth, "intrinsics": torch.diag(torch.tensor([0.8, 0.9, 1.0]))}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of the stand-ins, and the stand-ins in place of the packages."""
    modules: dict[str, dict[str, Any]] = {
        "depth_anything_3": {},
        "depth_anything_3.cfg": {"load_config": str.upper, "create_object": lambda given: StandIn3()},
        "depth_anything_3.registry": {"MODEL_REGISTRY": {"da3metric-large": "da3metric-large.yaml"}},
        "moge": {},
        "moge.model": {},
        "moge.model.v2": {"MoGeModel": StandInMoge},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    folder = tmp_path / "weights"
    for name in (DA3, MOGE):
        (folder / name).mkdir(parents=True)
    save_file({"model.level": torch.tensor(2.0)}, folder / DA3 / "model.safetensors")
    torch.save({"model": {"level": torch.tensor(5.0)}}, folder / MOGE / "model.pt")
    monkeypatch.setenv("DEPTR_WEIGHTS", str(folder))
    return folder


def image(height: int = 120, width: int = 160) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def seen_by(network: LiveDepth) -> Any:
    return vars(network)["model"].seen


def test_depth_anything_3_is_metres_for_the_focal_length_of_its_input(weights: Path) -> None:
    network = open_live_depth(DA3, device="cpu", focal_px=200.0)
    assert network.kind is DepthKind.METRIC and network.licence == "Apache-2.0"
    depth = network.map_of(image())
    assert seen_by(network) == (1, 1, 3, 378, 504)
    metres = 2 * 200 * (504 / 160) / 300  # the image is enlarged, and its focal length too
    assert depth.shape == (120, 160) and depth.dtype == np.float32
    assert depth[100, 10] == pytest.approx(metres) and depth[100, 150] == pytest.approx(2 * metres)
    assert np.isnan(depth[5]).all()  # the sky
    free = open_live_depth(DA3, device="cpu")
    assert free.kind is DepthKind.RELATIVE
    assert free.map_of(image())[100, 10] == pytest.approx(2.0)


def test_moge_takes_a_focal_length_or_names_one(weights: Path) -> None:
    network: Any = open_live_depth(MOGE, device="cpu")
    assert network.kind is DepthKind.METRIC and network.licence == "MIT"
    depth = network.map_of(image())
    assert seen_by(network) is None
    assert network.seen_focal_px == pytest.approx(0.8 * 160)
    assert depth[60, 80] == 5 and np.isnan(depth[0]).all()
    told: Any = open_live_depth(MOGE, device="cpu", focal_px=80.0)
    told.map_of(image())
    assert seen_by(told) == pytest.approx(90.0) and told.seen_focal_px is None


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ([DA3], "relative", "licence of its weights Apache-2.0"),
        ([DA3, "--focal", 100], "metric", "licence of its weights Apache-2.0"),
        ([MOGE], "metric", "it sees a focal length of 58 px; --focal 58 holds it"),
        ([MOGE, "--focal", 100], "metric", "licence of its weights MIT"),
    ],
)
@pytest.mark.usefixtures("weights")
def test_a_run_with_a_metric_network(
    deptr: Deptr, tmp_path: Path, asked: list[Any], kind: str, told: str
) -> None:
    (tmp_path / "frames").mkdir()
    for k in range(1, 5):
        cv2.imwrite(str(tmp_path / "frames" / f"{k:03d}.png"), image(48, 72))
    rows = [f"{k},-1,{x},16,14,30,0.9" for k in range(1, 5) for x in (5, 50)]
    (tmp_path / "det.txt").write_text("\n".join(rows))
    words = ["track", tmp_path / "frames", "--detections", tmp_path / "det.txt", "--fps", 10, "--no-video"]
    code, _, said = deptr(*words, "--device", "cpu", "--depth", *asked, "--output", tmp_path / "out")
    assert code == 0, said
    assert told in " ".join(said.split())
    depth = json.loads((tmp_path / "out" / "run.json").read_text())["depth"]
    assert (depth["source"], depth["kind"], depth["known_share"]) == (asked[0], kind, 1.0)
    last = json.loads((tmp_path / "out" / "tracks.jsonl").read_text().splitlines()[-1])["tracks"][0]
    assert (last.get("position_m") is not None) == ("--focal" in asked)


def test_packages_and_weights_that_are_missing_or_wrong_are_told(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (weights / DA3 / "model.safetensors").write_bytes(b"x" * 30)
    save_file({"other": torch.tensor(2.0)}, weights / "other")
    with pytest.raises(DataError, match="weights cannot be loaded"):
        open_live_depth(DA3, device="cpu")
    (weights / "other").rename(weights / DA3 / "model.safetensors")
    with pytest.raises(DataError, match=r"weights cannot be loaded: found .*Missing key"):
        open_live_depth(DA3, device="cpu")
    (weights / MOGE / "model.pt").write_bytes(b"nothing")
    with pytest.raises(DataError, match="weights cannot be loaded"):
        open_live_depth(MOGE, device="cpu")
    monkeypatch.setitem(sys.modules, "depth_anything_3.cfg", None)
    monkeypatch.setitem(sys.modules, "moge.model.v2", None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps depth-anything-3"):
        open_live_depth(DA3, device="cpu")
    with pytest.raises(MissingExtraError, match=r"pip install git\+https://github.com/microsoft/MoGe"):
        open_live_depth(MOGE, device="cpu")


@pytest.mark.skipif(not HERE["depth_anything_3"], reason="needs the package depth-anything-3")
def test_the_real_depth_anything_3_with_small_random_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from depth_anything_3 import registry
    from depth_anything_3.cfg import create_object, load_config

    small = load_config(registry.MODEL_REGISTRY["da3metric-large"])
    small.net.name, small.net.out_layers = "vits", [2, 5, 8, 11]
    small.head.dim_in, small.head.features, small.head.out_channels = 384, 16, [8, 8, 8, 8]
    (tmp_path / "small.yaml").write_text(_yaml(small))
    monkeypatch.setitem(registry.MODEL_REGISTRY, "da3metric-large", str(tmp_path / "small.yaml"))
    network = create_object(small)
    place = tmp_path / DA3
    place.mkdir()
    save_file({f"model.{k}": v for k, v in network.state_dict().items()}, place / "model.safetensors")
    monkeypatch.setattr("deptr.teacher.metric_depth.LONGER_SIDE", 84)
    found = open_live_depth(DA3, device="cpu", weights=str(tmp_path), focal_px=100.0)
    depth = found.map_of(image(90, 120))
    assert depth.shape == (90, 120) and found.kind is DepthKind.METRIC
    free = open_live_depth(DA3, device="cpu", weights=str(tmp_path)).map_of(image(90, 120))
    scale = 100 * (56 / 90 + 84 / 120) / 2 / 300  # by height and width of the input
    np.testing.assert_allclose(depth, free * scale, rtol=1e-5)


def _yaml(config: Any) -> str:
    from omegaconf import OmegaConf

    return str(OmegaConf.to_yaml(config))


@pytest.mark.skipif(not HERE["moge"], reason="needs the package moge")
def test_the_real_moge_2_with_small_random_weights(tmp_path: Path) -> None:
    from moge.model.v2 import MoGeModel

    levels = [8, 8, 8, 8, 8]
    stack = {
        "dim_in": levels, "dim_res_blocks": levels, "num_res_blocks": [0, 0, 0, 0, 0],
        "res_block_in_norm": "none", "res_block_hidden_norm": "none", "resamplers": ["bilinear"] * 4,
    }  # fmt: skip
    config = {
        "encoder": {"backbone": "dinov2_vits14", "intermediate_layers": [5, 11], "dim_out": 8},
        "neck": {**stack, "dim_in": [10, 2, 2, 2, 2], "dim_out": None},
        "points_head": {**stack, "dim_out": [None, None, None, None, 3]},
        "mask_head": {**stack, "dim_out": [None, None, None, None, 1]},
        "scale_head": {"dims": [384, 8, 1]},
        "remap_output": "exp",
        "num_tokens_range": [20, 40],
    }
    torch.manual_seed(0)
    model = MoGeModel(**config)
    torch.nn.init.constant_(model.mask_head.output_blocks[-1].bias, 9.0)  # no sky
    place = tmp_path / MOGE
    place.mkdir()
    torch.save({"model_config": config, "model": model.state_dict()}, place / "model.pt")
    network: Any = open_live_depth(MOGE, device="cpu", weights=str(tmp_path))
    depth = network.map_of(image())
    assert depth.shape == (120, 160) and np.isfinite(depth).mean() > 0.5
    assert network.seen_focal_px is None or network.seen_focal_px > 0  # what chance made of it
    known: Any = open_live_depth(MOGE, device="cpu", weights=str(tmp_path), focal_px=150.0)
    assert known.map_of(image()).shape == (120, 160) and known.seen_focal_px is None
