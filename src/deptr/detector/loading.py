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
from deptr.weights import found_here

MODEL_TYPES = ("deptr", "d_fine")


def _stored_config(name_or_path: str | Path, *, local: bool) -> dict[str, Any]:
    """What ``config.json`` of a checkpoint folder or a model of the hub says, of the right architecture."""
    folder = Path(name_or_path)
    path = folder / "config.json"
    try:
        if folder.exists():
            content = json.loads(path.read_text(encoding="utf-8"))
        else:
            content, _ = DepTRConfig.get_config_dict(name_or_path, local_files_only=local)
    except OSError as error:
        if folder.exists():
            expected = "a folder with config.json and model.safetensors"
            raise DataError(folder, "not a checkpoint", expected=expected, found=error.strerror) from error
        raise DataError(
            name_or_path, "no such checkpoint, here or on the hub", hint="is the name right?"
        ) from error
    except ValueError as error:
        raise DataError(path, "not a json file", found=str(error)) from error
    kind = content.get("model_type")
    if kind not in MODEL_TYPES:
        raise DataError(path, "model_type", expected=" or ".join(MODEL_TYPES), found=repr(kind))
    return dict(content)


def load_detector(
    name_or_path: str | Path, *, changes: dict[str, Any] | None = None
) -> DepTRForObjectDetection:
    """A detector with its weights.

    A plain D-FINE checkpoint has no depth module, unless `changes` ask for one, which then starts fresh.

    Args:
        name_or_path: Folder, or hub name such as ``ustc-community/dfine-nano-coco``.
        changes: Configuration fields to replace.

    Raises:
        DataError: No such checkpoint, the hub cannot be reached, a damaged file, or weights of another
            architecture (missing and unexpected names are told).
    """
    local = found_here(name_or_path)
    stored = _stored_config(name_or_path, local=local)
    stored_head = stored.get("depth_head", "none")
    replaced = {"depth_head": stored_head, **(changes or {})}
    config: DepTRConfig = DepTRConfig.from_pretrained(name_or_path, local_files_only=local, **replaced)
    try:
        model, report = DepTRForObjectDetection.from_pretrained(
            name_or_path, config=config, output_loading_info=True, dtype="float32", local_files_only=local
        )
    except (SafetensorError, OSError, EOFError) as error:
        hint = "is the file whole?"
        raise DataError(name_or_path, "weights cannot be read", found=str(error)[:200], hint=hint) from error
    except (RuntimeError, ValueError) as error:
        found = " ".join(str(error).split())[:400]
        raise DataError(name_or_path, "weights do not fit the configuration", found=found) from error
    missing = [name for name in report["missing_keys"] if not name.startswith("depth_head.")]
    other_depth = config.depth_head != stored_head
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
    if any(name.startswith("depth_head.") for name in report["missing_keys"]):
        result.renew_depth()
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
