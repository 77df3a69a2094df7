"""Runs a checkpoint with torch, in half precision where the device has it."""

from __future__ import annotations

from pathlib import Path

import torch

from deptr.detector.device import half_of, pick_device
from deptr.detector.loading import PLUG_IN, load_detector, stored_config
from deptr.detector.outputs import NamedOutputs
from deptr.detector.own import resized
from deptr.detector.plugin import DepthNetwork, DepthPlugIn
from deptr.detector.postprocess import RawOutput
from deptr.detector.preprocess import preprocessing_of
from deptr.records import FloatArray


class TorchRunner:
    """A checkpoint folder or hub model on a torch device.

    Args:
        name_or_path: See `deptr.detector.loading.load_detector`.
        device: ``"auto"`` takes a GPU if there is one, else the CPU.
        size: Height and width of the input; None takes those of the checkpoint.
    """

    def __init__(
        self, name_or_path: str | Path, *, device: str = "auto", size: tuple[int, int] | None = None
    ) -> None:
        self._device = pick_device(device)
        plugged = stored_config(name_or_path)["model_type"] == PLUG_IN
        model: DepthNetwork = (DepthPlugIn.from_pretrained if plugged else load_detector)(name_or_path)
        self._network = NamedOutputs(model, states=True).to(self._device).eval()
        self.settings = resized(preprocessing_of(model.config), size, name_or_path, free=True)

    def run(self, batch: FloatArray) -> list[RawOutput]:
        """Outputs of each image of ``(B, 3, H, W)`` float32."""
        arrays = self._forward(batch)
        return [RawOutput(*(values[index] for values in arrays)) for index in range(len(batch))]

    def given(self, batch: FloatArray, boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Depth and deviation ``(K,)`` of boxes ``(K, 4)``, corners in [0, 1] of the one image's input."""
        depths, stds = self._forward(batch, torch.from_numpy(boxes[None]))[-2:]
        return depths[0], stds[0]

    @torch.inference_mode()
    def _forward(self, batch: FloatArray, *given: torch.Tensor) -> list[FloatArray]:
        inputs = [value.to(self._device) for value in (torch.from_numpy(batch), *given)]
        cuda = self._device.type == "cuda"
        with torch.autocast(self._device.type, half_of(self._device), enabled=cuda):
            return [value.float().cpu().numpy() for value in self._network(*inputs)]
