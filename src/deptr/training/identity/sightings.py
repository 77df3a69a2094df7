"""What a detector sees of rendered worlds: clips whose detections carry its query states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from scipy.optimize import linear_sum_assignment

from deptr.boxes import iou
from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.progress import Progress, SilentProgress
from deptr.records import FloatArray, Image, IntArray, depth_of, depth_std_of
from deptr.synth.library import split_seeds
from deptr.synth.scene import LEVELS, Scene, SceneOptions
from deptr.synth.truth import FrameTruth
from deptr.tracking.learned.observations import observe
from deptr.training.identity.detections import NOTHING, Clip

LEAST_OVERLAP = 0.5  # of a detection with the body that it is of
_BATCH = 8
PER_BODY = ("frames", "seen", "identities", "boxes", "log_z", "quality", "states")


@dataclass(frozen=True)
class SightingSettings:
    """Rendered clips in which people differ in looks, seen by a detector.

    Attributes:
        detector: Its folder or name; empty: no such clips, worlds without pictures are drawn instead.
        file: Where the clips are kept (``.npz``); made when it is missing.
        scenes: How many clips, the three levels of crowding in turn.
        frames: Of each.
        rates: Frames per second, in turn.
        size: Height and width of the pictures.
        min_score: Detections below are left out.
        workers: Processes that make them.
    """

    detector: str = ""
    file: str = ""
    scenes: int = 300
    frames: int = 24
    rates: list[float] = field(default_factory=lambda: [20.0, 10.0, 5.0, 2.5])
    size: list[int] = field(default_factory=lambda: [384, 640])
    min_score: float = 0.1
    workers: int = 2


@dataclass(frozen=True)
class Bodies:
    """Who is to be seen in one frame.

    Attributes:
        boxes: ``(N, 4)`` pixels.
        identities: ``(N,)`` from 1.
        depth_m: ``(N,)``.
        visibility: ``(N,)`` in [0, 1].
        focal_px: Of the camera.
    """

    boxes: FloatArray
    identities: IntArray
    depth_m: FloatArray
    visibility: FloatArray
    focal_px: float

    @classmethod
    def of(cls, truth: FrameTruth) -> Bodies:
        """Those of whom at least a pixel is visible."""
        shown = truth.visible_px > 0
        return cls(
            truth.boxes_xyxy[shown].astype(np.float64),
            truth.track_ids[shown],
            truth.depth_m[shown],
            truth.visibility[shown],
            float(truth.camera.focal_px),
        )


def scene_of(settings: SightingSettings, number: int) -> Scene:
    """A clip's world, of seeds that no benchmark has."""
    seed = split_seeds("train", number, 1)[0]
    rate = settings.rates[number // len(LEVELS) % len(settings.rates)]
    height, width = settings.size
    options = SceneOptions((height, width), settings.frames, rate, level=LEVELS[number % len(LEVELS)])
    return Scene(seed, options)


def rendered(scene: Scene) -> tuple[list[Image], list[Bodies]]:
    """Its pictures and who is to be seen in each."""
    frames = [scene.frame(index) for index in range(len(scene))]
    return [frame.image for frame in frames], [Bodies.of(frame) for frame in frames]


def clip_of(found: Sequence[Any], bodies: Sequence[Bodies], *, rate: float, size: tuple[int, int]) -> Clip:
    """Detections of each frame with the body that each is of.

    Args:
        found: `supervision.Detections` of each frame.
        bodies: Who is there.
        rate: Frames per second.
        size: Height and width of the pictures.
    """
    names = {name: row for row, name in enumerate(np.unique(np.concatenate([b.identities for b in bodies])))}
    rows: dict[str, list[Any]] = {name: [] for name in PER_BODY}
    for frame, (seen, there) in enumerate(zip(found, bodies, strict=True)):
        boxes = np.asarray(seen.xyxy, np.float64)
        depths = depth_of(seen).astype(np.float64)
        log_z, stds = np.log(depths), depth_std_of(seen).astype(np.float64) / depths
        overlap = iou(boxes, there.boxes)
        own, body = linear_sum_assignment(-overlap)
        good = overlap[own, body] >= LEAST_OVERLAP
        own, body = own[good], body[good]
        identities, true_boxes = np.full(len(boxes), NOTHING), boxes.copy()
        true_z, quality = np.full(len(boxes), np.nan), np.ones(len(boxes))
        identities[own] = [names[name] for name in there.identities[body]]
        true_boxes[own], true_z[own] = there.boxes[body], np.log(there.depth_m[body])
        quality[own] = overlap[own, body]
        rows["frames"].append(np.full(len(boxes), frame))
        rows["seen"].append(observe(boxes, np.asarray(seen.confidence, np.float64), log_z, stds))
        rows["states"].append(np.asarray(seen.data["query_state"], np.float16))
        for name, values in (
            ("identities", identities),
            ("boxes", true_boxes),
            ("log_z", true_z),
            ("quality", quality),
        ):
            rows[name].append(values)
    columns: dict[str, Any] = {name: np.concatenate(parts) for name, parts in rows.items()}
    return Clip((float(size[1]), float(size[0])), seconds=np.arange(len(bodies)) / rate, **columns)


def part_of(clip: Clip, first: int, count: int) -> Clip:
    """Some frames of a clip, as a clip of its own."""
    chosen = (clip.frames >= first) & (clip.frames < first + count)
    columns = {name: getattr(clip, name)[chosen] for name in PER_BODY}
    columns["frames"] = columns["frames"] - first
    return replace(
        clip,
        seconds=clip.seconds[first : first + count],
        first_frame=clip.first_frame + first,
        **columns,
    )


def save_clips(path: str | Path, clips: Iterable[Clip]) -> None:
    """Write clips to one ``.npz``, states in half precision."""
    kept = list(clips)
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(clip, name) for clip in kept]) for name in PER_BODY
    }
    columns["states"] = columns["states"].astype(np.float16)
    columns["seen"] = columns["seen"].astype(np.float32)
    columns["boxes"] = columns["boxes"].astype(np.float32)
    columns |= {
        "detections": np.array([len(clip.frames) for clip in kept]),
        "times": np.array([len(clip.seconds) for clip in kept]),
        "seconds": np.concatenate([clip.seconds for clip in kept]),
        "sizes": np.array([clip.size for clip in kept]),
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **columns)


def load_clips(path: str | Path) -> list[Clip]:
    """What `save_clips` wrote.

    Raises:
        DataError: The file is missing, damaged or something else.
    """
    try:
        with np.load(path) as stored:
            columns = {name: stored[name] for name in stored.files}
        ends, times = np.cumsum(columns["detections"]), np.cumsum(columns["times"])
        parts: dict[str, list[Any]] = {name: np.split(columns[name], ends[:-1]) for name in PER_BODY}
        seconds = np.split(columns["seconds"], times[:-1])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        expected = "clips that identity training wrote"
        raise DataError(path, "cannot be read", expected=expected, found=str(error)[:160]) from error
    return [
        Clip(
            (float(size[0]), float(size[1])),
            seconds=seconds[row],
            scene=row,
            **{name: parts[name][row] for name in PER_BODY},
        )
        for row, size in enumerate(columns["sizes"])
    ]


def sighted_clips(settings: SightingSettings, *, progress: Progress | None = None) -> list[Clip]:
    """The clips of these settings, read from their file or made and kept there.

    Raises:
        DataError: The detector or the file cannot be used.
    """
    file = Path(settings.file)
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        save_clips(file, _made(settings, progress or SilentProgress()))
    return load_clips(file)


def _made(settings: SightingSettings, progress: Progress) -> Iterator[Clip]:
    numbers = range(settings.scenes)
    if settings.workers <= 1:
        for number in numbers:
            yield sighted(settings, number)
            progress.update(number + 1, settings.scenes)
        return
    with ProcessPoolExecutor(settings.workers, get_context("spawn")) as pool:
        for number, clip in enumerate(pool.map(sighted, [settings] * settings.scenes, numbers)):
            yield clip
            progress.update(number + 1, settings.scenes)


def sighted(settings: SightingSettings, number: int) -> Clip:
    """One clip of these settings, rendered and looked at."""
    scene = scene_of(settings, number)
    images, bodies = rendered(scene)
    found = states_of(settings.detector, images, settings.min_score)
    return clip_of(found, bodies, rate=scene.options.fps, size=(settings.size[0], settings.size[1]))


def states_of(detector: str, images: Sequence[Image], min_score: float) -> list[Any]:
    """Detections of images with query states.

    Raises:
        DataError: The detector gives no states.
    """
    network, batch = _network(detector), _BATCH
    parts = [list(images[start : start + batch]) for start in range(0, len(images), batch)]
    found = [entry for part in parts for entry in network(part, min_score=min_score)]
    if any("query_state" not in entry.data for entry in found):
        hint = "take a checkpoint folder, or export it with --states"
        raise DataError(detector, "gives no query states", hint=hint)
    return found


@lru_cache(maxsize=2)
def _network(detector: str) -> Any:
    from deptr.detector.inference import Detector

    return Detector.from_pretrained(detector, threads=1)
