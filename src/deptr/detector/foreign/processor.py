"""What a checkpoint of transformers says about its input, read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deptr.detector.foreign.inputs import IMAGENET_MEAN, IMAGENET_STD, InputForm
from deptr.errors import DataError

# families that stretch to a square, and those of them that do not normalise, unless their files say otherwise
SQUARES = {"rf_detr": 560}
PLAIN = ("rt_detr", "rt_detr_v2", "d_fine", "deimv2", "pp_doclayout_v2", "pp_doclayout_v3", "pp_doclayout_v4")


def json_beside(path: Path, name: str) -> dict[str, Any]:
    """A json file of a model's folder, empty where there is none.

    Args:
        path: The folder, or a file in it; of a folder ``onnx`` the one above counts too.
        name: Of the json file.

    Raises:
        DataError: It is not a json dictionary.
    """
    folder = path if path.is_dir() else path.parent
    for place in (folder, folder.parent) if folder.name == "onnx" else (folder,):
        file = place / name
        if file.is_file():
            try:
                return dict(json.loads(file.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                raise DataError(file, "not a json dictionary", found=str(error)[:100]) from error
    return {}


def form_of_processor(
    processor: Mapping[str, Any], model_type: str = "", size: tuple[int, int] | None = None
) -> InputForm:
    """How a processor of transformers makes inputs.

    Args:
        processor: Content of ``preprocessor_config.json``, may be empty.
        model_type: Family, for what the file leaves out.
        size: Height and width to take instead of the file's; of a processor that keeps the aspect the shorter
            and the longer side.

    Example:
        >>> form_of_processor({}, "rt_detr_v2").fit, form_of_processor({}, "detr").fit
        ('stretch', 'shortest')
        >>> form_of_processor({"size": {"shortest_edge": 512, "longest_edge": 864}}, "yolos").size_for(
        ...     __import__("numpy").zeros((480, 640, 3), "uint8"))
        (512, 683)
    """
    plain = model_type in PLAIN
    height, width, fit = _size(processor, 640 if plain else SQUARES.get(model_type))
    if size is not None:
        height, width = size if fit == "stretch" else (min(size), max(size))
    normalised = processor.get("do_normalize", not plain)
    scaled = processor.get("do_rescale", True)
    return InputForm(
        height,
        width,
        fit,
        mean=(processor.get("image_mean") or IMAGENET_MEAN) if normalised else (0.0, 0.0, 0.0),
        std=(processor.get("image_std") or IMAGENET_STD) if normalised else (1.0, 1.0, 1.0),
        scale=float(processor.get("rescale_factor", 1 / 255)) if scaled else 1.0,
    )


def _size(processor: Mapping[str, Any], square: int | None) -> tuple[int, int, str]:
    said = processor.get("size") or ({} if square is None else {"height": square, "width": square})
    if isinstance(said, int):
        said = {"shortest_edge": said, "longest_edge": processor.get("max_size", 1333)}
    if "height" in said and "width" in said:
        return int(said["height"]), int(said["width"]), "stretch"
    if "max_height" in said:
        return int(said["max_height"]), int(said["max_width"]), "letterbox"
    return int(said.get("shortest_edge") or 800), int(said.get("longest_edge") or 1333), "shortest"
