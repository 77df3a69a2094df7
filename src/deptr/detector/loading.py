"""Reading checkpoints so that a wrong file is explained before any work starts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from deptr.detector.config import DepTRConfig
from deptr.detector.foreign.processor import json_beside
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.errors import DataError, UsageError
from deptr.weights import found_here

MODEL_TYPES = ("deptr", "d_fine")  # what becomes a DepTR
PLUG_IN = "deptr_plugin"
OWN_TYPES = ("deptr", PLUG_IN)


def stored_config(name_or_path: str | Path) -> dict[str, Any]:
    """What ``config.json`` of a checkpoint folder or a model of the hub says.

    Raises:
        DataError: There is no such checkpoint, or it says no kind of model.
    """
    content = stored_json(name_or_path, "config.json")
    folder = Path(name_or_path)
    if not content and folder.exists():
        expected = "a folder with config.json and model.safetensors"
        raise DataError(folder, "not a checkpoint", expected=expected, found="no config.json")
    if not content:
        raise DataError(name_or_path, "no such checkpoint, here or on the hub", hint="is the name right?")
    if "model_type" not in content:
        raise DataError(folder / "config.json", "no model_type", hint="was it saved by transformers?")
    return content


def stored_json(name_or_path: str | Path, file: str) -> dict[str, Any]:
    """A json file of a checkpoint folder or a model of the hub, empty where it has none.

    Raises:
        DataError: It is not a json dictionary, or the hub cannot be asked.
    """
    folder = Path(name_or_path)
    if folder.exists():
        return json_beside(folder, file)
    from transformers.utils.hub import cached_file

    try:
        path = cached_file(
            str(name_or_path),
            file,
            local_files_only=found_here(name_or_path),
            _raise_exceptions_for_missing_entries=False,
        )
    except (OSError, ValueError):
        return {}
    return {} if path is None else json_beside(Path(path).parent, file)


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
    stored = stored_config(name_or_path)
    if stored["model_type"] not in MODEL_TYPES:
        path, kinds = Path(name_or_path) / "config.json", " or ".join(MODEL_TYPES)
        raise DataError(path, "model_type", expected=kinds, found=repr(stored["model_type"]))
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


def average_weights(detector: DepTRForObjectDetection, other: DepTRForObjectDetection, share: float) -> None:
    """Move a detector's weights towards those of another that was trained from the same start.

    Between two such sets of weights lies one that does better than either on images that neither saw.

    Args:
        detector: Changed in place.
        other: Of the same architecture; left as it is.
        share: How much of `other` is in the result, in [0, 1].

    Raises:
        UsageError: The share is out of range or the architectures differ.

    Source: Weight-space ensembling, Wortsman et al., arXiv:2109.01903, section 3.
    """
    import torch

    if not 0 <= share <= 1:
        raise UsageError(f"average of weights: expected a share in [0, 1], got {share:g}")
    own, theirs = detector.state_dict(), other.state_dict()
    shapes, others = ({name: value.shape for name, value in part.items()} for part in (own, theirs))
    if shapes != others:
        different = sorted(name for name in {*shapes, *others} if shapes.get(name) != others.get(name))
        raise UsageError(
            f"average of weights: expected the same architecture, got {len(different)} tensors that differ "
            f"({', '.join(different[:3])})"
        )
    mixed = {  # beside them, not in place: heads that layers share stand there under several names
        name: torch.lerp(value, theirs[name], share) if value.dtype.is_floating_point else value
        for name, value in own.items()
    }
    detector.load_state_dict(mixed)


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
