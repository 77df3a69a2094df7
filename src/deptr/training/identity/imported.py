"""An exported identity decoder back in torch, so that training can go on from a file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deptr.errors import DataError
from deptr.tracking.learned.network import OnnxIdentityNetwork
from deptr.training.identity.decoder import IdentityConfig, IdentityDecoder

_OWN, _GRAPH = "decoder.", "decoder/"  # how `OneFrame` calls the decoder


def import_identity(path: str | Path, changes: Mapping[str, float] | None = None) -> IdentityDecoder:
    """The decoder that `export_identity` wrote.

    The exporter keeps vectors under their names; matrices it turns, and the node of their product has the
    name of their place.

    Args:
        path: The ``.onnx`` file.
        changes: Fields of its configuration that are to be others, such as fewer ``identities``.

    Raises:
        DataError: The file is missing or damaged, no identity decoder, or one of another version.

    Example:
        >>> from importlib.resources import files
        >>> bundled = files("deptr.tracking.learned") / "weights/identity-boxes.onnx"
        >>> import_identity(str(bundled)).config.layers
        3
    """
    import onnx
    from onnx import numpy_helper

    shape = OnnxIdentityNetwork(path).shape
    graph = onnx.load(str(path)).graph
    held = {entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy()) for entry in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in held:  # equal tensors are written once
            held[node.output[0]] = held[node.input[0]]
    state = {name.removeprefix(_OWN): value for name, value in held.items() if name.startswith(_OWN)}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in held:
            state[_place(node.name)] = held[node.input[1]].T
    try:
        fields = {**shape._asdict(), **_widths(state, shape.layers), **(changes or {})}
        decoder = IdentityDecoder(IdentityConfig(**fields))
        decoder.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise DataError(path, "not a decoder of this version", found=str(error)[:200]) from error
    return decoder.eval()


def _place(node: str) -> str:
    """Name of the matrix that a product's node stands for.

    Example:
        >>> _place("/decoder/layers.0/inner/inner.2/MatMul"), _place("/decoder/MatMul")
        ('layers.0.inner.2.weight', 'keys.weight')
    """
    parts = node.strip("/").removeprefix(_GRAPH).split("/")[:-1] or ["keys"]  # by which codes are turned, too
    inner = [part for part, after in pairwise([*parts, ""]) if not after.startswith(part + ".")]
    return ".".join([*inner, "weight"])


def _widths(state: dict[str, Tensor], layers: int) -> dict[str, Any]:
    """What the file does not tell of the decoder's shape in words."""
    return {
        "inner": len(state["layers.0.inner.0.bias"]),
        "pair_width": len(state["pairs.0.bias"]),
        "heads": (len(state["pairs.2.bias"]) - 1) // layers,
    }
