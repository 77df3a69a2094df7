"""Median processor time of `deptr.depth_in_boxes` and `deptr.depth_from_points`, alternating in one process.

    python benchmarks/depth_in_boxes.py [--repeats N]

Maps: 20 boxes before a wall, in 640x480 and 1920x1080. Points: 1,000,000 around the scanner, as one turn of
it gives them, and all in front of the camera; 50 boxes in 1920x1080.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import deptr

POINTS = 1_000_000


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


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
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
