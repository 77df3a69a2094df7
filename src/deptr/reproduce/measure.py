"""How long each kind of work takes here: a few steps of the real size, with real weights or random ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from deptr.detector.config import DepTRConfig
from deptr.detector.loading import load_detector
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.evaluation.methods import our_method
from deptr.evaluation.methods import run as follow
from deptr.io.sequences import Sequence, benchmark_of
from deptr.io.tables import DetectionTable
from deptr.records import DepthKind, LabelledFrame
from deptr.reproduce.public_weights import Checkpoint
from deptr.reproduce.settings import Machine, Request
from deptr.teacher.frames import BoxedFrame, FrameBoxes
from deptr.teacher.masks import Sam2Masks
from deptr.teacher.preprocess import clip_input_size, normalise_frame
from deptr.teacher.video_depth_anything import VideoDepthAnything, VideoDepthConfig
from deptr.teacher.video_depth_weights import load_video_depth
from deptr.teacher.video_depth_windows import STEP, WINDOW
from deptr.training.config import settings_from_dict
from deptr.training.criterion import total_loss
from deptr.training.data import evaluation_batch
from deptr.training.detector_task import TrainingStep

GFLOPS = {"n": 7, "s": 25, "m": 57, "l": 91, "x": 202}  # at 640 x 640, as D-FINE's authors publish them
CLIP = 2  # frames of the depth teacher's measurement
OBJECTS = 8  # of a frame
IMAGE = (1080, 1920)
TRACKED = 40  # frames


@dataclass(frozen=True)
class Rate:
    """What one unit of work takes.

    Attributes:
        seconds: Of one frame.
        how: Where the number comes from.
    """

    seconds: float
    how: str


@dataclass(frozen=True)
class Rates:
    """Seconds of a frame in each kind of work, and what training holds in memory.

    Attributes:
        label: The teachers, together.
        train: One image, forward and backward.
        predict: One image.
        track: One frame, one tracker.
        weights: Numbers of the network.
        activation_bytes: Of one image in training, single precision.
    """

    label: Rate
    train: Rate
    predict: Rate
    track: Rate
    weights: int
    activation_bytes: int


@dataclass(frozen=True)
class Costs:
    """What a whole run takes.

    Attributes:
        hours_by_step: Name of the step to hours and how they are known.
        gpu_bytes: Memory that training wants on each GPU.
    """

    hours_by_step: dict[str, tuple[float, str]]
    gpu_bytes: int

    @property
    def hours(self) -> float:
        """Of all steps."""
        return sum(hours for hours, _ in self.hours_by_step.values())


def measure(request: Request, machine: Machine, weights: dict[str, Checkpoint]) -> Rates:
    """Do a little of each kind of work, at its real size."""
    cuda = machine.device != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    detector, known, scale = _detector(request, weights)
    count = sum(parameter.numel() for parameter in detector.parameters())
    train, activation = _train(request, detector, device)
    predict = _predict(request, detector, device)
    how = f"{known} of D-FINE-{request.training.size.upper()} on {_device_name(device)}"
    return Rates(
        label=_label(request, weights, device),
        train=Rate(scale * train, how),
        predict=Rate(scale * predict, how),
        track=Rate(_track(request), "measured with ByteTrack"),
        weights=round(count * scale),
        activation_bytes=round(activation * scale),
    )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"a processor with {torch.get_num_threads()} threads"


def _detector(request: Request, weights: dict[str, Checkpoint]) -> tuple[DepTRForObjectDetection, str, float]:
    """A detector of the real size, in words how it is known, and by how much its time is to be multiplied."""
    training = request.training
    changes: dict[str, Any] = {
        "depth_head": training.depth_head,
        "depth_kind": DepthKind.RELATIVE_INVERSE.value,
        "image_height": training.image_size[0],
        "image_width": training.image_size[1],
    }
    place = next((found.place for name, found in weights.items() if name.startswith("dfine")), None)
    if place is not None:
        return load_detector(place, changes=changes), "measured with the weights", 1.0
    large = DepTRForObjectDetection(DepTRConfig(**{**changes, "num_labels": 80}))
    if training.size == "l":
        return large, "measured with random weights", 1.0
    scale = GFLOPS[training.size] / GFLOPS["l"]
    return large, "estimate from D-FINE-L with random weights and the published GFLOPs", scale


def _train(request: Request, detector: DepTRForObjectDetection, device: torch.device) -> tuple[float, int]:
    """Seconds an image, forward and backward, and the bytes that one image holds until the way back."""
    training = request.training
    settings = settings_from_dict({"data": {"train": [{"kind": "crowd"}]}})
    step = TrainingStep(detector, replace(settings, loss=replace(settings.loss, free_scale=False)))
    step = step.to(device).train()
    count = min(training.batch_size, 8) if device.type == "cuda" else 1
    batch = evaluation_batch([_frame(training.image_size)] * count, training.image_size).to(device)
    half = training.precision != "no" and device.type == "cuda"
    held: dict[int, int] = {}

    def once() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=half), _counting(held):
            losses = step(batch)
        total_loss(list(losses.values())).backward()  # type: ignore[no-untyped-call]
        step.zero_grad()

    seconds = _seconds(once, device) / count
    return seconds, sum(held.values()) // count


def _predict(request: Request, detector: DepTRForObjectDetection, device: torch.device) -> float:
    detector = detector.to(device).eval()
    pixels = torch.zeros(1, 3, *request.training.image_size, device=device)
    with torch.inference_mode():
        return _seconds(lambda: detector(pixels), device)


def _label(request: Request, weights: dict[str, Checkpoint], device: torch.device) -> Rate:
    """Seconds a frame of both teachers."""
    labelling = request.labelling
    if "synthetic" in (labelling.masks, labelling.depth):
        return Rate(0.02, "estimate: a synthetic teacher only reads files")
    boxes = np.array([[100.0, 100, 300, 500]] * OBJECTS, np.float32)
    numbers = np.arange(OBJECTS)
    image = np.zeros((*IMAGE, 3), np.uint8)
    frame = BoxedFrame(1, image, FrameBoxes(boxes, numbers, np.zeros(OBJECTS, np.int32)))
    masks, known = _mask_teacher(weights.get(labelling.masks), device)
    seconds = _seconds(lambda: list(masks.masks([frame])), device)
    if not labelling.depth.startswith("vda"):
        return Rate(2 * seconds, f"estimate: twice the masks, {known}")
    found = weights.get(labelling.depth)
    size = labelling.depth.removeprefix("vda-")
    model = load_video_depth(found.place, size) if found else VideoDepthAnything(VideoDepthConfig.named(size))
    model = model.to(device).eval()
    pixels = normalise_frame(image, clip_input_size(*IMAGE, input_size=labelling.input_size))
    clip = torch.from_numpy(np.stack([pixels] * CLIP)).to(device)[None]
    with torch.inference_mode():
        depth = _seconds(lambda: model(clip), device) / CLIP
    overlap = WINDOW / STEP  # each window looks at more frames than it is new for
    return Rate(seconds + depth * overlap, f"{known} on {_device_name(device)}")


def _mask_teacher(found: Checkpoint | None, device: torch.device) -> tuple[Sam2Masks, str]:
    from transformers import Sam2Config, Sam2Model

    if found is not None:
        model = Sam2Model.from_pretrained(found.place, local_files_only=True)
        return Sam2Masks(model.to(device).eval(), name="measured"), "measured with the weights"
    model = Sam2Model(Sam2Config()).to(device).eval()
    return Sam2Masks(model, name="measured"), "measured with random weights of SAM 2.1 tiny"


def _track(request: Request) -> float:
    rng = np.random.default_rng(0)
    count = TRACKED * OBJECTS
    corners = rng.uniform(0, 800, (count, 2))
    table = DetectionTable(
        source="measured",
        frame=np.repeat(np.arange(1, TRACKED + 1), OBJECTS),
        xyxy=np.concatenate([corners, corners + 100], axis=1),
        score=np.full(count, 0.9),
        depth=rng.uniform(1, 5, count),
        depth_kind=DepthKind.RELATIVE_INVERSE,
    )
    sequence = Sequence("measured", TRACKED, 20.0)
    method = our_method("bytetrack", "adaptive", "mot")
    _, seconds = follow(method, benchmark_of(request.benchmark), sequence, table)
    return float(seconds.mean())


def _frame(size: tuple[int, int]) -> LabelledFrame:
    height, width = size
    left = np.linspace(0, width * 0.8, OBJECTS)
    boxes = np.stack([left, left * 0 + 4, left + width * 0.1, left * 0 + height * 0.8], axis=1)
    return LabelledFrame(
        image=np.zeros((height, width, 3), np.uint8),
        boxes_xyxy=boxes.astype(np.float32),
        class_ids=np.zeros(OBJECTS, np.int64),
        depth=np.ones(OBJECTS, np.float32),
        depth_std=np.zeros(OBJECTS, np.float32),
        depth_kind=DepthKind.RELATIVE_INVERSE,
        track_ids=np.arange(OBJECTS),
        visibility=np.ones(OBJECTS, np.float32),
        ignore_boxes_xyxy=np.zeros((0, 4), np.float32),
    )


def _seconds(once: Callable[[], object], device: torch.device) -> float:
    """Of the second time; the first warms up."""
    once()
    _wait(device)
    start = time.perf_counter()
    once()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _counting(held: dict[int, int]) -> Iterator[None]:
    """Count the bytes that are kept for the way back, each storage once."""
    held.clear()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield


def gpu_bytes(request: Request, machine: Machine, rates: Rates) -> int:
    """Memory that training wants on each GPU: states, and activations of its share of a batch."""
    share = -(-request.training.batch_size // machine.processes)
    half = 0.5 if request.training.precision != "no" else 1.0
    return round(20 * rates.weights + half * share * rates.activation_bytes)
