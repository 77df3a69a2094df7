"""Depth teachers: every one steps through a video window by window and says the depth of the final frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from deptr.errors import DataError
from deptr.io.depth_files import DEPTH_SUFFIXES, DepthScale, described_scale, read_depth_file
from deptr.records import DepthKind, FloatArray, Image
from deptr.teacher.boxes import hash_files
from deptr.teacher.frames import BoxedFrame
from deptr.teacher.memory import halve_when_full, pieces_that_fit
from deptr.teacher.preprocess import clip_input_size, normalise_frame
from deptr.teacher.video_depth_anything import VideoDepthAnything
from deptr.teacher.video_depth_head import resize
from deptr.teacher.video_depth_windows import Maps, Window, WindowAligner

BYTES_PER_FRAME = 1 << 29  # of Video Depth Anything at 518 x 924 px, generously
FEATURE_CELLS = 4  # features are averaged over so many cells of the decoder: 28 px of the network's input


@dataclass(frozen=True)
class DepthFrames:
    """What a teacher says about the final frames of a window.

    Attributes:
        maps: ``(T, H, W)`` float32 of the teacher's kind, NaN = unknown.
        features: ``(T, C, h, w)`` float32 of the teacher's decoder, None if not asked for or not known.
    """

    maps: Maps
    features: Maps | None = None


State = Mapping[str, npt.NDArray[Any]]


class DepthSession(Protocol):
    """One walk through one video."""

    def push(self, window: Window[BoxedFrame], fit: tuple[float, float] | None = None) -> DepthFrames:
        """Depth of the window's final frames; `fit` is the window's scale and shift if known from before."""

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All it takes to go on with the next window."""

    @property
    def fits(self) -> list[tuple[float, float]]:
        """Scale and shift of each window so far; empty for teachers that need none."""


class DepthTeacher(Protocol):
    """Says how far away each pixel is.

    Attributes:
        name: For the run's name and the labels' description.
        kind: Meaning of the depth.
        licence: Of the weights.
        revision: Hash of the weights.
        across_windows: Whether a window's depth needs the raw depth of the one before.
    """

    name: str
    kind: DepthKind
    licence: str
    revision: str
    across_windows: bool

    def open(self, state: State | None = None) -> DepthSession:
        """Begin a video, or go on where `state` was taken."""


@dataclass
class VideoDepthTeacher:
    """Video Depth Anything.

    Attributes:
        model: The network, in evaluation mode, on its device.
        name: See `DepthTeacher`.
        licence: See `DepthTeacher`.
        revision: See `DepthTeacher`.
        input_size: Length of the shorter side for the network.
        half: Half precision.
        with_features: Whether sessions return the decoder's features.
    """

    model: VideoDepthAnything
    name: str
    licence: str
    revision: str = ""
    input_size: int = 518
    half: bool = False
    with_features: bool = False
    kind: DepthKind = DepthKind.RELATIVE_INVERSE
    across_windows: bool = True

    def __post_init__(self) -> None:
        device = next(self.model.parameters()).device
        self.model.frames_at_once = pieces_that_fit(device, BYTES_PER_FRAME, self.model.config.num_frames)

    def open(self, state: State | None = None) -> DepthSession:
        """Begin a video, or go on where `state` was taken."""
        aligner = WindowAligner()
        if state is not None:
            fits = [(float(scale), float(shift)) for scale, shift in state["fits"]]
            aligner = WindowAligner(state["references"], state["pending"], fits)
        return VideoDepthSession(self, aligner)


@dataclass
class VideoDepthSession:
    """One video through Video Depth Anything."""

    teacher: VideoDepthTeacher
    aligner: WindowAligner
    _inputs: dict[int, FloatArray] = field(default_factory=dict)

    @property
    def fits(self) -> list[tuple[float, float]]:
        """Scale and shift of each window so far."""
        return self.aligner.fits

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """References, pending maps and fits."""
        fits = np.array(self.aligner.fits, np.float64).reshape(-1, 2)
        return {"references": self.aligner.references, "pending": self.aligner.pending, "fits": fits}

    def push(self, window: Window[BoxedFrame], fit: tuple[float, float] | None = None) -> DepthFrames:
        """Depth of the window's final frames in the scale of the first window."""
        height, width = window.inputs[0].image.shape[:2]
        size = clip_input_size(height, width, input_size=self.teacher.input_size)
        wanted = {frame.index: frame for frame in window.inputs}
        self._inputs = {
            index: self._inputs[index] if index in self._inputs else normalise_frame(frame.image, size)
            for index, frame in wanted.items()
        }
        clip = np.stack([self._inputs[frame.index] for frame in window.inputs])
        model = self.teacher.model

        def attempt(frames_at_once: int) -> tuple[Maps, Maps | None]:
            model.frames_at_once = frames_at_once
            return self._infer(clip, (height, width))

        (raw, features), _ = halve_when_full(attempt, model.frames_at_once, "frame")
        maps = self.aligner.push(raw, fit)[: len(window.final)]
        if features is None:
            return DepthFrames(maps)
        places = {frame.index: place for place, frame in enumerate(window.inputs)}
        return DepthFrames(maps, features[[places[frame.index] for frame in window.final]])

    def _infer(self, clip: FloatArray, size: tuple[int, int]) -> tuple[Maps, Maps | None]:
        model = self.teacher.model
        parameter = next(model.parameters())
        frames = torch.from_numpy(clip).to(parameter.device)[None]
        dtype = torch.float16 if parameter.is_cuda else torch.bfloat16
        with torch.inference_mode(), torch.autocast(parameter.device.type, dtype, enabled=self.teacher.half):
            answer = model(frames, with_features=self.teacher.with_features)
            depth = answer.depth[0].float()
            if tuple(depth.shape[1:]) != size:
                depth = resize(depth[:, None], size)[:, 0]
            features = answer.features
            if features is not None:
                features = (
                    functional.avg_pool2d(features[0].float(), FEATURE_CELLS, ceil_mode=True).cpu().numpy()
                )
        return depth.cpu().numpy(), features


class FrameByFrame:
    """A session of a teacher that looks at each frame alone."""

    def __init__(self, teacher: FrameTeacher) -> None:
        self.teacher = teacher

    @property
    def fits(self) -> list[tuple[float, float]]:
        """No window needs a scale."""
        return []

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Nothing is carried from window to window."""
        return {}

    def push(self, window: Window[BoxedFrame], fit: tuple[float, float] | None = None) -> DepthFrames:
        """Depth of the window's final frames."""
        maps = [self.teacher.depth(frame) for frame in window.final]
        return DepthFrames(np.stack(maps).astype(np.float32))


class FrameTeacher(ABC):
    """Base of teachers that look at each frame alone."""

    name: str
    kind: DepthKind
    licence: str
    revision: str
    across_windows = False

    def open(self, state: State | None = None) -> DepthSession:
        """Begin a video, or go on."""
        return FrameByFrame(self)

    @abstractmethod
    def depth(self, frame: BoxedFrame) -> FloatArray:
        """Depth map ``(H, W)`` of one frame."""


class DepthAnythingTeacher(FrameTeacher):
    """Depth Anything V2 through `transformers`, frame by frame: cheaper, and flickers.

    Args:
        model: A `transformers.DepthAnythingForDepthEstimation` in evaluation mode.
        name: See `DepthTeacher`.
        licence: See `DepthTeacher`.
        revision: See `DepthTeacher`.
        input_size: Length of the shorter side for the network.
    """

    kind = DepthKind.RELATIVE_INVERSE

    def __init__(
        self, model: Any, *, name: str, licence: str, revision: str = "", input_size: int = 518
    ) -> None:
        self.model, self.input_size = model, input_size
        self.name, self.licence, self.revision = name, licence, revision
        self.device = next(model.parameters()).device

    def depth(self, frame: BoxedFrame) -> FloatArray:
        """Relative inverse depth, larger is nearer."""
        return self.map_of(frame.image)

    def map_of(self, image: Image) -> FloatArray:
        """Relative inverse depth of an image, larger is nearer."""
        size: tuple[int, int] = (image.shape[0], image.shape[1])
        pixels = normalise_frame(image, clip_input_size(*size, input_size=self.input_size))
        with torch.inference_mode():
            depth = self.model(torch.from_numpy(pixels)[None].to(self.device)).predicted_depth
            result: FloatArray = resize(depth[:, None].float(), size)[0, 0].cpu().numpy()
        return result


class DepthMapFolder(FrameTeacher):
    """Depth maps that somebody else made: a sensor or another model.

    The folder has one file per frame, as `read_depth_file` takes them, named by the frame's number
    (``000001.png``). What ``depth.json`` beside them says holds; without it they are metric.

    Args:
        folder: The folder, or one with a folder per sequence.
        sequence: Name of the sequence.

    Raises:
        DataError: There is no such folder or it holds no such file.
    """

    licence = "as its source"

    def __init__(self, folder: str | Path, sequence: str) -> None:
        root = Path(folder)
        self.folder = next((place for place in _map_folders(root, sequence) if _maps_in(place)), root)
        self._files = _maps_in(self.folder)
        if not self._files:
            expected = "depth images named by frame number, such as 000001.png"
            raise DataError(root, f"holds no depth maps of {sequence}", expected=expected)
        self.scale = described_scale(self.folder) or described_scale(root) or DepthScale()
        self.kind = self.scale.kind
        self.name = f"maps-{self.kind.value}"
        self.revision = hash_files([self._files[number] for number in sorted(self._files)])

    def depth(self, frame: BoxedFrame) -> FloatArray:
        """The map of that frame's number; all unknown where there is none.

        A map of another size takes the nearest pixel, so that near and far do not mix.

        Raises:
            DataError: The file is damaged, or no depth map.
        """
        height, width = frame.image.shape[:2]
        path = self._files.get(frame.index)
        if path is None:
            return np.full((height, width), np.nan, np.float32)
        depth = self.scale.depth(read_depth_file(path, kind=self.kind))
        if depth.shape != (height, width):
            depth = np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST))
        return depth


def _map_folders(root: Path, sequence: str) -> list[Path]:
    return [root / sequence / "depth", root / sequence, root / "depth", root]


def _maps_in(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        return {}
    files = (path for path in folder.iterdir() if path.suffix.lower() in DEPTH_SUFFIXES)
    return {int(path.stem): path for path in files if path.stem.isdecimal()}
