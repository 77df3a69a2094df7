"""Loading the published Video Depth Anything checkpoints: every tensor finds its place or is named.

The decoder keeps the published names; the encoder's are those of DINOv2's original code and map to
`transformers`' by the table below, the fused query-key-value matrix in three parts.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from deptr.errors import DataError
from deptr.teacher.video_depth_anything import VideoDepthAnything, VideoDepthConfig

# published name of the encoder -> name here; `{n}` is the layer
ENCODER_NAMES = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "mask_token": "embeddings.mask_token",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
    "blocks.{n}.norm1": "encoder.layer.{n}.norm1",
    "blocks.{n}.attn.proj": "encoder.layer.{n}.attention.o_proj",
    "blocks.{n}.ls1.gamma": "encoder.layer.{n}.layer_scale1.lambda1",
    "blocks.{n}.norm2": "encoder.layer.{n}.norm2",
    "blocks.{n}.mlp.fc1": "encoder.layer.{n}.mlp.fc1",
    "blocks.{n}.mlp.fc2": "encoder.layer.{n}.mlp.fc2",
    "blocks.{n}.ls2.gamma": "encoder.layer.{n}.layer_scale2.lambda1",
}
FUSED = "blocks.{n}.attn.qkv"
SPLIT = tuple("encoder.layer.{n}.attention." + part for part in ("q_proj", "k_proj", "v_proj"))


def target_names(name: str) -> list[str]:
    """Where a published tensor goes: one name, three for a fused query-key-value tensor, none if unknown.

    Example:
        >>> target_names("pretrained.blocks.3.norm1.weight")
        ['pretrained.encoder.layer.3.norm1.weight']
        >>> len(target_names("pretrained.blocks.0.attn.qkv.bias"))
        3
        >>> target_names("pretrained.register_tokens")
        []
    """
    part, _, rest = name.partition(".")
    if part == "head":
        return [name]
    layer = re.match(r"blocks\.(\d+)\.", rest)
    number = layer.group(1) if layer else ""
    pattern = rest.replace(f"blocks.{number}.", "blocks.{n}.", 1) if layer else rest
    stem, _, leaf = pattern.rpartition(".")
    if stem == FUSED:
        return [f"pretrained.{target.format(n=number)}.{leaf}" for target in SPLIT]
    if pattern in ENCODER_NAMES:
        return ["pretrained." + ENCODER_NAMES[pattern].format(n=number)]
    if leaf in ("weight", "bias") and stem in ENCODER_NAMES:
        return [f"pretrained.{ENCODER_NAMES[stem].format(n=number)}.{leaf}"]
    return []


def load_state(model: VideoDepthAnything, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Copy a published state dict into a model; nothing may be missing, left over or of another shape.

    Args:
        model: A model of the size that the file was made for.
        state: Published names to tensors.
        source: Where the tensors come from, for messages.

    Raises:
        DataError: A tensor has no place, has another shape, or one of the model's is not in the file.
    """
    own = model.state_dict()
    filled: dict[str, Tensor] = {}
    for name, tensor in state.items():
        targets = target_names(name)
        for target, part in zip(targets, tensor.chunk(len(targets)) if targets else [], strict=True):
            if target not in own:
                raise _mismatch(source, name, "no such tensor in this model", state)
            if own[target].shape != part.shape:
                found = f"{tuple(part.shape)} where {tuple(own[target].shape)} belongs"
                raise _mismatch(source, name, found, state)
            filled[target] = part
        if not targets:
            raise _mismatch(source, name, "an unknown name", state)
    missing = sorted(own.keys() - filled.keys())
    if missing:
        raise _mismatch(source, missing[0], f"{len(missing)} tensors missing, this one first", state)
    model.load_state_dict(filled)


def _mismatch(source: str | Path, name: str, found: str, state: Mapping[str, Tensor]) -> DataError:
    sizes = {384: "small (vits)", 768: "base (vitb)", 1024: "large (vitl)"}
    token = state.get("pretrained.cls_token")
    size = sizes.get(token.shape[-1]) if token is not None and token.ndim else None
    hint = f"the file is of the {size} model" if size else "not a Video Depth Anything checkpoint"
    problem = "does not fit the model asked for"
    return DataError(source, problem, expected=f"a matching tensor {name!r}", found=found, hint=hint)


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a `.pth` or `.safetensors` file, without running any code that the file may hold.

    Raises:
        DataError: The file is missing, truncated or holds something other than tensors.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(file, "no such weights file")
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(file))
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        size = f"{file.stat().st_size:,} bytes: {reason}"
        raise DataError(
            file, "cannot be read as weights", found=size, hint="truncated? download it again"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(
            file, "is not a table of tensors", expected="a state dict", found=type(state).__name__
        )
    return state


def load_video_depth(path: str | Path, size: str = "small") -> VideoDepthAnything:
    """The published model of that size with the weights of a file, ready to use on the CPU.

    Args:
        path: The official `.pth` file.
        size: ``"small"``, ``"base"`` or ``"large"``.

    Raises:
        DataError: The file cannot be read or is of another model.
        UsageError: There is no such size.
    """
    config = VideoDepthConfig.named(size)
    state = read_state(path)
    with torch.device("meta"):
        model = VideoDepthAnything(config)
    model.to_empty(device="cpu")
    load_state(model, state, path)
    return model.eval()
