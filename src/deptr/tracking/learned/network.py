"""Runs an identity decoder in ONNX Runtime."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from deptr.errors import DataError
from deptr.records import FloatArray
from deptr.tracking.learned.memory import Recall

BUNDLED = "identity-boxes"
FORMAT = "deptr-identity-2"


class Shape(NamedTuple):
    """What a decoder expects.

    Attributes:
        identities: Most that are remembered at once.
        memory: Observations of each.
        layers: Whose keys and values are kept.
        width: Of each.
        state_width: Width of the query states it reads, 0 for boxes alone.
    """

    identities: int
    memory: int
    layers: int
    width: int
    state_width: int

    @property
    def payload(self) -> tuple[int, int, int]:
        """Shape of what is remembered of each observation."""
        return self.layers, 2, self.width


class IdentityNetwork(Protocol):
    """An identity decoder that runs."""

    shape: Shape

    def __call__(
        self, seen: FloatArray, states: FloatArray | None, recall: Recall
    ) -> tuple[FloatArray, FloatArray]:
        """Logits ``(D, K + 1)`` of detections ``(D, 7)`` and what to remember of each, ``(D, L, 2, C)``."""


class OnnxIdentityNetwork:
    """A decoder that `deptr export` wrote.

    Args:
        path: The ``.onnx`` file; None for the one that comes with the package.

    Raises:
        DataError: The file is missing, damaged or no identity decoder.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        import onnxruntime

        place = Path(path) if path else Path(str(files("deptr.tracking.learned") / f"weights/{BUNDLED}.onnx"))
        self._place = place
        if not place.is_file():
            raise DataError(place, "no such model file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a frame is too little work to share
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(place), options, ["CPUExecutionProvider"])
        except Exception as error:  # the library has no common base for its errors
            hint = "is the file whole?"
            raise DataError(place, "not an ONNX model", found=str(error)[:160], hint=hint) from error
        told = self._session.get_modelmeta().custom_metadata_map
        if told.get("format") != FORMAT:
            raise DataError(
                place,
                "no identity decoder",
                expected=f"a file with format {FORMAT} in its metadata",
                found=told.get("format", "none"),
                hint="export one with deptr export",
            )
        self.shape = Shape(*(int(json.loads(told["shape"])[name]) for name in Shape._fields))

    def __reduce__(self) -> tuple[type[OnnxIdentityNetwork], tuple[Path]]:
        """For copies and pickles: the file is read again."""
        return OnnxIdentityNetwork, (self._place,)

    def __deepcopy__(self, memo: object) -> OnnxIdentityNetwork:
        """Itself: it has no state."""
        return self

    def __call__(
        self, seen: FloatArray, states: FloatArray | None, recall: Recall
    ) -> tuple[FloatArray, FloatArray]:
        """See `IdentityNetwork`."""
        feed = {
            "seen": seen.astype(np.float32),
            "keys": recall.payload.astype(np.float32, copy=False),
            "past": recall.seen.astype(np.float32),
            "paths": recall.paths.astype(np.float32),
            "slots": recall.slots.astype(np.int64),
            "since": recall.since.astype(np.float32),
            "rank": recall.rank.astype(np.float32),
            "context": recall.context.astype(np.float32),
            "extent": recall.extent.astype(np.float32),
            "period": np.array([recall.period], np.float32),
        }
        if states is not None:
            feed["states"] = states.astype(np.float32)
        logits, keys = self._session.run(None, feed)
        return np.asarray(logits, np.float64), keys
