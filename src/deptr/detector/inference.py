"""`deptr.Detector`: boxes and depth from images; ONNX Runtime without torch, or torch for checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from deptr.detector.backend import Backend
from deptr.detector.opening import Opening, open_backend
from deptr.detector.postprocess import check_image, reported_kind
from deptr.detector.sizes import parse_size, parse_tiles
from deptr.detector.tiles import TiledBackend
from deptr.errors import UsageError
from deptr.records import Image, with_depth
from deptr.threads import read_ahead

if TYPE_CHECKING:
    import supervision as sv

DEFAULT_MIN_SCORE = 0.3


class Detector:
    """Finds objects and their depth.

    Example:
        >>> detector = Detector.from_pretrained()  # doctest: +SKIP
        >>> found = detector(image, min_score=0.4)  # doctest: +SKIP
        >>> found.data["depth"]  # doctest: +SKIP

    Attributes:
        names: Name of each class number.
        depth_kind: What depths mean where the focal length is known; None for detectors without depth.
        start_score: Score from which a detection is worth a new track; 0 leaves that to the tracker.

    Args:
        backend: The network.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.names, self.depth_kind = backend.names, backend.depth_kind
        self.start_score = backend.start_score

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        *,
        device: str = "auto",
        threads: int = 0,
        format: str | None = None,
        size: str | int | tuple[int, int] | None = None,
        tiles: str | int | tuple[int, int] | None = None,
    ) -> Detector:
        """Load a detector.

        Args:
            name_or_path: An ``.onnx`` file, of `deptr export` or of another project; a folder with
                ``model.onnx``; a checkpoint folder (``config.json`` and ``model.safetensors``) of
                `deptr train` or of any object detector in transformers, or its name on the hub (both need the
                extra ``train``); None for the bundled person detector, which needs no torch.
            device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
            threads: CPU threads; 0 leaves the choice to the runtime.
            format: The form of another project's ONNX file, where it is not recognised: ``yolov5``,
                ``yolov8``, ``yolo-nms``, ``yolox``, ``rt-detr``, ``rt-detr-rows``, ``rf-detr`` or
                ``transformers``.
            size: Size of the input, ``"640x384"`` or one number, where the model leaves it free. None takes
                the model's own; one that was trained on many shapes then sees each image in its own shape.
            tiles: Look at a grid of overlapping parts of each image besides the whole, ``"3x2"``: finds
                small objects in large images, at the price of as many passes.

        Raises:
            DataError: There is no such model, or its file is damaged or of an unknown form.
            UsageError: There is no such device, or a choice has no effect on this model.
            MissingExtraError: A checkpoint needs torch and transformers, which are not installed.
        """
        opening = Opening(device, threads, format, parse_size(size))
        grid = parse_tiles(tiles)
        backend = open_backend(name_or_path, opening)
        return cls(backend if grid is None else TiledBackend(backend, grid))

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
            Detections, best first, with ``data["class_name"]``, and with ``data["depth"]`` and
            ``data["depth_std"]`` if the model has a depth module; a list for a list.

        Raises:
            UsageError: An image has another form, or an argument is out of range.
        """
        if not 0 <= min_score <= 1:
            raise UsageError(f"min_score: expected a number in [0, 1], got {min_score}")
        _check_focal(focal_px)
        listed = images if isinstance(images, (list, tuple)) else [images]
        checked = [check_image(image) for image in listed]
        if not checked:
            return []
        found = self._backend.detect(checked, min_score=min_score, focal_px=focal_px)
        for detections in found:
            classes = () if detections.class_id is None else detections.class_id.tolist()
            detections.data["class_name"] = np.array([self.names.get(c, str(c)) for c in classes], dtype=str)
        return found if isinstance(images, (list, tuple)) else found[0]

    def depth_of(
        self, image: Image, detections: sv.Detections, *, focal_px: float | None = None
    ) -> sv.Detections:
        """The depth of boxes that you have, from any detector: each is the anchor of a query of its own.

        Args:
            image: As for a call.
            detections: Boxes in its pixels; anything else they carry is kept.
            focal_px: As for a call.

        Returns:
            A copy with ``data["depth"]`` and ``data["depth_std"]``.

        Raises:
            UsageError: This detector has no depth module, or an argument is out of range.
            DataError: The file was exported before it could be asked.
        """
        _check_focal(focal_px)
        boxes = np.asarray(detections.xyxy, np.float32)
        depth, std = self._backend.depths(check_image(image), boxes, focal_px=focal_px)
        kind = reported_kind(self.depth_kind, focal_px)
        assert kind is not None
        return with_depth(detections, depth, std, kind)

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


def _check_focal(focal_px: float | None) -> None:
    if focal_px is not None and not (np.isfinite(focal_px) and focal_px > 0):
        raise UsageError(f"focal_px: expected a positive number of pixels, got {focal_px}")
