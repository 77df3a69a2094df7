"""Small networks under the published checkpoints' names, and the command line as a process."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "src" / "deptr" / "detector" / "weights" / "deptr-nano-person"
# small in everything, but every step is the real one
SMALL = [
    "--input-size", "28", "--epochs", "0.5", "--batch-size", "4", "--image-size", "96x160",
    "--precision", "no", "--trackers", "sort,bytetrack", "--gammas", "0.2,0.4", "--scales", "0.1,0.5",
    "--device", "cpu", "--workers", "1", "--loaders", "0",
]  # fmt: skip


def write_weights(folder: Path) -> Path:
    """Small networks that load like the published ones; the detector is the bundled one, which finds some."""
    import torch
    from tiny_teachers import tiny_sam

    from deptr.teacher.video_depth_anything import VideoDepthAnything, VideoDepthConfig

    tiny_sam().save_pretrained(folder / "sam2.1-hiera-tiny")
    shutil.copytree(BUNDLED, folder / "dfine-large-coco")
    torch.manual_seed(1)
    model = VideoDepthAnything(VideoDepthConfig.named("small"))
    with torch.no_grad():
        model.head.scratch.output_conv2[2].bias.fill_(1.0)  # half of its depths would be cut off at 0
    torch.save(published(model.state_dict()), folder / "video_depth_anything_vits.pth")
    return folder


def published(state: dict[str, Any]) -> dict[str, Any]:
    """A state dict of Video Depth Anything under its published names: the way back of `target_names`."""
    import torch

    from deptr.teacher.video_depth_weights import ENCODER_NAMES, FUSED, target_names

    result = {name: value for name, value in state.items() if name.startswith("head.")}
    for stem in (*ENCODER_NAMES, FUSED):
        for layer in range(12):
            for leaf in ("", ".weight", ".bias"):
                name = f"pretrained.{stem.format(n=layer)}{leaf}"
                targets = target_names(name)
                if targets and all(target in state for target in targets):
                    result[name] = torch.cat([state[target] for target in targets])
    return result


def command(*words: object) -> list[str]:
    """The command line as a process of its own."""
    return [sys.executable, "-m", "deptr.cli.main", *map(str, words)]


def environment() -> dict[str, str]:
    """Small tensors are fastest on one thread, and sums on one thread are always the same."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src"), "HF_HUB_OFFLINE": "1"}
