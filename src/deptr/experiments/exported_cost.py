"""What exported files of a detector cost and lose: time of a frame, time by kind of node, AP50 by set."""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deptr.detector.inference import Detector
from deptr.detector.onnx_session import open_session
from deptr.evaluation.tables import Table
from deptr.records import FloatArray, LabelledFrame
from deptr.training.evaluate import average_precision, match_depths

KINDS = 14  # kinds of nodes with a row of their own
PROFILED = 10  # runs whose nodes are timed
WARM_UP = 2


def time_table(files: Mapping[str, Path], *, repeats: int = 20, size: tuple[int, int] = (384, 640)) -> Table:
    """Time of one frame of each file, all files in turn in one process.

    Args:
        files: Name to ``.onnx``.
        repeats: Timed runs of each.
        size: Height and width of the input.
    """
    image = noise(size)
    threads = (1, 2)
    runs = {
        (name, n): open_session(path, threads=n, device="cpu")
        for name, path in files.items()
        for n in threads
    }
    wall: dict[Any, list[float]] = defaultdict(list)
    processor: dict[Any, list[float]] = defaultdict(list)
    for repeat in range(repeats + WARM_UP):
        for key, session in runs.items():
            start, busy = time.perf_counter(), time.process_time()
            session.run(None, {"pixel_values": image})
            if repeat >= WARM_UP:
                wall[key].append((time.perf_counter() - start) * 1e3)
                processor[key].append((time.process_time() - busy) * 1e3)
    table = Table(
        f"One frame of {size[1]}x{size[0]}",
        ["file", "MB", "1 thread: processor ms", "fastest", "2 threads: ms", "fastest"],
        note=f"Median and fastest of {repeats} runs of each file in turn in one process. Processor time "
        "leaves out what other work takes from this one; time on two threads does not.",
    )
    for name, path in files.items():
        one, two = processor[name, 1], wall[name, 2]
        figures = [np.median(one), min(one), np.median(two), min(two)]
        size_mb = path.stat().st_size / 1e6
        table.rows.append([name, f"{size_mb:.1f}", *(f"{value:.1f}" for value in figures)])
    return table


def node_table(files: Mapping[str, Path], *, size: tuple[int, int] = (384, 640)) -> Table:
    """How many nodes of each kind ONNX Runtime runs, and how long they take together on one thread."""
    found = {name: _profile(path, noise(size)) for name, path in files.items()}
    totals = {
        kind: sum(own.get(kind, (0, 0.0))[1] for own in found.values())
        for own in found.values()
        for kind in own
    }
    kinds = sorted(totals, key=lambda kind: -totals[kind])[:KINDS]
    heads = ["kind"]
    for name in files:
        heads += [f"{name}: nodes", "ms"]
    table = Table(
        "By kind of node",
        heads,
        note="ONNX Runtime's own profile on one thread: sum over the nodes of each one's fastest of "
        f"{PROFILED} runs, after what the runtime fuses.",
    )
    for kind in kinds:
        row = [kind]
        for own in found.values():
            count, spent = own.get(kind, (0, 0.0))
            row += [str(count), f"{spent:.1f}"] if count else ["-", "-"]
        table.rows.append(row)
    rest = ["all others"], ["all"]
    for own in found.values():
        for row, chosen in zip(rest, (set(own) - set(kinds), set(own)), strict=True):
            row += [str(sum(own[kind][0] for kind in chosen)), f"{sum(own[kind][1] for kind in chosen):.1f}"]
    table.rows.extend(rest)
    return table


def loss_table(files: Mapping[str, Path], sets: Mapping[str, Sequence[LabelledFrame]]) -> Table:
    """Person AP50 and depth error of each file on each set, and how far the others are from the first."""
    detectors = {name: Detector.from_pretrained(path, device="cpu") for name, path in files.items()}
    return compared("AP50 and depth error", detectors, sets)


def shape_table(
    path: Path, sets: Mapping[str, Sequence[LabelledFrame]], size: tuple[int, int] = (384, 640)
) -> Table:
    """The same of one file: every image in an input of that size, or each in an input of its own shape."""
    detectors = {
        f"in {size[1]}x{size[0]}": Detector.from_pretrained(path, device="cpu", size=(size[1], size[0])),
        "in the image's shape": Detector.from_pretrained(path, device="cpu"),
    }
    return compared("Shape of the input", detectors, sets)


def shape_time_table(
    path: Path,
    *,
    repeats: int = 20,
    sizes: Sequence[tuple[int, int]] = ((384, 640), (416, 576), (480, 512), (640, 384), (256, 864)),
) -> Table:
    """Time of one frame in inputs of several shapes, in turn in one process: each follows another shape."""
    session = open_session(path, threads=1, device="cpu")
    images = {size: noise(size) for size in sizes}
    spent: dict[tuple[int, int], list[float]] = defaultdict(list)
    for repeat in range(repeats + WARM_UP):
        for size, image in images.items():
            busy = time.process_time()
            session.run(None, {"pixel_values": image})
            if repeat >= WARM_UP:
                spent[size].append((time.process_time() - busy) * 1e3)
    table = Table(
        "One frame by shape of the input",
        ["input", "pixels", "processor ms", "fastest"],
        note=f"{path.stem}, one thread; median and fastest of {repeats} runs.",
    )
    for size, values in spent.items():
        figures = [f"{np.median(values):.1f}", f"{min(values):.1f}"]
        table.rows.append([f"{size[1]}x{size[0]}", str(size[0] * size[1]), *figures])
    return table


def compared(
    title: str, detectors: Mapping[str, Detector], sets: Mapping[str, Sequence[LabelledFrame]]
) -> Table:
    """Person AP50 and depth error of each detector on each set, and how far the others are from the first."""
    first, *others = detectors
    differences = [f"{name} - {first}" for name in others]
    table = Table(
        title,
        ["set", "images", *detectors, *differences, *(f"depth error: {name}" for name in detectors)],
        note="The same held-out images; depth error: mean relative error of matched detections.",
    )
    sums: list[list[float]] = []
    for name, frames in sets.items():
        scores, errors = [], []
        for detector in detectors.values():
            found = [detector(frame.image, min_score=0.01, focal_px=frame.focal_px) for frame in frames]
            scores.append(average_precision(frames, found)["AP50"])
            own = match_depths(frames, found)
            off = np.abs(own.predicted - own.true) / own.true
            errors.append(float(off.mean()) if len(off) else float("nan"))
        sums.append(scores + errors)
        table.rows.append([name, str(len(frames)), *_loss_cells(scores, errors)])
    means = [float(np.mean(column[np.isfinite(column)])) if np.isfinite(column).any() else float("nan")
             for column in np.array(sums).T]  # fmt: skip
    count = str(sum(len(frames) for frames in sets.values()))
    table.rows.append(["mean", count, *_loss_cells(means[: len(detectors)], means[len(detectors) :])])
    return table


def _loss_cells(scores: Sequence[float], errors: Sequence[float]) -> list[str]:
    cells = [f"{score:.3f}" for score in scores] + [f"{score - scores[0]:+.3f}" for score in scores[1:]]
    return cells + ["-" if np.isnan(error) else f"{error:.3f}" for error in errors]


def noise(size: tuple[int, int]) -> FloatArray:
    """A normalised image that means nothing: time does not depend on what is to see."""
    return np.random.default_rng(0).standard_normal((1, 3, *size), dtype=np.float32)


def _profile(path: Path, image: FloatArray) -> dict[str, tuple[int, float]]:
    """Kind of node to how many there are and their milliseconds."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "nodes")
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for _ in range(PROFILED):
            session.run(None, {"pixel_values": image})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    each: dict[tuple[str, str], float] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
            key = event["args"]["op_name"], event["name"]
            each[key] = min(each.get(key, np.inf), event["dur"] / 1e3)
    kinds: dict[str, tuple[int, float]] = {}
    for (kind, _), spent in each.items():
        count, total = kinds.get(kind, (0, 0.0))
        kinds[kind] = count + 1, total + spent
    return kinds
