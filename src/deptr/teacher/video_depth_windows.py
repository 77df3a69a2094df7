"""Depth of a video of any length: overlapping windows, aligned in scale and shift, seams blended.

Source: `infer_video_depth` of Video Depth Anything (video_depth.py; arXiv 2501.12375, section 3.3). A
window has 32 frames and starts 22 after the one before. Its first ten inputs are key frames of that
window: the very first frame of the video, one of its middle, and the eight that both windows see. The
first two give the scale and shift that carry the window to the one before; over the other eight the
two blend.

Windows need nothing but those inputs and a few depth maps of the window before, so memory is constant, and
a `WindowAligner` is all it takes to go on later.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from deptr.errors import UsageError
from deptr.records import FloatArray, Image
from deptr.teacher.preprocess import clip_input_size, normalise_frame
from deptr.teacher.video_depth_anything import VideoDepthAnything
from deptr.teacher.video_depth_head import resize

WINDOW = 32
OVERLAP = 10
STEP = WINDOW - OVERLAP
BLENDED = 8
ALIGNED = OVERLAP - BLENDED  # frames that scale and shift are fitted on
KEY_POSITIONS = (0, 12, 24, 25, 26, 27, 28, 29, 30, 31)  # inputs of a window that open the next one

Maps = npt.NDArray[np.float32]
Input = TypeVar("Input")


def window_count(frames: int) -> int:
    """How many windows a video of so many frames takes.

    The published code may run one more at the end, none of whose maps belong to a frame.

    Example:
        >>> [window_count(n) for n in (0, 1, 24, 25, 46, 47)]
        [0, 1, 1, 2, 2, 3]
    """
    return 0 if frames == 0 else max(1, -(-(frames - ALIGNED) // STEP))


def window_of(frame: int) -> int:
    """The window that makes a frame's depth final.

    Example:
        >>> [window_of(n) for n in (0, 23, 24, 45, 46)]
        [0, 0, 1, 1, 2]
    """
    return max(0, (frame - ALIGNED) // STEP)


def window_frames(window: int) -> list[int]:
    """Indices from 0 of the frames that a window looks at, before the end of the video is padded.

    Example:
        >>> window_frames(0) == list(range(32))
        True
        >>> window_frames(2)[:4], window_frames(2)[-1]
        ([0, 34, 46, 47], 75)
    """
    start = window * STEP
    if window == 0:
        return list(range(WINDOW))
    before = start - STEP
    keys = [0] + [before + position for position in KEY_POSITIONS[1:]]
    return keys + list(range(start + OVERLAP, start + WINDOW))


def fit_scale_shift(values: FloatArray, target: FloatArray) -> tuple[float, float]:
    """Scale and shift that carry `values` closest to `target` in squared error; 1 and 0 if undetermined.

    Example:
        >>> fit_scale_shift(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
        (2.0, 1.0)
        >>> fit_scale_shift(np.ones(3), np.zeros(3))
        (1.0, 0.0)
    """
    x, y = values.astype(np.float64).ravel(), target.astype(np.float64).ravel()
    mean_x, mean_y = x.mean(), y.mean()
    variance = np.mean((x - mean_x) ** 2)
    if variance == 0:
        return 1.0, 0.0
    scale = np.mean((x - mean_x) * (y - mean_y)) / variance
    return float(scale), float(mean_y - scale * mean_x)


def _no_maps() -> Maps:
    return np.zeros((0, 0, 0), np.float32)


@dataclass
class WindowAligner:
    """Carries the depth of each window to the scale of the first one and blends the seams.

    Attributes:
        references: Depth that the first two inputs of the next window must meet, ``(2, H, W)``.
        pending: Last depth maps so far, to be blended with the next window, ``(8, H, W)``.
        fits: Scale and shift of each window so far.

    Example:
        >>> aligner = WindowAligner()
        >>> windows = np.random.default_rng(0).random((2, 32, 2, 3), dtype=np.float32)
        >>> [len(aligner.push(maps)) for maps in windows]
        [24, 22]
    """

    references: Maps = field(default_factory=_no_maps)
    pending: Maps = field(default_factory=_no_maps)
    fits: list[tuple[float, float]] = field(default_factory=list)

    def push(self, maps: Maps, fit: tuple[float, float] | None = None) -> Maps:
        """Take the raw depth of the next window and return the maps that nothing later changes.

        Args:
            maps: ``(32, H, W)`` from the network.
            fit: Scale and shift to use, None to fit them. With a known fit one may start at any window:
                the maps before its tenth are then worthless.

        Returns:
            ``(24, H, W)`` for the first window, frames 0 to 23, else ``(22, H, W)``: window k makes frames
            22 k + 2 to 22 k + 23 final.

        Raises:
            UsageError: The window has another length or another frame size than the ones before.
        """
        size = self.pending.shape[1:]
        if maps.ndim != 3 or len(maps) != WINDOW or (len(self.pending) and maps.shape[1:] != size):
            raise UsageError(f"maps: expected shape ({WINDOW}, H, W) of one frame size, got {maps.shape}")
        if len(self.pending):
            scale, shift = fit or fit_scale_shift(maps[:ALIGNED], self.references)
            aligned = _carry(maps, scale, shift)
            stream = np.concatenate([_blend(self.pending, aligned[ALIGNED:OVERLAP]), aligned[OVERLAP:]])
            first = self.references[:1]
        else:
            scale, shift = fit or (1.0, 0.0)
            aligned = stream = _carry(maps, scale, shift)
            first = aligned[:1]
        middle = KEY_POSITIONS[1]
        self.references = np.concatenate([first, aligned[middle : middle + 1]])
        self.fits.append((scale, shift))
        self.pending = stream[-BLENDED:].copy()
        return stream[:-BLENDED]


def _carry(maps: Maps, scale: float, shift: float) -> Maps:
    carried: Maps = np.maximum(maps * np.float32(scale) + np.float32(shift), np.float32(0))
    return carried


def _blend(before: Maps, after: Maps) -> Maps:
    weight = np.linspace(0, 1, len(after), dtype=np.float32)[:, None, None]
    return before * (1 - weight) + after * weight


@dataclass(frozen=True)
class Window(Generic[Input]):
    """One step through a video.

    Attributes:
        number: From 0.
        inputs: The 32 frames that the network looks at; the video's last stands in for those after its end.
        final: The frames whose depth this window makes final.
    """

    number: int
    inputs: list[Input]
    final: list[Input]


def windows_of(frames: Iterable[Input], numbers: Iterable[int] | None = None) -> Iterator[Window[Input]]:
    """The windows of a video, as soon as their frames have come; about 40 frames are in memory at a time.

    Args:
        frames: The whole video, in order.
        numbers: Windows that are wanted, ascending; None for all. Frames that they do not need are
            passed over.

    Example:
        >>> windows = list(windows_of(range(40)))
        >>> [window.final[0] for window in windows], windows[1].inputs[:3], windows[1].inputs[-1]
        ([0, 24], [0, 12, 24], 39)
    """
    wanted = iter(itertools.count() if numbers is None else numbers)
    number = next(wanted, None)
    kept: dict[int, Input] = {}
    count = 0
    for frame in frames:
        if number is None:
            return
        if count == 0 or count >= _first_needed(number):
            kept[count] = frame
        last, count = (count, frame), count + 1
        if count == number * STEP + WINDOW:
            yield _window(number, kept, last)
            number = next(wanted, None)
            kept = {place: frame for place, frame in kept.items() if place in (0, *_range_needed(number))}
    while number is not None and number < window_count(count):
        yield _window(number, kept, last)
        number = next(wanted, None)


def _first_needed(number: int) -> int:
    """First frame after the video's first that a window looks at."""
    return max((number - 1) * STEP + KEY_POSITIONS[1], 0)


def _range_needed(number: int | None) -> range:
    return range(0) if number is None else range(_first_needed(number), number * STEP + WINDOW)


def _window(number: int, kept: dict[int, Input], last: tuple[int, Input]) -> Window[Input]:
    end, frame = last
    inputs = [kept[place] if place < end else frame for place in window_frames(number)]
    start = number * STEP + ALIGNED if number else 0
    stop = min(number * STEP + WINDOW - BLENDED, end + 1)
    return Window(number, inputs, [kept[place] if place < end else frame for place in range(start, stop)])


def stream_depth(infer: Callable[[list[Input]], Maps], frames: Iterable[Input]) -> Iterator[Maps]:
    """Depth map of each frame, from a function that gives the raw depth of 32 inputs.

    Args:
        infer: 32 inputs to ``(32, H, W)`` float32.
        frames: Inputs in order, however many.

    Yields:
        ``(H, W)`` float32, one per frame, in order, in the scale of the first window.

    Example:
        >>> constant = lambda inputs: np.ones((32, 1, 1), np.float32)
        >>> sum(1 for _ in stream_depth(constant, range(100)))
        100
    """
    aligner = WindowAligner()
    for window in windows_of(frames):
        yield from aligner.push(infer(window.inputs))[: len(window.final)]


def infer_window(
    model: VideoDepthAnything,
    inputs: list[FloatArray],
    size: tuple[int, int],
    *,
    half: bool = False,
) -> Maps:
    """Raw depth of one window.

    Args:
        model: The network, on any device.
        inputs: Normalised frames ``(3, h, w)``.
        size: Height and width of the result; another size than the input's is interpolated.
        half: Whether to compute in half precision, as the authors do on a GPU.

    Returns:
        ``(T, *size)`` float32, relative inverse depth.
    """
    parameter = next(model.parameters())
    clip = torch.from_numpy(np.stack(inputs)).to(parameter.device)[None]
    dtype = torch.float16 if parameter.is_cuda else torch.bfloat16
    with torch.inference_mode(), torch.autocast(parameter.device.type, dtype=dtype, enabled=half):
        depth = model(clip).depth[0].float()
    if depth.shape[1:] != size:
        depth = resize(depth[:, None], size)[:, 0]
    maps: Maps = depth.cpu().numpy()
    return maps


def video_depth(
    model: VideoDepthAnything,
    frames: Iterable[Image],
    *,
    input_size: int = 518,
    half: bool = False,
) -> Iterator[Maps]:
    """Depth of a video of any length in constant memory, as the authors' `infer_video_depth` gives it.

    Args:
        model: The network, in evaluation mode.
        frames: ``(H, W, 3)`` uint8 RGB frames of one size.
        input_size: Length that the shorter side is resized to for the network.
        half: Half precision.

    Yields:
        ``(H, W)`` float32 relative inverse depth per frame, larger is nearer; the scale is free but the same
        over the whole video.

    Raises:
        UsageError: A frame has another size than the first.

    Example:
        >>> from deptr.teacher.video_depth_anything import VideoDepthConfig
        >>> model = VideoDepthAnything(VideoDepthConfig.tiny()).eval()
        >>> frames = (np.zeros((20, 30, 3), np.uint8) for _ in range(3))
        >>> [depth.shape for depth in video_depth(model, frames, input_size=14)]
        [(20, 30), (20, 30), (20, 30)]
    """
    sizes: set[tuple[int, int]] = set()

    def prepared() -> Iterator[FloatArray]:
        for image in frames:
            sizes.add((image.shape[0], image.shape[1]))
            if len(sizes) > 1:
                raise UsageError(f"frames: expected one size, got {' and '.join(map(str, sorted(sizes)))}")
            yield normalise_frame(image, clip_input_size(*image.shape[:2], input_size=input_size))

    yield from stream_depth(
        lambda inputs: infer_window(model, inputs, next(iter(sizes)), half=half), prepared()
    )


def video_depth_normalised(
    model: VideoDepthAnything, frames: Iterable[FloatArray], *, half: bool = False
) -> Iterator[Maps]:
    """The same for frames that are network inputs already.

    Args:
        model: The network, in evaluation mode.
        frames: ``(3, H, W)`` float32 normalised frames of one size, H and W multiples of 14.
        half: Half precision.

    Yields:
        ``(H, W)`` float32 relative inverse depth per frame.
    """
    yield from stream_depth(
        lambda inputs: infer_window(model, inputs, (inputs[0].shape[1], inputs[0].shape[2]), half=half),
        frames,
    )
