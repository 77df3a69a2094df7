"""The real code paths of both models with small random weights, and the victim of the kill test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoModel

from deptr.io.label_runs import LabelRun
from deptr.teacher.depth_teachers import VideoDepthTeacher
from deptr.teacher.jobs import find_jobs
from deptr.teacher.labelling import SequenceReport, label_sequence
from deptr.teacher.masks import Sam2Masks
from deptr.teacher.rows import LabelOptions, Teachers
from deptr.teacher.synthetic import SyntheticMasks, SyntheticNoise
from deptr.teacher.video_depth_anything import VideoDepthAnything, VideoDepthConfig
from deptr.teacher.video_masks import Sam2VideoMasks

SIDE = 64
OPTIONS = LabelOptions(dense=True, features=True)


def sam_sizes() -> dict[str, Any]:
    """Smallest sizes that SAM 2's network allows."""
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "num_attention_heads": 1,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 1, 1],
        "window_size_per_stage": [4, 4, 4, 2],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [2, 2],
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[SIDE // stride] * 2 for stride in (4, 8, 16)],
        "fpn_hidden_size": 128,
    }
    decoder = {"hidden_size": 128, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
    prompts = {"hidden_size": 128, "image_size": SIDE, "patch_size": 16}
    return {"vision_config": vision, "prompt_encoder_config": prompts, "mask_decoder_config": decoder}


def tiny_sam() -> Sam2Model:
    """SAM 2 for images, random."""
    torch.manual_seed(0)
    return Sam2Model(Sam2Config(**sam_sizes())).eval()


def tiny_sam_video() -> Sam2VideoModel:
    """SAM 2 for video, random."""
    torch.manual_seed(0)
    memory = {
        "image_size": SIDE,
        "memory_attention_hidden_size": 128,
        "memory_attention_feed_forward_hidden_size": 32,
        "memory_attention_num_layers": 1,
        "memory_attention_rope_feat_sizes": [SIDE // 16, SIDE // 16],
        "memory_encoder_hidden_size": 128,
        "mask_downsampler_embed_dim": 128,
        "memory_fuser_embed_dim": 128,
        "memory_fuser_intermediate_dim": 32,
    }
    return Sam2VideoModel(Sam2VideoConfig(**sam_sizes(), **memory)).eval()


def tiny_depth(*, with_features: bool = False) -> VideoDepthTeacher:
    """Video Depth Anything, random; half of the untrained network's outputs would be cut off at 0."""
    torch.manual_seed(1)
    model = VideoDepthAnything(VideoDepthConfig.tiny()).eval()
    with torch.no_grad():
        model.head.scratch.output_conv2[2].bias.fill_(1.0)
    return VideoDepthTeacher(model, "vda-tiny", "none", input_size=28, with_features=with_features)


def tiny_teachers(*, video: bool = False) -> Teachers:
    """Both models."""
    if video:
        return Teachers(
            Sam2VideoMasks(tiny_sam_video(), name="sam-tiny", key_every=4), tiny_depth(with_features=True)
        )
    return Teachers(Sam2Masks(tiny_sam(), name="sam-tiny"), tiny_depth(with_features=True))


@dataclass
class LoggedDepth:
    """Writes down each window before it computes it."""

    inner: Any
    log: Path

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def open(self, state: Any = None) -> Any:
        """A session that writes down its windows too."""
        return LoggedDepth(self.inner.open(state), self.log)

    def push(self, window: Any, fit: Any = None) -> Any:
        """Write down the window's number, then compute."""
        with self.log.open("a") as file:
            file.write(f"{window.number}\n")
        return self.inner.push(window, fit)


def label_world(source: str, store: str, log: str) -> SequenceReport:
    """Label a world with its own masks and the tiny depth network."""
    torch.set_num_threads(1)
    job = find_jobs([source])[0]
    masks = SyntheticMasks(source, job.name, SyntheticNoise(mask_px=1))
    depth = LoggedDepth(tiny_depth(with_features=True), Path(log))
    run = LabelRun.create(store, "killed", {})
    return label_sequence(job, run, Teachers(masks, depth), OPTIONS)
