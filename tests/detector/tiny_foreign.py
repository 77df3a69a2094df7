"""Detectors of transformers small enough for tests, saved as checkpoint folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tiny_detector import BACKBONE, DFINE
from transformers import (
    AutoModelForObjectDetection,
    DetrConfig,
    HGNetV2Config,
    ResNetConfig,
    RfDetrConfig,
    RTDetrConfig,
    RTDetrV2Config,
    YolosConfig,
)
from transformers.models.d_fine.configuration_d_fine import DFineConfig
from transformers.models.deimv2.configuration_deimv2 import Deimv2Config
from transformers.models.rf_detr.configuration_rf_detr import RfDetrDinov2Config
from transformers.models.rt_detr.configuration_rt_detr_resnet import RTDetrResNetConfig

NAMES = {0: "walker", 1: "cone", 2: "car"}
LABELS = {"id2label": NAMES, "label2id": {name: number for number, name in NAMES.items()}, "num_labels": 3}


def _resnet() -> RTDetrResNetConfig:
    return RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip


def _rt(kind: type, **changes: Any) -> Any:
    return kind(
        backbone_config=_resnet(), encoder_in_channels=[16, 24, 32], encoder_hidden_dim=32,
        encoder_ffn_dim=32,
        encoder_attention_heads=4, d_model=32, decoder_in_channels=[32, 32, 32], decoder_ffn_dim=32,
        decoder_attention_heads=4, decoder_layers=2, num_queries=12, num_denoising=0, hidden_expansion=0.5,
        **LABELS, **changes,
    )  # fmt: skip


def _rf() -> RfDetrConfig:
    backbone = RfDetrDinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=16,
        num_windows=2,
        out_indices=[1, 2], num_register_tokens=0,
    )  # fmt: skip
    return RfDetrConfig(
        backbone_config=backbone, d_model=32, decoder_layers=2, decoder_ffn_dim=32, num_queries=12,
        group_detr=2,
        decoder_self_attention_heads=4, decoder_cross_attention_heads=4, decoder_n_points=2, c2f_num_blocks=1,
        **LABELS,
    )  # fmt: skip


def _detr() -> DetrConfig:
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", out_features=["stage2"]
    )
    return DetrConfig(
        backbone_config=backbone, use_timm_backbone=False, d_model=32, encoder_layers=1, decoder_layers=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_attention_heads=4, decoder_attention_heads=4,
        num_queries=12, **LABELS,
    )  # fmt: skip


def _dfine(kind: type) -> Any:
    fields = {**DFINE, "num_denoising": 0, "num_labels": 3}
    return kind(**{**fields, **LABELS}, backbone_config=HGNetV2Config(**BACKBONE, out_indices=[3, 4]))


CONFIGS = {
    "rt_detr": lambda: _rt(RTDetrConfig),
    "rt_detr_v2": lambda: _rt(RTDetrV2Config),
    "rf_detr": _rf,
    "d_fine": lambda: _dfine(DFineConfig),
    "deimv2": lambda: _dfine(Deimv2Config),
    "detr": _detr,
    "yolos": lambda: YolosConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=[64, 96],
        num_detection_tokens=12, **LABELS,
    ),
}  # fmt: skip


def tiny_foreign(family: str, folder: Path, **processor: Any) -> Path:
    """A random detector of a family, and what its processor says."""
    torch.manual_seed(0)
    AutoModelForObjectDetection.from_config(CONFIGS[family]()).eval().save_pretrained(folder)
    size = (
        {"height": 64, "width": 96}
        if family not in ("detr", "yolos")
        else {"shortest_edge": 64, "longest_edge": 96}
    )
    content = {"size": {"height": 64, "width": 64} if family == "rf_detr" else size, **processor}
    (folder / "preprocessor_config.json").write_text(json.dumps(content))
    return folder
