"""Runs a checkpoint with torch, in half precision where the device has it."""

from __future__ import annotations

from pathlib import Path

import torch

from deptr.detector.loading import load_detector
from deptr.detector.outputs import named_outputs
from deptr.detector.postprocess import RawOutput
from deptr.detector.preprocess import preprocessing_of
from deptr.errors import UsageError
from deptr.records import FloatArray


class TorchRunner:
    """A checkpoint folder or hub model on a torch device.

    Args:
        name_or_path: See `deptr.detector.loading.load_detector`.
        device: ``"auto"`` takes a GPU if there is one, else the CPU.
    """

    def __init__(self, name_or_path: str | Path, *, device: str = "auto") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise UsageError("device: torch sees no CUDA device; expected cpu or auto, got 'cuda'")
        chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        self._device = torch.device(chosen)
        self._model = load_detector(name_or_path).to(self._device).eval()
        self.settings = preprocessing_of(self._model.config)
        self._half = torch.bfloat16 if chosen == "cuda" and torch.cuda.is_bf16_supported() else torch.float16

    @torch.inference_mode()
    def run(self, batch: FloatArray) -> list[RawOutput]:
        """Outputs of each image of ``(B, 3, H, W)`` float32."""
        pixels = torch.from_numpy(batch).to(self._device)
        with torch.autocast(self._device.type, self._half, enabled=self._device.type == "cuda"):
            output = self._model(pixels)
        arrays = [value.float().cpu().numpy() for value in named_outputs(output, self._model.config)]
        return [RawOutput(*(values[index] for values in arrays)) for index in range(len(batch))]
