"""From a name to the network behind it: which kind of file it is, before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from deptr.detector.backend import Backend
from deptr.detector.foreign.onnx_file import OnnxBackend
from deptr.detector.forms import FORMATS
from deptr.detector.onnx_session import open_session
from deptr.detector.own import METADATA, OnnxRunner, OwnBackend
from deptr.errors import DataError, MissingExtraError, UsageError
from deptr.weights import found_here

BUNDLED = "deptr-nano-person"
BUNDLED_INT8 = f"{BUNDLED}-int8"  # the same with convolutions in 8 bits
DEVICES = ("auto", "cpu", "cuda")
_OTHER_FORMS = (".pt", ".pth", ".engine", ".trt", ".tflite", ".xml", ".torchscript", ".mlpackage")


@dataclass(frozen=True)
class Opening:
    """How a detector is opened.

    Attributes:
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: CPU threads; 0 leaves the choice to the runtime.
        form: The form of an ONNX file's export, one of `FORMATS`; None recognises it.
        size: Height and width of the input; None takes the model's own.
    """

    device: str = "auto"
    threads: int = 0
    form: str | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise UsageError(f"device: expected one of {', '.join(DEVICES)}, got {self.device!r}")
        if self.form is not None and self.form not in FORMATS:
            raise UsageError(f"detector format: expected one of {', '.join(FORMATS)}, got {self.form!r}")


def open_backend(name_or_path: str | Path | None, opening: Opening) -> Backend:
    """The network behind a name.

    Raises:
        DataError: There is no such model, or its file is damaged or of an unknown form.
        UsageError: A choice has no effect on it.
        MissingExtraError: A checkpoint needs torch and transformers, which are not installed.
    """
    if name_or_path is None or str(name_or_path) in (BUNDLED, BUNDLED_INT8):
        return _onnx(bundled_model(str(name_or_path or BUNDLED)), opening)
    path = Path(name_or_path)
    if path.is_dir() and (path / "model.onnx").is_file():
        path = path / "model.onnx"
    if path.suffix == ".onnx":
        return _onnx(path, opening)
    if path.suffix in _OTHER_FORMS:
        hint = "export it as ONNX with the tool that made it (for a YOLO: yolo export format=onnx)"
        raise DataError(path, "a model of another runtime", expected="an .onnx file or a folder", hint=hint)
    if opening.form is not None:
        raise UsageError(f"detector format: has no effect on {path}, which is no .onnx file")
    return _checkpoint(name_or_path, opening)


def _onnx(path: Path, opening: Opening) -> Backend:
    session = open_session(path, threads=opening.threads, device=opening.device)
    if METADATA not in session.get_modelmeta().custom_metadata_map:
        return OnnxBackend(path, session, word=opening.form, size=opening.size)
    if opening.form is not None:
        raise UsageError(f"detector format: has no effect on {path}, which says its form itself")
    return OwnBackend(OnnxRunner(path, size=opening.size, session=session))


def _checkpoint(name_or_path: str | Path, opening: Opening) -> Backend:
    try:
        found_here(name_or_path)  # before torch, which takes seconds to import
        from deptr.detector.foreign.checkpoint import CheckpointBackend
        from deptr.detector.loading import OWN_TYPES, stored_config
        from deptr.detector.torch_runner import TorchRunner
    except ImportError as error:
        raise MissingExtraError(f"the checkpoint {name_or_path}", "train") from error
    if stored_config(name_or_path)["model_type"] in OWN_TYPES:
        return OwnBackend(TorchRunner(name_or_path, device=opening.device, size=opening.size))
    return CheckpointBackend(name_or_path, device=opening.device, size=opening.size)


def bundled_model(name: str = BUNDLED) -> Path:
    """The model of that name that comes with the package, `BUNDLED` or `BUNDLED_INT8`.

    Raises:
        DataError: This installation has none.
    """
    path = Path(str(files("deptr.detector").joinpath("weights", f"{name}.onnx")))
    if not path.is_file():
        raise DataError(path, "the bundled model is not installed", hint="name a model, or use --detections")
    return path


def has_bundled_model() -> bool:
    """Whether this installation has the bundled model."""
    return Path(str(files("deptr.detector").joinpath("weights", f"{BUNDLED}.onnx"))).is_file()
