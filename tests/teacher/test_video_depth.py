"""Video Depth Anything: equal to the authors' network, every tensor of their file used, any length."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from deptr.errors import DataError, UsageError
from deptr.teacher.preprocess import clip_input_size
from deptr.teacher.video_depth_anything import VideoDepthAnything, VideoDepthConfig
from deptr.teacher.video_depth_weights import load_state, load_video_depth, read_state, target_names
from deptr.teacher.video_depth_windows import (
    WindowAligner,
    stream_depth,
    video_depth,
    video_depth_normalised,
    window_count,
    window_frames,
    windows_of,
)


def name_seeded(
    spec: dict[str, dict[str, list[int]]], tables: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Weights that depend on their name only, as the golden outputs were made with; `pe` tables stay."""
    state = {}
    for name, entry in spec.items():
        shape = entry["shape"]
        values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
        if name.rpartition(".")[2] == "pe":
            state[name] = tables[name]
            continue
        if len(shape) > 1:
            values *= 1 / math.sqrt(math.prod(shape[1:]))
        elif name.endswith(("weight", "gamma")):
            values = 1 + 0.1 * values
        else:
            values *= 0.1
        state[name] = torch.from_numpy(values.astype(np.float32))
    return state


@pytest.fixture(scope="module")
def golden(golden_root: Path) -> tuple[VideoDepthAnything, dict[str, torch.Tensor], dict[str, np.ndarray]]:
    """The small model with the golden weights, those weights under their published names, the outputs."""
    spec = json.loads((golden_root / "vda_state_spec.json").read_text())
    model = VideoDepthAnything(VideoDepthConfig.named("small")).eval()
    state = name_seeded(spec, model.state_dict())
    load_state(model, state, "golden")
    return model, state, dict(np.load(golden_root / "vda_golden.npz"))


@pytest.mark.parametrize(
    ("key", "seed", "shape"),
    [("depth_8x70x126", 7, (1, 8, 3, 70, 126)), ("depth_32x42x56", 8, (1, 32, 3, 42, 56))],
)
@pytest.mark.parametrize("frames_at_once", [32, 5])
def test_answers_what_the_original_answers(golden, key, seed, shape, frames_at_once) -> None:
    model, _, outputs = golden
    clip = torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))
    model.frames_at_once = frames_at_once
    with torch.inference_mode():
        depth = model(clip).depth.numpy()
        if f"tokens_{3}" in outputs and seed == 7:
            for index, tokens in enumerate(model.encode(clip[0, :2])):
                assert np.abs(tokens.flatten(2).mT.numpy() - outputs[f"tokens_{index}"]).max() < 1e-4
    assert depth.shape == outputs[key].shape
    assert np.abs(depth - outputs[key]).max() < 1e-3


def test_every_published_tensor_has_its_own_place(golden) -> None:
    model, state, _ = golden
    places = [target for name in state for target in target_names(name)]
    assert len(state) == 351
    assert len(places) == len(set(places))
    assert set(places) == set(model.state_dict())


@pytest.mark.parametrize(
    ("size", "taps", "features"), [("base", (2, 5, 8, 11), 128), ("large", (4, 11, 17, 23), 256)]
)
def test_larger_models_have_the_published_sizes(size: str, taps: tuple[int, ...], features: int) -> None:
    config = VideoDepthConfig.named(size)
    with torch.device("meta"):
        model = VideoDepthAnything(config)
    # the authors' README counts neither the position table nor the unit that the network never uses
    uncounted = ("position_embeddings", "refinenet4.resConfUnit1")
    counted = [
        value for name, value in model.named_parameters() if not any(word in name for word in uncounted)
    ]
    millions = sum(parameter.numel() for parameter in counted) / 1e6
    assert (config.taps, config.features) == (taps, features)
    assert millions == pytest.approx({"base": 113.1, "large": 381.8}[size], abs=0.06)


@pytest.fixture
def tiny() -> VideoDepthAnything:
    torch.manual_seed(0)
    return VideoDepthAnything(VideoDepthConfig.tiny()).eval()


def test_a_file_of_another_size_or_a_torn_one_is_refused(tmp_path: Path, tiny: VideoDepthAnything) -> None:
    file = tmp_path / "vits.pth"
    wrong = {"pretrained.cls_token": torch.zeros(1, 1, 768)}
    torch.save(wrong, file)
    with pytest.raises(DataError, match=r"cls_token.*\(1, 1, 768\) where \(1, 1, 384\).*base \(vitb\)"):
        load_video_depth(file, "small")
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DataError, match=r"vits.pth: cannot be read as weights.*200 bytes.*truncated"):
        load_video_depth(file, "small")
    torch.save([1, 2], file)
    with pytest.raises(DataError, match="is not a table of tensors: expected a state dict, found list"):
        read_state(file)
    with pytest.raises(DataError, match="no such weights file"):
        load_video_depth(tmp_path / "absent.pth")
    state = {"head.scratch.output_conv1.bias": torch.zeros(16)}
    with pytest.raises(DataError, match="tensors missing"):
        load_state(tiny, state, "x.pth")
    with pytest.raises(DataError, match="unknown name"):
        load_state(tiny, {"pretrained.register_tokens": torch.zeros(1)}, "x.pth")


def test_wrong_shapes_are_named(tiny: VideoDepthAnything) -> None:
    for shape, message in [
        ((1, 3, 28, 28), r"expected shape \(B, T, 3, H, W\)"),
        ((1, 33, 3, 28, 28), "1 to 32 frames, got 33"),
        ((1, 2, 3, 28, 30), "multiples of 14"),
    ]:
        with pytest.raises(UsageError, match=message):
            tiny(torch.zeros(shape))


def published_procedure(raw, count: int) -> np.ndarray:
    """The long-video procedure as the paper tells it, on a list in memory, straight from its definition.

    `raw(inputs)` gives 32 maps for 32 frame indices.
    """
    keys = [0, 12, 24, 25, 26, 27, 28, 29, 30, 31]
    padded = list(range(count)) + [count - 1] * 64
    windows, inputs = [], None
    for start in range(0, count, 22):
        current = padded[start : start + 32]
        if inputs is not None:
            current[:10] = [inputs[key] for key in keys]
        windows.append(raw(current).astype(np.float64))
        inputs = current
    video = list(windows[0])
    reference = [windows[0][0], windows[0][12]]
    for raw_window in windows[1:]:
        window = raw_window
        x, y = np.concatenate([m.ravel() for m in window[:2]]), np.concatenate([m.ravel() for m in reference])
        scale, shift = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)[0]
        window = np.clip(window * scale + shift, 0, None)
        for index, weight in enumerate(np.linspace(0, 1, 8)):
            video[index - 8] = video[index - 8] * (1 - weight) + window[2 + index] * weight
        video += list(window[10:])
        reference = [reference[0], window[12]]
    return np.stack(video[:count])


@pytest.mark.parametrize("count", [1, 21, 22, 23, 24, 25, 31, 32, 33, 44, 45, 46, 47, 100])
def test_any_length_follows_the_published_procedure_in_constant_memory(count: int) -> None:
    calls = []

    def raw(inputs: list[int]) -> np.ndarray:
        # each window answers in a scale and shift of its own, and a little differently for each place
        calls.append(list(inputs))
        own = np.random.default_rng(len(inputs) + sum(inputs))
        base = np.stack([np.random.default_rng(index).random((3, 4)) for index in inputs])
        return ((base + 0.05 * own.random(base.shape)) * own.uniform(0.5, 2) + own.uniform(0, 1)).astype(
            np.float32
        )

    streamed = list(stream_depth(raw, iter(range(count))))
    mine = calls.copy()
    calls.clear()
    expected = published_procedure(raw, count)
    assert mine == calls[: len(mine)]  # the published loop may run a last window that no frame needs
    assert len(mine) == window_count(count)
    np.testing.assert_allclose(np.stack(streamed), expected, atol=2e-5)


def test_frames_are_asked_for_only_as_windows_need_them() -> None:
    asked = 0

    def frames():
        nonlocal asked
        while asked < 1000:
            asked += 1
            yield asked

    stream = stream_depth(lambda inputs: np.zeros((32, 1, 1), np.float32), frames())
    for _ in range(500):
        next(stream)
    assert asked <= 500 + 32


def test_known_fits_give_the_same_maps_from_the_middle() -> None:
    windows = np.random.default_rng(0).random((5, 32, 2, 3), dtype=np.float32)
    whole = WindowAligner()
    ready = [whole.push(maps) for maps in windows]
    again = WindowAligner()
    again.push(windows[2], whole.fits[2])
    np.testing.assert_array_equal(again.push(windows[3], whole.fits[3]), ready[3])
    with pytest.raises(UsageError, match="of one frame size"):
        again.push(windows[0, :, :1])
    assert window_frames(1)[:3] == [0, 12, 24]


def test_chosen_windows_are_the_same_as_on_the_way() -> None:
    every = list(windows_of(range(200)))
    assert [frame for window in every for frame in window.final] == list(range(200))
    assert list(windows_of(range(200), [0, 3, 4, 8])) == [every[number] for number in (0, 3, 4, 8)]
    assert list(windows_of(range(200), [50])) == []
    assert list(windows_of([])) == []


def test_real_network_over_a_long_clip(tiny: VideoDepthAnything) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (40, 30, 40, 3), np.uint8)
    depths = list(video_depth(tiny, iter(frames), input_size=28))
    assert len(depths) == 40
    assert depths[0].shape == (30, 40)
    with pytest.raises(UsageError, match="expected one size"):
        list(video_depth(tiny, iter([frames[0], frames[0, :20]]), input_size=28))
    clip = np.random.default_rng(2).standard_normal((32, 3, 28, 28)).astype(np.float32)
    one_window = np.stack(list(video_depth_normalised(tiny, iter(clip[:24]))))
    padded = torch.from_numpy(np.concatenate([clip[:24], np.repeat(clip[23:24], 8, 0)]))[None]
    with torch.inference_mode():
        whole = tiny(padded).depth[0, :22].numpy()
    np.testing.assert_allclose(one_window[:22], whole, atol=1e-6)


def test_input_sizes_of_the_published_preprocessing() -> None:
    assert clip_input_size(1080, 1920) == (518, 924)
    assert clip_input_size(480, 640) == (518, 686)
    assert clip_input_size(518, 518) == (518, 518)
    assert clip_input_size(400, 2000) == (182, 910)  # wider than 16:9: the input shrinks
