"""The models behind the labels: prompts, batches, files that are missing or wrong."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from label_world import make_world
from tiny_teachers import tiny_sam, tiny_sam_video
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from deptr.errors import DataError, UsageError
from deptr.records import DepthKind
from deptr.teacher.build import TeacherFactory, TeacherPlan, pick_device
from deptr.teacher.depth_teachers import DepthAnythingTeacher, DepthMapFolder
from deptr.teacher.frames import BoxedFrame, FrameBoxes
from deptr.teacher.jobs import find_jobs
from deptr.teacher.masks import Sam2Masks, box_masks
from deptr.teacher.memory import DeviceMemoryError, halve_when_full
from deptr.teacher.preprocess import square_batch
from deptr.teacher.synthetic import SyntheticMasks, SyntheticNoise
from deptr.teacher.video_masks import Sam2VideoMasks
from deptr.weights import WEIGHTS, find_weights


def frame(index: int, ids: list[int], seed: int = 0) -> BoxedFrame:
    rng = np.random.default_rng([seed, index])
    corners = rng.uniform(0, 30, (len(ids), 2))
    boxes = np.concatenate([corners, corners + rng.uniform(8, 25, (len(ids), 2))], 1).astype(np.float32)
    image = rng.integers(0, 255, (40, 60, 3), np.uint8)
    return BoxedFrame(index, image, FrameBoxes(boxes, np.array(ids, np.int64), np.zeros(len(ids), np.int32)))


def test_all_boxes_in_one_batch_are_the_same_as_one_by_one() -> None:
    teacher = Sam2Masks(tiny_sam(), name="tiny")
    teacher.images_at_once = 2
    looks = []
    embed = teacher.model.get_image_embeddings
    teacher.model.get_image_embeddings = lambda pixels: looks.append(len(pixels)) or embed(pixels)
    frames = [frame(1, [1, 2, 3]), frame(2, []), frame(3, [1, 2])]
    together = list(teacher.masks(frames))
    assert [masks.shape for masks in together] == [(3, 40, 60), (0, 40, 60), (2, 40, 60)]
    assert looks == [2]  # the image encoder ran once for both frames that have boxes
    teacher.boxes_at_once = 1
    for one, other in zip(teacher.masks(frames), together, strict=True):
        assert (one != other).mean() < 1e-3 if one.size else True
    boxes = frames[0].boxes.boxes_xyxy / [60, 40, 60, 40] * 64
    with torch.inference_mode():
        plain = teacher.model(
            square_batch([frames[0].image], 64, torch.device("cpu")),
            input_boxes=torch.tensor(boxes[:1], dtype=torch.float32)[None],
            multimask_output=False,
        ).pred_masks[0, :, 0]
    wanted = torch.nn.functional.interpolate(plain[None], (40, 60), mode="bilinear")[0, 0] > 0
    assert (wanted.numpy() != together[0][0]).mean() < 1e-3


def test_boxes_beyond_memory_are_halved() -> None:
    teacher = Sam2Masks(tiny_sam(), name="tiny")
    teacher.boxes_at_once = 8
    calls, forward = [], teacher.model.forward

    def small_device(*args: object, **words: object) -> object:
        calls.append(words["input_boxes"].shape[1])
        if calls[-1] > 2:
            raise torch.OutOfMemoryError("out of memory")
        return forward(*args, **words)

    teacher.model.forward = small_device
    (masks,) = teacher.masks([frame(1, [1, 2, 3, 4, 5])])
    assert masks.shape[0] == 5
    assert calls == [5, 4, 2, 2, 1]
    with pytest.raises(DeviceMemoryError, match="does not hold a single frame"):
        halve_when_full(lambda size: (_ for _ in ()).throw(torch.OutOfMemoryError()), 4, "frame")


def test_video_mode_prompts_on_key_frames_and_for_new_objects() -> None:
    teacher = Sam2VideoMasks(tiny_sam_video(), name="tiny", key_every=3)
    prompts = []
    add = teacher._prompt
    teacher._prompt = lambda session, place, name, box: (
        prompts.append((place, name)) or add(session, place, name, box)
    )
    frames = [frame(1, [7, 8]), frame(2, [7, 9]), frame(3, []), frame(4, [7]), frame(5, [-1, -1])]
    shapes = [masks.shape[0] for masks in teacher.masks(frames)]
    assert shapes == [2, 2, 0, 1, 2]
    assert prompts[:4] == [(0, 7), (0, 8), (1, 9), (0, 7)]
    assert len(prompts) == 6  # boxes without identity prompt for themselves
    with pytest.raises(UsageError, match="key_every"):
        Sam2VideoMasks(teacher.model, name="tiny", key_every=0)


def test_depth_anything_frame_by_frame() -> None:
    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=70, out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
    )  # fmt: skip
    sizes = {"reassemble_hidden_size": 16, "neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8}
    model = DepthAnythingForDepthEstimation(DepthAnythingConfig(backbone_config=backbone, **sizes)).eval()
    teacher = DepthAnythingTeacher(model, name="tiny", licence="none", input_size=28)
    depth = teacher.depth(frame(1, []))
    assert depth.shape == (40, 60)
    assert teacher.kind is DepthKind.RELATIVE_INVERSE


def test_depth_maps_of_the_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "maps" / "a"
    folder.mkdir(parents=True)
    values = np.zeros((40, 60), np.uint16)
    values[:20] = 2500
    cv2.imwrite(str(folder / "000001.png"), values)
    maps = DepthMapFolder(tmp_path / "maps", "a")
    depth = maps.depth(frame(1, []))
    assert maps.kind is DepthKind.METRIC
    assert depth[0, 0] == 2.5
    assert np.isnan(depth[30, 0])
    assert np.isnan(maps.depth(frame(2, []))).all()
    (folder / "depth.json").write_text('{"depth_kind": "relative_inverse", "scale": 2}')
    assert DepthMapFolder(folder, "a").depth(frame(1, []))[0, 0] == 5000
    (folder / "depth.json").write_text('{"depth_kind": "furlongs"}')
    with pytest.raises(DataError, match=r"depth.json: not a description of depth maps"):
        DepthMapFolder(folder, "a")
    (folder / "depth.json").unlink()
    cv2.imwrite(str(folder / "000001.png"), values.astype(np.uint8))
    with pytest.raises(DataError, match=r"expected one channel of 16 bit, found uint8"):
        DepthMapFolder(folder, "a").depth(frame(1, []))
    with pytest.raises(DataError, match="holds no depth maps of b"):
        DepthMapFolder(tmp_path / "nowhere", "b")


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_missing_weights_say_what_to_get_and_where_to_put_it(name: str, tmp_path: Path) -> None:
    entry = WEIGHTS[name]
    with pytest.raises(DataError) as caught:
        find_weights(name, tmp_path)
    for words in (entry.file, f"{entry.size_mb} MB", entry.licence, entry.url, str(tmp_path), "--download"):
        assert words in str(caught.value)


def test_weights_of_another_model_or_torn_ones_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sam2.1-hiera-tiny"
    tiny_sam().save_pretrained(folder)
    plan = TeacherPlan("sam2.1-hiera-tiny", "synthetic", weights=str(tmp_path), device="cpu")
    factory = TeacherFactory(plan)
    assert factory.settings()["mask_weights"]
    assert factory.plan.licences() == {"sam2.1-hiera-tiny": "Apache-2.0"}
    config = json.loads((folder / "config.json").read_text())
    config["mask_decoder_config"]["mlp_dim"] = 48
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"sam2\.1-hiera-tiny: weights cannot be loaded"):
        TeacherFactory(plan)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"weights cannot be loaded.*truncated\?"):
        TeacherFactory(plan)


def test_synthetic_teacher_repeats_its_noise_and_says_what_is_missing(tmp_path: Path) -> None:
    world = make_world(tmp_path / "a", 2)
    boxed = find_jobs([str(world)])[0].boxes.at(1)
    given = BoxedFrame(1, np.zeros((64, 96, 3), np.uint8), boxed)
    anonymous = BoxedFrame(1, given.image, FrameBoxes(boxed.boxes_xyxy, np.full(3, -1), boxed.class_id))
    for noise in (SyntheticNoise(), SyntheticNoise(mask_px=3, seed=5)):
        first, second = (next(SyntheticMasks(world, "a", noise).masks([given])) for _ in range(2))
        np.testing.assert_array_equal(first, second)
    exact = SyntheticMasks(world, "a", SyntheticNoise())
    np.testing.assert_array_equal(next(exact.masks([given])), next(exact.masks([anonymous])))
    with pytest.raises(DataError, match="no annotations of a synthetic world"):
        SyntheticMasks(tmp_path / "b", "b", SyntheticNoise())
    bare = make_world(tmp_path / "bare", 2, masks=False)
    with pytest.raises(DataError, match="annotations without masks"):
        SyntheticMasks(bare, "bare", SyntheticNoise())
    with pytest.raises(UsageError, match="depth_rel"):
        SyntheticNoise(depth_rel=-1)


def test_wrong_words_are_refused() -> None:
    for words, message in [
        ({"masks": "sam3"}, "masks: expected one of sam2.1-hiera-tiny"),
        ({"depth": "midas"}, "depth: expected one of vda-small"),
        ({"input_size": 3}, "input_size"),
    ]:
        with pytest.raises(UsageError, match=message):
            TeacherPlan(**words)
    with pytest.raises(UsageError, match="device"):
        pick_device("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="0 CUDA devices"):
            pick_device("cuda:3")
    assert box_masks(np.zeros((0, 4)), (3, 3)).shape == (0, 3, 3)
