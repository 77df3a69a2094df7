"""Median processor time of `deptr.depth_in_boxes` and `deptr.depth_from_points`, alternating in one process.

    python benchmarks/depth_in_boxes.py [--repeats N]
    python benchmarks/depth_in_boxes.py --accuracy [--scenes N]

Maps: 20 boxes before a wall, in 640x480 and 1920x1080. Points: 1,000,000 around the scanner, as one turn of
it gives them, and all in front of the camera; 50 boxes in 1920x1080. With ``--accuracy``: how often boxes of
synthetic crowds get the depth of another object, two frames of each scene.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np

import deptr
from deptr.synth.depth_sensor import DepthSensor
from deptr.synth.scene import Scene, SceneOptions
from deptr.synth.truth import FrameTruth

POINTS = 1_000_000
REPORTED = 2_200_000  # seeds of scenes on which nothing was chosen
WRONG = 0.15  # relative error from which a depth is that of something else


def boxes_in(size: tuple[int, int], count: int, rng: np.random.Generator) -> np.ndarray:
    """Boxes of people of many heights, some before others, ``(count, 4)``."""
    width, height = size
    tall = rng.uniform(0.15, 0.6, count) * height
    left, top = rng.uniform(0, width - 0.4 * tall), rng.uniform(0, height - tall)
    return np.stack([left, top, left + 0.4 * tall, top + tall], axis=1)


def map_call(size: tuple[int, int], count: int) -> Callable[[], object]:
    """Reading boxes in a map in which each is filled by somebody, the nearer before the farther."""
    rng = np.random.default_rng(0)
    boxes = boxes_in(size, count, rng)
    depth = np.full(size[::-1], 20.0, np.float32)
    depth += rng.normal(0, 0.05, depth.shape).astype(np.float32)
    for metres, box in zip(np.linspace(15, 3, count), boxes.astype(int), strict=True):
        shape = depth[box[1] : box[3], box[0] : box[2]].shape
        depth[box[1] : box[3], box[0] : box[2]] = metres + rng.normal(0, 0.02, shape)
    return lambda: deptr.depth_in_boxes(depth, boxes)


def points_call(count: int, *, around: bool) -> Callable[[], object]:
    """Boxes in the points of a scanner, in the camera's own axes."""
    rng = np.random.default_rng(1)
    size = (1920, 1080)
    camera = deptr.Camera.of_focal(1000.0, size)
    boxes = boxes_in(size, count, rng)
    angle = rng.uniform(-np.pi, np.pi, POINTS) if around else rng.uniform(-0.7, 0.7, POINTS)
    away, down = rng.uniform(3, 30, POINTS), rng.uniform(-0.5, 0.5, POINTS)
    points = np.stack([away * np.sin(angle), away * down, away * np.cos(angle)], axis=1).astype(np.float32)
    return lambda: deptr.depth_from_points(points, boxes, camera)


def crowds(count: int) -> Iterator[tuple[FrameTruth, np.ndarray, np.ndarray]]:
    """Frames of crowds that nothing was chosen on: the truth, its exact depth map and a stereo camera's."""
    for seed in range(REPORTED, REPORTED + count):
        scene = Scene(seed, SceneOptions(size=(384, 640), frames=40, level=1 + seed % 3))
        for frame in (8, 28):
            truth = scene.frame(frame, dense=True)
            exact = truth.dense_depth()
            yield (
                truth,
                exact,
                DepthSensor(seed=seed).measure(exact, focal_px=truth.camera.focal_px, frame=frame),
            )


def covered(boxes: np.ndarray) -> np.ndarray:
    """Which boxes share more than a tenth with another one, ``(N,)``."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    np.fill_diagonal(shared, 0)
    return np.asarray(shared.max(1, initial=0) > 0.1 * (boxes[:, 2:] - boxes[:, :2]).prod(1))


def accuracy(scenes: int) -> None:
    """Print how often depths are wrong, with true boxes and with boxes that are off."""
    found: dict[tuple[str, float], list[np.ndarray]] = {}
    for truth, exact, stereo in crowds(scenes):
        rows = np.flatnonzero(truth.visibility >= 0.25)
        if not len(rows):
            continue
        boxes = truth.boxes_xyxy[rows].astype(np.float64)
        right = np.array([np.nanmedian(exact[truth.mask(int(row))]) for row in rows])
        noise = np.random.default_rng(int(1000 * right.sum())).normal(size=boxes.shape)
        for jitter in (0.0, 0.05):
            size = boxes[:, 2:] - boxes[:, :2]
            corner = boxes[:, :2] + jitter * noise[:, :2] * size
            given = np.concatenate([corner, corner + size * np.exp(jitter * noise[:, 2:])], axis=1)
            for name, depth_map in (("exact", exact), ("stereo", stereo)):
                said = deptr.depth_in_boxes(depth_map, given)
                answers = np.stack([np.abs(said.depth / right - 1), covered(boxes), said.state == 0])
                found.setdefault((name, jitter), []).append(answers)
    for (name, jitter), parts in found.items():
        error, overlap, sure = np.concatenate(parts, axis=1)
        known, overlap, sure = np.isfinite(error), overlap > 0, sure > 0
        wrong = error > WRONG
        shares = {
            "median error": np.median(error[known]),
            "wrong of the covered": wrong[known & overlap].mean(),
            "sure of the covered": sure[overlap].mean(),
            "wrong of the sure": wrong[sure & overlap].mean(),
        }
        told = ", ".join(f"{what} {100 * share:.2f} %" for what, share in shares.items())
        print(
            f"{name}, boxes off by {100 * jitter:.0f} %: {len(error)} boxes, {overlap.sum()} covered; {told}"
        )


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--accuracy", action="store_true")
    parser.add_argument("--scenes", type=int, default=100)
    asked = parser.parse_args()
    if asked.accuracy:
        return accuracy(asked.scenes)
    repeats = asked.repeats
    calls = {
        "map 640x480, 20 boxes": map_call((640, 480), 20),
        "map 1920x1080, 20 boxes": map_call((1920, 1080), 20),
        "1,000,000 points around, 50 boxes": points_call(50, around=True),
        "1,000,000 points in front, 50 boxes": points_call(50, around=False),
    }
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            start = time.process_time()
            call()
            if repeat:  # the first is warming up
                spent[name].append(time.process_time() - start)
    for name, seconds in spent.items():
        low, middle, high = 1000 * np.percentile(seconds, [10, 50, 90])
        print(f"{name:<38} {middle:6.2f} ms (10 to 90 %: {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
