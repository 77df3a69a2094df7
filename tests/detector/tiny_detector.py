"""A detector small enough for tests, its settings, frames with coloured boxes, and a data set of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from transformers import HGNetV2Config

from deptr.detector.config import DepTRConfig
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.records import DepthKind, LabelledFrame
from deptr.training.config import TrainSettings, settings_from_dict

BACKBONE = {
    "depths": [1, 1, 1, 1],
    "embedding_size": 8,
    "hidden_sizes": [8, 16, 24, 32],
    "stem_channels": [3, 8, 8],
    "stage_in_channels": [8, 8, 16, 24],
    "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [8, 16, 24, 32],
    "stage_num_blocks": [1, 1, 1, 1],
    "stage_numb_of_layers": [1, 1, 1, 1],
}
DFINE: dict[str, Any] = {
    "freeze_backbone_batch_norms": False,
    "encoder_in_channels": [24, 32],
    "feat_strides": [16, 32],
    "encode_proj_layers": [1],
    "encoder_hidden_dim": 32,
    "encoder_ffn_dim": 32,
    "encoder_attention_heads": 4,
    "hidden_expansion": 0.5,
    "depth_mult": 0.34,
    "d_model": 32,
    "decoder_in_channels": [32, 32],
    "decoder_ffn_dim": 32,
    "decoder_attention_heads": 4,
    "num_feature_levels": 2,
    "decoder_n_points": [2, 2],
    "decoder_layers": 2,
    "num_queries": 10,
    "num_denoising": 8,
    "num_labels": 2,
    "max_num_bins": 16,
}


def tiny_config(**changes: Any) -> DepTRConfig:
    fields = {
        **DFINE,
        "backbone_config": HGNetV2Config(**BACKBONE, out_indices=[3, 4]),
        "initializer_bias_prior_prob": 0.05,
        "image_height": 64,
        "image_width": 96,
        "depth_hidden": 16,
    }
    return DepTRConfig(**{**fields, **changes})


def tiny_detector(seed: int = 0, **changes: Any) -> DepTRForObjectDetection:
    torch.manual_seed(seed)
    return DepTRForObjectDetection(tiny_config(**changes))


def tiny_settings(**optimizer: float) -> TrainSettings:
    """Four steps on the CPU; `optimizer` replaces parts of its settings."""
    return settings_from_dict(
        {
            "data": {"train": [{"kind": "crowd"}], "sizes": [[64, 96]], "batch_size": 2, "seed": 3},
            "optimizer": {"steps": 4, "warmup_steps": 1, "decay_steps": 2, "learning_rate": 1e-3} | optimizer,
            "run": {"device": "cpu", "save_every": 2, "log_every": 1, "evaluate_every": 0},
        }
    )


def random_batch(count: int = 2) -> torch.Tensor:
    """Noise of the tiny detector's input size."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 64, 96, generator=generator)


def painted_frame(seed: int, size: tuple[int, int] = (64, 96)) -> LabelledFrame:
    """One to three boxes, red ones of class 0 and green ones of class 1; the larger the nearer."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 40, size=(*size, 3), dtype=np.uint8)
    boxes, classes = [], []
    for _ in range(int(rng.integers(1, 4))):
        height, width = rng.integers(16, 40, size=2)
        left, top = rng.integers(0, size[1] - width), rng.integers(0, size[0] - height)
        kind = int(rng.integers(2))
        image[top : top + height, left : left + width] = (220, 40, 40) if kind == 0 else (40, 220, 40)
        boxes.append([left, top, left + width, top + height])
        classes.append(kind)
    array = np.array(boxes, np.float32)
    depth = (500 / (array[:, 3] - array[:, 1])).astype(np.float32)
    count = len(boxes)
    return LabelledFrame(
        image=image,
        boxes_xyxy=array,
        class_ids=np.array(classes),
        depth=depth,
        depth_std=np.zeros(count, np.float32),
        depth_kind=DepthKind.METRIC,
        track_ids=np.arange(count),
        visibility=np.ones(count, np.float32),
        ignore_boxes_xyxy=np.zeros((0, 4), np.float32),
        focal_px=100.0,
        name=f"painted {seed}",
    )


class PaintedSource:
    """Random painted frames, as a training source."""

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        return painted_frame(int(rng.integers(1000)), size)


def write_coco(folder: Path, **changes: Any) -> Path:
    """Two images with three annotations; `changes` replace parts of the json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), np.full((40, 60, 3), 90, np.uint8))
    content = {
        "info": {"depth_kind": "metric"},
        "images": [
            {"id": 7, "file_name": "a.png", "width": 60, "height": 40, "focal_px": 50.0},
            {"id": 9, "file_name": "b.png", "width": 60, "height": 40},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 18, "bbox": [5, 6, 10, 20], "iscrowd": 0, "depth": 4.0},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [30, 6, 10, 20], "iscrowd": 0, "depth": None},
            {"id": 3, "image_id": 7, "category_id": 1, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        ],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps({**content, **changes}))
    return path
