"""EdgeTAM as mask teacher: the library's network with random weights, and an image encoder of our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_teachers import SIDE, sam_sizes
from torch import nn
from transformers import AutoConfig, AutoModel, EdgeTamConfig, EdgeTamModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from deptr.errors import DataError, UsageError
from deptr.teacher.build import TeacherFactory, TeacherPlan
from deptr.teacher.frames import BoxedFrame, FrameBoxes


class EncoderConfig(PretrainedConfig):
    model_type = "encoder_of_a_test"


class Encoder(PreTrainedModel):
    """Four maps of strides 4 to 32, as timm's RepViT gives them; timm would bring torchvision."""

    config_class = EncoderConfig

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        sides = [(4, 8), (8, 16), (16, 32), (32, 64)]
        self.stages = nn.ModuleList(nn.Conv2d(3, channels, stride, stride) for stride, channels in sides)
        self.post_init()

    def forward(self, pixels: torch.Tensor, **_: object) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=[stage(pixels) for stage in self.stages])


AutoConfig.register("encoder_of_a_test", EncoderConfig)
AutoModel.register(EncoderConfig, Encoder)


def test_edgetam_masks_each_box(tmp_path: Path) -> None:
    sizes = sam_sizes()
    sizes["vision_config"] |= {"backbone_config": EncoderConfig(), "model_type": "edgetam_vision_model"}
    torch.manual_seed(0)
    EdgeTamModel(EdgeTamConfig(**sizes)).save_pretrained(tmp_path / "edgetam")
    factory = TeacherFactory(TeacherPlan("edgetam", "synthetic", weights=str(tmp_path), device="cpu"))
    assert factory.plan.licences() == {"edgetam": "Apache-2.0"}
    boxes = np.array([[2.0, 2, 30, 38], [20, 5, 58, 35], [0, 0, 5, 5]], np.float32)
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    frames = [
        BoxedFrame(k, image, FrameBoxes(boxes[:k], np.arange(k), np.zeros(k, np.int32))) for k in (3, 0, 1)
    ]
    teacher = factory._masks
    assert teacher is not None and SIDE == teacher.side
    masks = list(teacher.masks(frames))
    assert [one.shape for one in masks] == [(3, 40, 60), (0, 40, 60), (1, 40, 60)]
    np.testing.assert_array_equal(masks[0][0], masks[2][0])  # a box's mask does not depend on the others
    (tmp_path / "edgetam" / "model.safetensors").write_bytes(b"\0" * 64)
    with pytest.raises(DataError, match="weights cannot be loaded"):
        TeacherFactory(factory.plan)


def test_edgetam_is_for_single_images(tmp_path: Path) -> None:
    (tmp_path / "edgetam").mkdir()
    (tmp_path / "edgetam" / "model.safetensors").write_bytes(b"")
    plan = TeacherPlan("edgetam", "synthetic", weights=str(tmp_path), device="cpu", key_every=4)
    with pytest.raises(UsageError, match="key_every: edgetam labels single images"):
        TeacherFactory(plan)
