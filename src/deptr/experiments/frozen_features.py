"""What a frozen detector sees in images, computed once and kept in files.

Where boxes stay as they are, a network's answer differs only behind its queries (the depth module) or behind
its backbone. Trainings that start there take seconds instead of minutes, on exactly the same inputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deptr.detector.modeling import DepTRForObjectDetection
from deptr.files import atomic_path
from deptr.progress import Progress, SilentProgress
from deptr.training.augment import Example

PART = 40  # images of one file
BATCH = 4
EXACT = ("boxes", "logits")  # half precision would round a box to a third of a pixel
_ROWS = ("boxes", "class_ids", "depth", "depth_std", "object_ids")
See = Callable[[Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Features:
    """What was seen in images, and their labels.

    Attributes:
        arrays: Name to ``(I, ...)``; states and maps in half precision.
        examples: Labels of each image; the images themselves are left out.
    """

    arrays: dict[str, Any]
    examples: list[Example]

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.examples)

    def rows(self, name: str, images: Any, device: torch.device | str = "cpu") -> Tensor:
        """An array's rows of some images, float32."""
        return torch.from_numpy(self.arrays[name][images]).to(device).float()

    def maps(self, images: Any, device: torch.device | str = "cpu") -> list[Tensor]:
        """Feature maps ``(B, C, H, W)`` of some images, finest first; empty where none were kept."""
        names = sorted(name for name in self.arrays if name.startswith("map"))
        return [self.rows(name, images, device) for name in names]


def queries_and_maps(model: DepTRForObjectDetection, *, maps: bool) -> See:
    """What a depth module is given: query states, boxes and logits, and the encoder's maps if asked for.

    Args:
        model: In evaluation mode.
        maps: Whether to keep the encoder's maps, a megabyte for each image of 640x384.
    """

    def see(pixels: Tensor) -> dict[str, Tensor]:
        output = model(pixels)
        states = output.dfine.intermediate_hidden_states.transpose(0, 1)
        seen = {"states": states, "logits": output.logits, "boxes": output.pred_boxes}
        return seen | (_numbered(output.encoder_maps) if maps else {})

    return see


def backbone_maps(model: DepTRForObjectDetection) -> See:
    """The backbone's maps, all that the rest of the network is given."""
    return lambda pixels: _numbered(model.model.backbone.model(pixels).feature_maps)


def _numbered(maps: Sequence[Tensor]) -> dict[str, Tensor]:
    return {f"map{level}": value for level, value in enumerate(maps)}


def seen_once(
    folder: str | Path,
    name: str,
    model: DepTRForObjectDetection,
    see: See,
    examples: Sequence[Example] | Callable[[int], Example],
    *,
    count: int,
    progress: Progress | None = None,
) -> Features:
    """Features of examples; parts that an earlier run with the same detector finished are read.

    Args:
        folder: Where the files go.
        name: Of the examples; whoever changes them changes it.
        model: The frozen detector.
        see: `queries_and_maps` or `backbone_maps` of it.
        examples: The examples, or what makes number ``i``; not asked for parts that are there.
        count: How many.
        progress: Told after each part.
    """
    told, folder = progress or SilentProgress(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    make = examples if callable(examples) else examples.__getitem__
    mark, model = fingerprint(model), model.eval()
    paths = []
    for start in range(0, count, PART):
        numbers = range(start, min(start + PART, count))
        paths.append(folder / f"{name}-{mark}-{start:05d}-{len(numbers)}.npz")
        if not paths[-1].is_file():
            content = _seen(model, see, [make(number) for number in numbers])
            with atomic_path(paths[-1]) as temporary, Path(temporary).open("wb") as file:
                np.savez(file, **content)
        told.update(numbers.stop, count, seen=name)
    return _joined(paths, count)


def fingerprint(model: DepTRForObjectDetection) -> str:
    """Eight letters that differ where the weights before the depth module do."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if not name.startswith("depth_head"):
            digest.update(value.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:8]


@torch.no_grad()
def _seen(model: DepTRForObjectDetection, see: See, examples: Sequence[Example]) -> dict[str, Any]:
    device = next(model.parameters()).device
    mean, std = (
        255 * torch.tensor(values, device=device).view(1, 3, 1, 1)
        for values in (model.config.image_mean, model.config.image_std)
    )
    parts: dict[str, list[Any]] = {}
    for start in range(0, len(examples), BATCH):
        images = np.stack([example.image for example in examples[start : start + BATCH]])
        pixels = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float()
        seen = see(((pixels - mean) / std).contiguous(memory_format=torch.channels_last))
        for key, value in seen.items():
            small = np.float32 if key in EXACT else np.float16
            parts.setdefault(key, []).append(value.float().cpu().numpy().astype(small))
    content = {f"seen_{key}": np.concatenate(value) for key, value in parts.items()}
    return content | _flat(examples)


def _flat(examples: Sequence[Example]) -> dict[str, Any]:
    """Labels as arrays: rows of all images one after another, and how many each has."""
    flat: dict[str, Any] = {
        name: np.concatenate([getattr(example, name) for example in examples]) for name in _ROWS
    }
    flat["ignore_boxes"] = np.concatenate([example.ignore_boxes for example in examples])
    flat["counts"] = np.array([[len(e.boxes), len(e.ignore_boxes)] for e in examples])
    flat["log_view"] = np.array([example.log_view for example in examples])
    dense = [example.dense_depth for example in examples]
    flat["has_dense"] = np.array([depth is not None for depth in dense])
    known = [depth for depth in dense if depth is not None]
    flat["dense_depth"] = np.stack(known).astype(np.float16) if known else np.zeros((0, 1, 1), np.float16)
    return flat


def _unflat(content: dict[str, Any]) -> list[Example]:
    rows, ignored = (np.cumsum(content["counts"][:, column])[:-1] for column in (0, 1))
    columns = {name: np.split(content[name], rows) for name in _ROWS}
    regions = np.split(content["ignore_boxes"], ignored)
    dense = iter(content["dense_depth"])
    nothing = np.zeros((0, 0, 3), np.uint8)
    examples = []
    for index, view in enumerate(content["log_view"]):
        depth = next(dense).astype(np.float32) if content["has_dense"][index] else None
        own: dict[str, Any] = {name: column[index] for name, column in columns.items()}
        examples.append(
            Example(
                image=nothing, ignore_boxes=regions[index], dense_depth=depth, log_view=float(view), **own
            )
        )
    return examples


def _joined(paths: Sequence[Path], count: int) -> Features:
    arrays: dict[str, Any] = {}
    examples: list[Example] = []
    for path in paths:
        with np.load(path) as stored:
            content = dict(stored)
        first = len(examples)
        examples += _unflat(content)
        for key in [key for key in content if key.startswith("seen_")]:
            name, value = key.removeprefix("seen_"), content[key]
            if name not in arrays:
                arrays[name] = np.empty((count, *value.shape[1:]), value.dtype)
            arrays[name][first : len(examples)] = value
    return Features(arrays, examples)
