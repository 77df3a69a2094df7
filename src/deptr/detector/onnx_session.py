"""An ONNX file opened in ONNX Runtime, or an error that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deptr.errors import DataError, UsageError


def open_session(path: str | Path, *, threads: int = 0, device: str = "auto") -> Any:
    """An `onnxruntime.InferenceSession`.

    Args:
        path: The ``.onnx`` file.
        threads: CPU threads; 0 leaves the choice to ONNX Runtime.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises:
        DataError: The file is missing or damaged.
        UsageError: There is no such device.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # be kind to other work
    available = onnxruntime.get_available_providers()
    wanted = ["CPUExecutionProvider"]
    if device != "cpu" and "CUDAExecutionProvider" in available:
        wanted.insert(0, "CUDAExecutionProvider")
    elif device == "cuda":
        raise UsageError("device: this ONNX Runtime has no CUDA; expected cpu or auto, got 'cuda'")
    if not Path(path).is_file():
        raise DataError(path, "no such model file")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:  # the library has no common base for its errors
        hint = "is the file whole?"
        raise DataError(path, "not an ONNX model", found=str(error)[:160], hint=hint) from error
