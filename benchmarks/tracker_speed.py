"""Median time of one `update` beside PyPI `trackers`, alternating in one process, and how it grows.

    python benchmarks/tracker_speed.py [--data FOLDER] [--repeats N] [--cpu]

The peers are fed the same detections of MOT17-04 from memory. Depth is the ground-plane depth of the file.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import supervision as sv

from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.registry import create_tracker

OURS = {
    "ByteTrack": ("bytetrack", "ByteTrack"),
    "OC-SORT": ("ocsort", "OC-SORT"),
    "BoT-SORT without camera motion": ("botsort", "BoT-SORT without camera motion"),
    "Likelihood, beside ByteTrack": ("likelihood", "ByteTrack"),
}
COUNTS = (10, 30, 100, 300, 1000)


def frames_of(folder: Path) -> list[sv.Detections]:
    """Detections of a sequence, frame by frame."""
    rows = np.loadtxt(folder / "det.txt", delimiter=",")
    rows[:, 4:6] += rows[:, 2:4]
    frames = []
    for frame in range(1, int(rows[:, 0].max()) + 1):
        here = rows[rows[:, 0] == frame]
        frames.append(detections(here[:, 2:6], here[:, 6], np.where(here[:, 7] > 0, here[:, 7], np.nan)))
    return frames


def detections(boxes: np.ndarray, scores: np.ndarray, depths: np.ndarray) -> sv.Detections:
    """As a detector gives them."""
    return sv.Detections(
        xyxy=boxes.astype(np.float32),
        confidence=scores.astype(np.float32),
        class_id=np.zeros(len(boxes), int),
        data={"depth": depths.astype(np.float32)},
        metadata={"depth_kind": "relative"},
    )


def peers() -> dict[str, Callable[[], object]]:
    """The peers' makers, at thresholds like ours."""
    import trackers

    return {
        "ByteTrack": lambda: trackers.ByteTrackTracker(frame_rate=30),
        "OC-SORT": lambda: trackers.OCSORTTracker(frame_rate=30),
        "BoT-SORT without camera motion": lambda: trackers.BoTSORTTracker(frame_rate=30, enable_cmc=False),
    }


def medians(
    makers: dict[str, Callable[[], object]],
    frames: list[sv.Detections],
    repeats: int,
    clock: Callable[[], float],
) -> dict[str, float]:
    """Median milliseconds of one update, the trackers taking turns at every frame."""
    times: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(repeats):
        live = {name: make() for name, make in makers.items()}
        for frame in frames:
            for name, tracker in live.items():
                start = clock()
                tracker.update(frame)  # type: ignore[attr-defined]
                times[name].append(clock() - start)
    return {name: 1e3 * float(np.median(values)) for name, values in times.items()}


def crowd(count: int, frames: int = 60) -> list[sv.Detections]:
    """That many walkers in a scene that grows with them, as dense as MOT17-04 is."""
    rng = np.random.default_rng(count)
    side = 1000 * np.sqrt(count / 40)
    corner, speed = rng.uniform(0, side, (count, 2)), rng.normal(0, 2, (count, 2))
    size = np.stack([rng.uniform(30, 60, count), rng.uniform(90, 180, count)], axis=1)
    depths = 2000 / size[:, 1]
    out = []
    for frame in range(frames):
        place = corner + speed * frame + rng.normal(0, 1.5, (count, 2))
        seen = rng.random(count) < 0.95
        boxes = np.concatenate([place, place + size], axis=1)
        scores = rng.uniform(0.3, 1.0, count)
        out.append(detections(boxes[seen], scores[seen], depths[seen] * rng.normal(1, 0.03, seen.sum())))
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("DEPTR_DATA"))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--cpu", action="store_true", help="processor time, for a busy machine")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu else time.perf_counter
    if arguments.data is None:
        parser.error("set DEPTR_DATA or give --data: the folder that holds mot17/MOT17-04")
    frames = frames_of(Path(arguments.data) / "mot17" / "MOT17-04")
    their = peers()
    print(f"MOT17-04: {len(frames)} frames, {np.mean([len(frame) for frame in frames]):.0f} detections each")
    print("| tracker | peer ms | ours ms | share | with depth ms | share |\n|---|---|---|---|---|---|")
    for title, (name, peer) in OURS.items():
        result = medians(
            {
                "peer": their[peer],
                "none": lambda name=name: create_tracker(name, depth=DepthFusion.none()),
                "adaptive": lambda name=name: create_tracker(name),
            },
            frames,
            arguments.repeats,
            clock,
        )
        theirs, none, adaptive = result["peer"], result["none"], result["adaptive"]
        ours = f"{none:.2f} | {none / theirs:.2f} | {adaptive:.2f} | {adaptive / theirs:.2f}"
        print(f"| {title} | {theirs:.2f} | {ours} |", flush=True)
    print("\n| objects | " + " | ".join(str(count) for count in COUNTS) + " |\n" + "|---" * 6 + "|")
    for name in ("sort", "bytetrack", "ocsort", "botsort", "hybridsort", "likelihood"):
        for label, depth in (("none", DepthFusion.none()), ("adaptive", None)):
            row = []
            for count in COUNTS:
                make = {name: lambda name=name, depth=depth: create_tracker(name, depth=depth)}
                row.append(medians(make, crowd(count), 1, clock)[name])
            print(f"| {name}, {label} | " + " | ".join(f"{value:.2f}" for value in row) + " |", flush=True)


if __name__ == "__main__":
    main()
