"""Reading checkpoints so that a wrong file is explained before any work starts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from deptr.detector.config import DepTRConfig
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.errors import DataError

MODEL_TYPES = ("deptr", "d_fine")


def load_config(name_or_path: str | Path, changes: dict[str, Any] | None = None) -> DepTRConfig:
    """Configuration of a checkpoint folder or a model of the hub.

    Args:
        name_or_path: Folder with ``config.json``, or a name such as ``ustc-community/dfine-nano-coco``.
        changes: Fields to replace.

    Raises:
        DataError: There is no such checkpoint, or it is of another architecture.
    """
    folder = Path(name_or_path)
    if folder.exists():
        path = folder / "config.json"
        try:
            kind = json.loads(path.read_text(encoding="utf-8")).get("model_type")
        except OSError as error:
            expected = "a folder with config.json and model.safetensors"
            raise DataError(folder, "not a checkpoint", expected=expected, found=error.strerror) from error
        except ValueError as error:
            raise DataError(path, "not a json file", found=str(error)) from error
        if kind not in MODEL_TYPES:
            raise DataError(path, "model_type", expected=" or ".join(MODEL_TYPES), found=repr(kind))
    try:
        config: DepTRConfig = DepTRConfig.from_pretrained(name_or_path, **(changes or {}))
    except OSError as error:
        hint = "is the name right and the hub reachable?"
        raise DataError(name_or_path, "no such checkpoint, here or on the hub", hint=hint) from error
    return config


def _stored_depth_head(name_or_path: str | Path) -> str:
    """Form of the depth module that a checkpoint on disk has."""
    path = Path(name_or_path) / "config.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str(content.get("depth_head", "none"))


def load_detector(
    name_or_path: str | Path, *, changes: dict[str, Any] | None = None
) -> DepTRForObjectDetection:
    """A detector with its weights; a plain D-FINE checkpoint gets a fresh depth module.

    Args:
        name_or_path: Folder or hub name.
        changes: Configuration fields to replace.

    Raises:
        DataError: No such checkpoint, a damaged file, or weights of another architecture (missing and
            unexpected names are told).
    """
    config = load_config(name_or_path, changes)
    try:
        model, report = DepTRForObjectDetection.from_pretrained(
            name_or_path, config=config, output_loading_info=True, dtype="float32"
        )
    except (SafetensorError, OSError, EOFError) as error:
        hint = "is the file whole?"
        raise DataError(name_or_path, "weights cannot be read", found=str(error)[:200], hint=hint) from error
    except (RuntimeError, ValueError) as error:
        found = " ".join(str(error).split())[:400]
        raise DataError(name_or_path, "weights do not fit the configuration", found=found) from error
    missing = [name for name in report["missing_keys"] if not name.startswith("depth_head.")]
    other_depth = (changes or {}).get("depth_head", config.depth_head) != _stored_depth_head(name_or_path)
    unexpected = [
        name
        for name in report["unexpected_keys"]
        if not (other_depth and name.startswith("depth_head."))  # one form takes the place of another
    ]
    if missing or unexpected:
        parts = [
            f"{len(names)} {word} ({', '.join(sorted(names)[:4])}, ...)"
            for word, names in (("missing", missing), ("unexpected", unexpected))
            if names
        ]
        raise DataError(name_or_path, "weights of another architecture", found="; ".join(parts))
    result: DepTRForObjectDetection = model
    return result


def save_half(detector: DepTRForObjectDetection, folder: str | Path) -> Path:
    """Write a checkpoint with its weights in half precision; loading turns them back into single.

    Returns:
        The safetensors file.
    """
    import torch

    half = copy.deepcopy(detector).to(torch.float16)
    half.config.dtype = "float32"
    half.save_pretrained(folder)
    path = Path(folder) / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["dtype"] = "float32"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return Path(folder) / "model.safetensors"
