"""Masks for all boxes of a frame at once beside one SAM call per box, and a training step with labels.

    python benchmarks/labelling.py [--boxes 20] [--frames 1] [--steps 6]

The mask network is SAM 2.1 hiera-tiny at 1024 px with random weights: speed does not depend on them. The
reference's way is one call of the whole network per box, which is what DepTR-MOT's code does in each training
step. Times are CPU seconds of this process, so that a busy machine does not change the ratio.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from transformers import Sam2Config, Sam2Model

from deptr.teacher.frames import BoxedFrame, FrameBoxes
from deptr.teacher.masks import Sam2Masks, full_size, square_boxes
from deptr.teacher.preprocess import square_batch
from deptr.training.builder import build_detector
from deptr.training.coco import CocoFrames
from deptr.training.config import settings_from_dict
from deptr.training.data import CocoSource
from deptr.training.trainer import Trainer

SIZE = (540, 960)


def random_frame(index: int, count: int) -> BoxedFrame:
    """A frame of noise with random boxes."""
    rng = np.random.default_rng(index)
    corners = rng.uniform(0, 400, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(30, 140, (count, 2))], 1).astype(np.float32)
    image = rng.integers(0, 255, (*SIZE, 3), np.uint8)
    return BoxedFrame(index, image, FrameBoxes(boxes, np.arange(count), np.zeros(count, np.int32)))


def box_by_box(model: Sam2Model, frame: BoxedFrame) -> np.ndarray:
    """The reference's way: the whole network for each box."""
    masks = []
    for box in frame.boxes.boxes_xyxy:
        prompt = square_boxes(box[None], SIZE, 1024)[None]
        pixels = square_batch([frame.image], 1024, torch.device("cpu"))
        with torch.inference_mode():
            answer = model(pixels, input_boxes=prompt, multimask_output=False)
        masks.append(full_size(answer.pred_masks[0, :, 0], SIZE)[0])
    return np.stack(masks)


def cpu_seconds(work: Callable[[], object]) -> tuple[float, object]:
    """CPU time of a call and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def masks(boxes: int, frames: int) -> None:
    """Seconds per frame of both ways, and whether their masks agree."""
    torch.manual_seed(0)
    model = Sam2Model(Sam2Config()).eval()
    teacher = Sam2Masks(model, name="sam2.1-hiera-tiny")
    list(teacher.masks([random_frame(0, 1)]))  # warm up
    ours, reference, disagree = [], [], []
    for index in range(1, frames + 1):
        frame = random_frame(index, boxes)
        seconds, together = cpu_seconds(lambda frame=frame: next(iter(teacher.masks([frame]))))
        ours.append(seconds)
        seconds, single = cpu_seconds(lambda frame=frame: box_by_box(model, frame))
        reference.append(seconds)
        disagree.append(np.mean(together != single))
    ratio = np.median(reference) / np.median(ours)
    at_once, singly = np.median(ours), np.median(reference)
    print(f"masks, {boxes} boxes a frame: {at_once:.2f} s all at once, {singly:.2f} s one by one")
    print(f"  {ratio:.1f} times as fast; {np.mean(disagree):.2e} of the pixels differ", flush=True)


def write_images(folder: Path, with_depth: bool) -> Path:
    """A COCO json of a few images, with depth labels or plain boxes."""
    images, objects = [], []
    for index in range(1, 5):
        frame = random_frame(index, 12)
        name = f"{index}.jpg"
        cv2.imwrite(str(folder / name), frame.image)
        images.append(
            {"id": index, "file_name": name, "width": SIZE[1], "height": SIZE[0], "focal_px": 900.0}
        )
        for box in frame.boxes.boxes_xyxy.tolist():
            wide, high = box[2] - box[0], box[3] - box[1]
            entry = {"id": len(objects) + 1, "image_id": index, "category_id": 1, "iscrowd": 0}
            entry |= {"bbox": [box[0], box[1], wide, high], "area": wide * high}
            objects.append(entry | ({"depth": 900 / high, "depth_std": 0.3} if with_depth else {}))
    categories = [{"id": 1, "name": "person"}]
    content = {"images": images, "annotations": objects, "categories": categories}
    path = folder / f"{'labels' if with_depth else 'plain'}.json"
    path.write_text(json.dumps(content | {"info": {"depth_kind": "metric"}}))
    return path


def training_step(steps: int) -> None:
    """CPU seconds per optimizer step with depth labels and with plain boxes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = {kind: write_images(folder, kind == "labels") for kind in ("plain", "labels")}
        spent: dict[str, list[float]] = {kind: [] for kind in sources}
        for turn in range(2):
            for kind, path in sources.items():
                settings = settings_from_dict(
                    {
                        "model": {"image_height": 256, "image_width": 416},
                        "data": {"train": [{"kind": "coco", "annotations": str(path)}], "sizes": [[256, 416]],
                                 "batch_size": 2},
                        "optimizer": {"steps": steps, "decay_steps": 1},
                        "run": {"device": "cpu", "log_every": 1000, "save_every": 1000},
                    }
                )  # fmt: skip
                out = folder / f"{kind}{turn}"
                trainer = Trainer(build_detector(settings.model), CocoSource(CocoFrames(path)), settings, out)
                spent[kind].append(cpu_seconds(trainer.run)[0] / steps)
    plain, labels = (min(spent[kind]) for kind in ("plain", "labels"))
    change = f"{labels / plain - 1:+.0%}"
    print(f"training step: {plain:.2f} s with plain boxes, {labels:.2f} s with depth labels ({change})")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boxes", type=int, default=20)
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    masks(chosen.boxes, chosen.frames)
    if chosen.steps:
        training_step(chosen.steps)


if __name__ == "__main__":
    main()
