"""`deptr.Detector`: boxes and depth from images; ONNX Runtime without torch, or torch for checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload

import numpy as np

from deptr.detector.postprocess import Preprocessing, RawOutput, check_image, to_detections, to_input
from deptr.errors import DataError, MissingExtraError, UsageError
from deptr.records import DepthKind, FloatArray, Image
from deptr.threads import read_ahead
from deptr.weights import found_here

if TYPE_CHECKING:
    import supervision as sv

BUNDLED = "deptr-nano-person"
DEFAULT_MIN_SCORE = 0.3
DEVICES = ("auto", "cpu", "cuda")


class Runner(Protocol):
    """Runs a network on a prepared batch."""

    settings: Preprocessing

    def run(self, batch: FloatArray) -> list[RawOutput]:
        """Outputs of each image of ``(B, 3, H, W)`` float32."""


class OnnxRunner:
    """A network in ONNX Runtime.

    Args:
        path: The ``.onnx`` file that `deptr export` wrote.
        threads: CPU threads; 0 leaves the choice to ONNX Runtime.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises:
        DataError: The file is missing, damaged or no DepTR network.
    """

    def __init__(self, path: str | Path, *, threads: int = 0, device: str = "auto") -> None:
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
            self._session = onnxruntime.InferenceSession(str(path), options, providers=wanted)
        except Exception as error:  # the library has no common base for its errors
            hint = "is the file whole?"
            raise DataError(path, "not an ONNX model", found=str(error)[:160], hint=hint) from error
        self.settings = _settings_of(path, self._session.get_modelmeta().custom_metadata_map)
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, batch: FloatArray) -> list[RawOutput]:
        """Outputs of each image of ``(B, 3, H, W)`` float32."""
        values = self._session.run(None, {"pixel_values": batch})
        named = dict(zip(self._names, values, strict=True))
        keys = ("boxes", "scores", "labels", "depths", "depth_std")
        return [RawOutput(*(named[key][index] for key in keys)) for index in range(len(batch))]


def _settings_of(path: str | Path, metadata: dict[str, str]) -> Preprocessing:
    try:
        content = json.loads(metadata["deptr"])
        return Preprocessing(
            height=int(content["height"]),
            width=int(content["width"]),
            mean=content["mean"],
            std=content["std"],
            depth_kind=None if content["depth_kind"] is None else DepthKind.parse(content["depth_kind"]),
            names=content["names"],
            nms_iou=float(content.get("nms_iou", 1.0)),
        )
    except (KeyError, ValueError, TypeError) as error:
        hint = "write it with `deptr export`"
        raise DataError(path, "no DepTR model: its metadata lacks the preprocessing", hint=hint) from error


def bundled_model() -> Path:
    """The model that comes with the package.

    Raises:
        DataError: This installation has none.
    """
    path = Path(str(files("deptr.detector").joinpath("weights", f"{BUNDLED}.onnx")))
    if not path.is_file():
        raise DataError(path, "the bundled model is not installed", hint="name a model, or use --detections")
    return path


def has_bundled_model() -> bool:
    """Whether this installation has the bundled model."""
    return Path(str(files("deptr.detector").joinpath("weights", f"{BUNDLED}.onnx"))).is_file()


class Detector:
    """Finds objects and their depth.

    Example:
        >>> detector = Detector.from_pretrained()  # doctest: +SKIP
        >>> found = detector(image, min_score=0.4)  # doctest: +SKIP
        >>> found.data["depth"]  # doctest: +SKIP

    Args:
        runner: Runs the network.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.settings = runner.settings

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path | None = None, *, device: str = "auto", threads: int = 0
    ) -> Detector:
        """Load a detector.

        Args:
            name_or_path: An ``.onnx`` file, a folder with ``model.onnx``, a checkpoint folder
                (``config.json`` and ``model.safetensors``; needs the extra ``train``), a name on the hub, or
                None for the bundled person detector, which needs no torch.
            device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
            threads: CPU threads; 0 leaves the choice to the runtime.

        Raises:
            DataError: There is no such model, or its file is damaged or of another architecture.
            UsageError: There is no such device.
            MissingExtraError: A checkpoint needs torch and transformers, which are not installed.
        """
        if device not in DEVICES:
            raise UsageError(f"device: expected one of {', '.join(DEVICES)}, got {device!r}")
        if name_or_path is None or str(name_or_path) == BUNDLED:
            return cls(OnnxRunner(bundled_model(), threads=threads, device=device))
        path = Path(name_or_path)
        if path.is_dir() and (path / "model.onnx").is_file():
            path = path / "model.onnx"
        if path.suffix == ".onnx":
            return cls(OnnxRunner(path, threads=threads, device=device))
        try:
            found_here(name_or_path)  # before torch, which takes seconds to import
            from deptr.detector.torch_runner import TorchRunner
        except ImportError as error:
            raise MissingExtraError(f"the checkpoint {name_or_path}", "train") from error
        return cls(TorchRunner(name_or_path, device=device))

    @overload
    def __call__(
        self, images: Image, *, min_score: float = ..., focal_px: float | None = ...
    ) -> sv.Detections: ...

    @overload
    def __call__(
        self, images: Sequence[Image], *, min_score: float = ..., focal_px: float | None = ...
    ) -> list[sv.Detections]: ...

    def __call__(
        self,
        images: Image | Sequence[Image],
        *,
        min_score: float = DEFAULT_MIN_SCORE,
        focal_px: float | None = None,
    ) -> sv.Detections | list[sv.Detections]:
        """Detect in one image or in several at once.

        Args:
            images: ``(H, W, 3)`` uint8 RGB (grey, alpha and 16 bit are converted), or a list of such.
            min_score: Detections below are left out, in [0, 1].
            focal_px: Focal length in image pixels: depth is then in metres. Without it depth is ``relative``
                (larger is farther; comparable within a video).

        Returns:
            Detections, best first, with ``data["depth"]`` and ``data["depth_std"]`` if the model has a depth
            module; a list for a list.

        Raises:
            UsageError: An image has another form, or an argument is out of range.
        """
        if not 0 <= min_score <= 1:
            raise UsageError(f"min_score: expected a number in [0, 1], got {min_score}")
        if focal_px is not None and not (np.isfinite(focal_px) and focal_px > 0):
            raise UsageError(f"focal_px: expected a positive number of pixels, got {focal_px}")
        listed = images if isinstance(images, (list, tuple)) else [images]
        checked = [check_image(image) for image in listed]
        if not checked:
            return []
        batch, scales = to_input(checked, self.settings)
        found = [
            to_detections(
                raw, scale, (image.shape[0], image.shape[1]), self.settings,
                min_score=min_score, focal_px=focal_px,
            )
            for raw, scale, image in zip(self._runner.run(batch), scales, checked, strict=True)
        ]  # fmt: skip
        return found if isinstance(images, (list, tuple)) else found[0]

    def stream(
        self,
        images: Iterable[Image],
        *,
        batch_size: int = 4,
        min_score: float = DEFAULT_MIN_SCORE,
        focal_px: float | None = None,
    ) -> Iterator[sv.Detections]:
        """Detect in a stream of images: they are read in a thread of their own while the network works.

        Args:
            images: Any source, such as the images of a video; iterated in another thread.
            batch_size: Images per pass. More is faster on a GPU; on a CPU 1 is.
            min_score: As for a call.
            focal_px: As for a call.

        Yields:
            Detections of each image, in order.

        Raises:
            UsageError: `batch_size` is below 1.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size: expected at least 1, got {batch_size}")
        batch: list[Image] = []
        for image in read_ahead(images, 2 * batch_size):
            batch.append(image)
            if len(batch) == batch_size:
                yield from self(batch, min_score=min_score, focal_px=focal_px)
                batch = []
        if batch:
            yield from self(batch, min_score=min_score, focal_px=focal_px)
