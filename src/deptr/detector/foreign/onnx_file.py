"""An ONNX file that somebody else exported: recognised, fed and read, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deptr.detector.backend import Backend
from deptr.detector.foreign.answers import to_detections
from deptr.detector.foreign.detr import Logits, RFDetr, RTDetr, RTDetrRows
from deptr.detector.foreign.inputs import InputForm, by_input_size, to_batch
from deptr.detector.foreign.layout import Layout, Network, Port
from deptr.detector.foreign.yolo import YoloEnd, YoloV5, YoloV8, YoloX
from deptr.detector.forms import FORMATS
from deptr.errors import DataError, UsageError
from deptr.records import FloatArray, Image

if TYPE_CHECKING:
    import supervision as sv

# in the order in which they are tried, that of `FORMATS`: first those that names tell
LAYOUTS: tuple[type[Layout], ...] = (RTDetr, Logits, RFDetr, YoloEnd, YoloV5, YoloX, RTDetrRows, YoloV8)
_KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def network_of(path: Path, session: Any) -> Network:
    """What a file opened in ONNX Runtime says of itself."""

    def ports(values: Sequence[Any]) -> tuple[Port, ...]:
        return tuple(
            Port(
                value.name,
                tuple(s if isinstance(s, int) and s > 0 else None for s in value.shape),
                value.type,
            )
            for value in values
        )

    inputs = sorted(ports(session.get_inputs()), key=lambda port: len(port.shape) != 4)
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    return Network(path, tuple(inputs), ports(session.get_outputs()), metadata)


def layout_of(network: Network, word: str | None = None) -> Layout:
    """The form of export that a network has.

    Args:
        network: What the file says of itself.
        word: One of `FORMATS`, None to recognise it.

    Raises:
        UsageError: There is no such form.
        DataError: It is not recognised, or is no detector of images.
    """
    if word is not None and word not in FORMATS:
        raise UsageError(f"detector format: expected one of {', '.join(FORMATS)}, got {word!r}")
    image = network.inputs[0] if network.inputs else None
    if image is None or len(image.shape) != 4 or image.shape[1] not in (3, None) or image.kind not in _KINDS:
        expected = "an input [batch, 3, height, width] of floating point"
        raise DataError(network.path, "no detector of images", expected=expected, found=_told(network.inputs))
    for layout in LAYOUTS:
        if layout.word == word or (word is None and layout.fits(network)):
            return layout(network)
    known = "; ".join(f"{layout.word}: {layout.outputs}" for layout in LAYOUTS)
    found = f"inputs {_told(network.inputs)}; outputs {_told(network.outputs)}"
    hint = "say which of these it is (--detector-format), or write an adapter: docs/detectors.md"
    raise DataError(
        network.path, "a detector of unknown form", expected=f"one of these: {known}", found=found, hint=hint
    )


def _told(ports: Sequence[Port]) -> str:
    return ", ".join(map(str, ports)) or "none"


class OnnxBackend(Backend):
    """A detector in ONNX Runtime that somebody else exported.

    Args:
        path: The file.
        session: The file opened in ONNX Runtime.
        word: The form of export, None to recognise it.
        size: Height and width of the input, where the file leaves them free.

    Raises:
        UsageError: The file has another size than the one that is asked for, or there is no such form.
        DataError: The file is no detector of a known form.
    """

    def __init__(
        self, path: Path, session: Any, *, word: str | None = None, size: tuple[int, int] | None = None
    ) -> None:
        self._session, self._network = session, network_of(path, session)
        self.layout = layout_of(self._network, word)
        self.names = self.layout.names()
        self._form = self._input_form(size)
        self._kind = _KINDS[self._network.inputs[0].kind]
        self._fixed_batch = self._network.inputs[0].shape[0]

    def _input_form(self, size: tuple[int, int] | None) -> InputForm:
        own = self._network.size
        if own is None:
            return self.layout.default_form() if size is None else self.layout.form(*size)
        if size is not None and size != own:
            given, fixed = (f"{width}x{height}" for height, width in (size, own))
            problem = f"{self._network.path} has an input of fixed size {fixed}, got {given}"
            raise UsageError(f"detector size: {problem}; export it with a dynamic size")
        return self.layout.form(*own)

    def detect(
        self, images: Sequence[Image], *, min_score: float, focal_px: float | None
    ) -> list[sv.Detections]:
        """Detections of each image; images that become inputs of one size go through together."""
        found: dict[int, sv.Detections] = {}
        for size, indices in by_input_size(images, self._form).items():
            step = self._fixed_batch or len(indices)
            for start in range(0, len(indices), step):
                part = indices[start : start + step]
                found.update(zip(part, self._run([images[i] for i in part], size, min_score), strict=True))
        return [found[index] for index in range(len(images))]

    def _run(self, images: Sequence[Image], size: tuple[int, int], min_score: float) -> list[sv.Detections]:
        batch, placements = to_batch(images, self._form)
        if self._fixed_batch and len(batch) < self._fixed_batch:
            batch = np.concatenate([batch, np.repeat(batch[-1:], self._fixed_batch - len(batch), axis=0)])
        feed = {self._network.inputs[0].name: batch.astype(self._kind, copy=False)}
        feed |= self.layout.extra_inputs(len(batch), size)
        try:
            values = self._session.run(None, feed)
        except Exception as error:  # the library has no common base for its errors
            hint = "is the size right (--detector-size), and the form (--detector-format)?"
            found = str(error)[-200:]
            raise DataError(self._network.path, "cannot be run", found=found, hint=hint) from error
        named = dict(zip((port.name for port in self._network.outputs), values, strict=True))
        return [
            to_detections(
                self.layout.answer({name: _of_image(value, index) for name, value in named.items()}, size),
                placement, (image.shape[0], image.shape[1]),
                min_score=min_score, nms_iou=self.layout.nms_iou,
            )
            for index, (image, placement) in enumerate(zip(images, placements, strict=True))
        ]  # fmt: skip


def _of_image(value: FloatArray, index: int) -> FloatArray:
    """The part of an output that belongs to one image of the batch; rows of any image tell it themselves."""
    own: FloatArray = value[value[:, 0] == index] if value.ndim == 2 and value.shape[1] == 7 else value[index]
    return own.astype(np.float32) if own.dtype == np.float16 else own
