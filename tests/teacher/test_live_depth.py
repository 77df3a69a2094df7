"""Depth maps while a video goes on, by the real networks with small random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_teachers import tiny_depth

from deptr.teacher.live_depth import CLIP, StreamingVideoDepth
from deptr.teacher.preprocess import clip_input_size, normalise_frame
from deptr.teacher.video_depth_head import resize


@pytest.fixture
def network() -> StreamingVideoDepth:
    return StreamingVideoDepth(tiny_depth().model, "vda-tiny", "none", input_size=28)


def images(count: int, seed: int = 0) -> np.ndarray:
    """A picture that drifts to the left."""
    wide = np.random.default_rng(seed).integers(0, 255, (6, 12, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    return np.stack([wide[:, k : k + 72] for k in range(count)])


def test_a_first_frame_is_a_clip_of_one(network: StreamingVideoDepth) -> None:
    image = images(1)[0]
    size = clip_input_size(48, 72, input_size=28)
    with torch.inference_mode():
        whole = network.model(torch.from_numpy(normalise_frame(image, size))[None, None]).depth
        wanted = resize(whole[0][:, None], (48, 72))[0, 0].numpy()
    np.testing.assert_allclose(network.map_of(image), wanted, atol=1e-5)


def test_each_frame_is_encoded_once_and_the_clip_stays_short(network: StreamingVideoDepth) -> None:
    seen, lengths = [], []
    network.model.pretrained.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    network.model.head.motion_modules[0].register_forward_hook(
        lambda _, inputs, __: lengths.append(inputs[1])
    )
    for image in images(CLIP + 3):
        assert network.map_of(image).shape == (48, 72)
    assert seen == [1] * (CLIP + 3)
    assert lengths == [min(number, CLIP) for number in range(1, CLIP + 4)]


def test_scale_and_shift_stay_those_of_the_first_frame(network: StreamingVideoDepth) -> None:
    """A network whose answer is of another scale in longer clips, as real ones' are."""
    decode = network.model.head.decode
    passes = iter(range(100))

    def drifting(*arguments: object) -> torch.Tensor:
        return decode(*arguments) * (1 + 0.5 * next(passes)) + 0.3

    network.model.head.decode = drifting
    maps = [network.map_of(image) for image in images(1).repeat(6, axis=0)]
    spread = np.abs(maps[-1] - maps[0]).mean() / maps[0].std()
    assert np.abs(maps[-1].mean() / maps[0].mean() - 1) < 0.05
    assert spread < 1.0


def test_a_frame_of_another_size_begins_anew(network: StreamingVideoDepth) -> None:
    first = images(2)
    for image in first:
        network.map_of(image)
    tall = np.ascontiguousarray(first[0].transpose(1, 0, 2))
    fresh = StreamingVideoDepth(network.model, "vda-tiny", "none", input_size=28)
    np.testing.assert_allclose(network.map_of(tall), fresh.map_of(tall), atol=1e-6)
