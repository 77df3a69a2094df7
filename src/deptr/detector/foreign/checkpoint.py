"""Any object detector that transformers loads, on a torch device, without torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForObjectDetection
from transformers.models.auto.modeling_auto import MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES

from deptr.detector.backend import Backend
from deptr.detector.device import half_of, pick_device
from deptr.detector.foreign.answers import to_detections
from deptr.detector.foreign.detr import answer_of_logits, is_softmax
from deptr.detector.foreign.inputs import by_input_size, to_batch
from deptr.detector.foreign.processor import form_of_processor
from deptr.detector.loading import stored_json
from deptr.errors import DataError
from deptr.records import Image
from deptr.weights import found_here

if TYPE_CHECKING:
    import supervision as sv


class CheckpointBackend(Backend):
    """A detector of transformers.

    Args:
        name_or_path: Checkpoint folder, or a name on the hub.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        size: Height and width of the input; None takes those of the checkpoint's processor.

    Raises:
        DataError: The checkpoint cannot be used.
        UsageError: There is no such device.
    """

    def __init__(
        self, name_or_path: str | Path, *, device: str = "auto", size: tuple[int, int] | None = None
    ) -> None:
        self._name = str(name_or_path)
        self._device = pick_device(device)
        self._model = load_foreign(name_or_path).to(self._device).eval()
        config = self._model.config
        processor = stored_json(name_or_path, "preprocessor_config.json")
        self._form = form_of_processor(processor, config.model_type, size)
        self._model_type = config.model_type
        self.names = {int(key): str(name) for key, name in config.id2label.items()}

    def detect(
        self, images: Sequence[Image], *, min_score: float, focal_px: float | None
    ) -> list[sv.Detections]:
        """Detections of each image; images that become inputs of one size go through together."""
        found: dict[int, sv.Detections] = {}
        for size, indices in by_input_size(images, self._form).items():
            part = [images[index] for index in indices]
            found.update(zip(indices, self._run(part, size, min_score), strict=True))
        return [found[index] for index in range(len(images))]

    @torch.inference_mode()
    def _run(self, images: Sequence[Image], size: tuple[int, int], min_score: float) -> list[sv.Detections]:
        batch, placements = to_batch(images, self._form)
        cuda = self._device.type == "cuda"
        try:
            with torch.autocast(self._device.type, half_of(self._device), enabled=cuda):
                output = self._model(pixel_values=torch.from_numpy(batch).to(self._device))
            logits, boxes = output.logits.float().cpu().numpy(), output.pred_boxes.float().cpu().numpy()
        except (RuntimeError, ValueError, AttributeError) as error:
            hint = "does the network take this size (--detector-size)?"
            problem, found = f"cannot be run at {size[1]}x{size[0]}", " ".join(str(error).split())[:200]
            raise DataError(self._name, problem, found=found, hint=hint) from error
        softmax = is_softmax(self._model_type, logits.shape[-1])
        return [
            to_detections(
                answer_of_logits(logits[index], boxes[index], size, softmax=softmax),
                placement, (image.shape[0], image.shape[1]), min_score=min_score,
            )
            for index, (image, placement) in enumerate(zip(images, placements, strict=True))
        ]  # fmt: skip


def load_foreign(name_or_path: str | Path) -> Any:
    """A detector of transformers with its weights.

    Raises:
        DataError: It is of another kind, cannot be read, or its weights do not fit.
    """
    local = found_here(name_or_path)
    kind = stored_json(name_or_path, "config.json").get("model_type")
    if kind not in MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES:
        legal = "model_type deptr, " + ", ".join(sorted(MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES))
        raise DataError(name_or_path, "no object detector", expected=legal, found=repr(kind))
    try:
        model, report = AutoModelForObjectDetection.from_pretrained(
            name_or_path, output_loading_info=True, dtype="float32", local_files_only=local
        )
    except ImportError as error:
        found, hint = " ".join(str(error).split())[:200], "install what it names"
        raise DataError(name_or_path, "needs a package that is missing", found=found, hint=hint) from error
    except Exception as error:  # of safetensors, torch and transformers, which have no common base
        found, hint = " ".join(str(error).split())[:300], "is the file whole?"
        raise DataError(name_or_path, "weights cannot be read", found=found, hint=hint) from error
    missing = sorted(report["missing_keys"])
    if missing:
        found = f"{len(missing)} missing ({', '.join(missing[:4])}, ...)"
        raise DataError(name_or_path, "weights of another architecture", found=found)
    return model
