"""What detectors say of the worlds: states and depths at given boxes, and detections of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deptr.boxes import paired_iou
from deptr.detector.looks import LooksReader
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.experiments.end_to_end.arms import (
    DEPTHS,
    DISTILLED,
    NO_DEPTH,
    NOTHING,
    OWN,
    PLAIN,
    RELEASED,
    SHUFFLED,
    TRUE,
    View,
)
from deptr.experiments.end_to_end.detectors import opened
from deptr.experiments.end_to_end.rendering import JITTERS, Filmed, World, filmed
from deptr.files import atomic_path
from deptr.records import FloatArray, IntArray
from deptr.synth.detections import DETECTED_VISIBILITY, DetectionNoise
from deptr.tracking.learned.observations import observe
from deptr.training.identity.detections import Clip, with_depth
from deptr.training.identity.sightings import clip_of, load_clips, save_clips, states_of

ROUND = 32  # given boxes of a batch are padded to multiples of this
TRUE_STD = 0.02


@dataclass(frozen=True)
class Given:
    """Given boxes of one world and what the detectors say there.

    Attributes:
        rate: Frames per second.
        size: Width and height.
        counts: ``(T,)`` boxes of each frame.
        boxes: ``(M, 4)``.
        scores: ``(M,)``.
        identities: ``(M,)`` from 0.
        true_boxes: ``(M, 4)``.
        true_depth: ``(M,)`` metres.
        states: By detector, ``(M, S)``.
        log_z: By detector, ``(M,)`` logarithm of canonical depth.
        std: By detector, ``(M,)`` its deviation.
    """

    rate: float
    size: tuple[float, float]
    counts: IntArray
    boxes: FloatArray
    scores: FloatArray
    identities: IntArray
    true_boxes: FloatArray
    true_depth: FloatArray
    states: dict[str, FloatArray]
    log_z: dict[str, FloatArray]
    std: dict[str, FloatArray]

    @property
    def frames(self) -> IntArray:
        """``(M,)`` frame of each box, from 0."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def depth(self, word: str) -> tuple[FloatArray, FloatArray]:
        """Log depths and deviations of one of `DEPTHS`."""
        if word == NO_DEPTH:
            return np.full(len(self.boxes), np.nan), np.full(len(self.boxes), np.nan)
        if word == TRUE:
            return np.log(self.true_depth), np.full(len(self.boxes), TRUE_STD)
        if word == SHUFFLED:
            rng = np.random.default_rng(len(self.boxes))
            order = np.lexsort((rng.random(len(self.boxes)), self.frames))
            return self.log_z[PLAIN][order], self.std[PLAIN][order]
        return self.log_z[word], self.std[word]

    def clip(self, states: str, depth: str) -> Clip:
        """As a clip for training."""
        log_z, std = self.depth(depth)
        quality = paired_iou(self.boxes, self.true_boxes)
        return Clip(
            self.size,
            self.frames,
            np.arange(len(self.counts)) / self.rate,
            observe(self.boxes, self.scores, log_z, std),
            self.identities,
            self.true_boxes,
            np.log(self.true_depth),
            quality,
            self.states[states],
        )


def look(world: World, detectors: Path, scratch: Path, folder: Path) -> None:
    """Ask both detectors about the given boxes of a world; of a test for each of `JITTERS`."""
    own = filmed(world, scratch)
    for version, jitter in enumerate(JITTERS):
        if not world.test and version != world.number % 2:
            continue  # a training clip has boxes of one of both kinds
        path = folder / f"{world.name}-v{version + 1}.npz" if world.test else folder / f"{world.name}.npz"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            _save(path, _asked(own, jitter, detectors))


def _asked(own: Filmed, jitter: float, detectors: Path) -> Given:
    noise = DetectionNoise(jitter, seed=own.seed, fps=own.rate)
    columns: dict[str, list[Any]] = {name: [] for name in ("boxes", "scores", "ids", "true", "depth")}
    for frame, there in enumerate(own.bodies):
        seen = there.visibility >= DETECTED_VISIBILITY
        true, errors = there.boxes[seen], noise.box_errors(frame + 1, int(seen.sum()))
        sides = true[:, 2:] - true[:, :2]
        corner = true[:, :2] + errors[:, :2] * sides
        columns["boxes"].append(np.concatenate([corner, corner + sides * np.exp(errors[:, 2:])], axis=1))
        columns["scores"].append(0.6 + 0.39 * there.visibility[seen])
        columns["ids"].append(there.identities[seen] - 1)
        columns["true"].append(true)
        columns["depth"].append(there.depth_m[seen])
    counts = np.array([len(part) for part in columns["boxes"]])
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    height, width = own.images.shape[1:3]
    answers = {
        kind: asked(kept_open(str(detectors / kind)), own, columns["boxes"]) for kind in (PLAIN, DISTILLED)
    }
    states, log_z, std = ({kind: answer[row] for kind, answer in answers.items()} for row in range(3))
    return Given(
        own.rate,
        (float(width), float(height)),
        counts,
        joined["boxes"],
        joined["scores"],
        joined["ids"],
        joined["true"],
        joined["depth"],
        states,
        log_z,
        std,
    )


@torch.inference_mode()
def asked(
    detector: DepTRForObjectDetection, own: Filmed, boxes: list[FloatArray], *, batch: int = 6
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """States ``(M, S)``, log depths and their deviations ``(M,)`` of given boxes, frame after frame."""
    config, device = detector.config, detector.device
    height, width = own.images.shape[1:3]
    mean, std = (
        torch.tensor(values, device=device).view(1, 3, 1, 1)
        for values in (config.image_mean, config.image_std)
    )
    found: list[tuple[FloatArray, ...]] = []
    for start in range(0, len(boxes), batch):
        part = boxes[start : start + batch]
        images = torch.from_numpy(np.array(own.images[start : start + batch])).to(device)
        pixels = (images.permute(0, 3, 1, 2).float() / 255 - mean) / std
        most = -(-max(1, *(len(own) for own in part)) // ROUND) * ROUND
        given = torch.full((len(part), most, 4), 0.5)
        for row, corners in enumerate(part):
            inside = np.clip(corners / [width, height, width, height], 0, 1)
            low, high = inside[:, :2], np.maximum(inside[:, 2:], inside[:, :2] + 1e-3)
            given[row, : len(inside)] = torch.from_numpy(
                np.concatenate([(low + high) / 2, high - low], 1)
            ).float()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            answer = detector(pixels, given=given.to(device))
        assert answer.given_states is not None and answer.given_depths is not None
        assert answer.given_log_scales is not None
        values = answer.given_states, answer.given_depths[-1], answer.given_log_scales[-1]
        arrays = [value.float().cpu().numpy() for value in values]
        found += [tuple(a[row, : len(own)] for a in arrays) for row, own in enumerate(part)]
    states, log_z, scales = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return states.astype(np.float16), log_z, np.sqrt(2.0) * np.exp(scales)


def look_for_own(world: World, detector: str, scratch: Path, folder: Path) -> None:
    """Let the released detector find what it finds in a world, and read how that looks."""
    path = folder / f"{world.name}.npz"
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    own = filmed(world, scratch)
    images = [np.array(image) for image in own.images]
    found = states_of(detector, images, 0.1)
    reader = LooksReader()
    looks = [reader.looks(image, seen.xyxy) for image, seen in zip(images, found, strict=True)]
    with atomic_path(looks_file(path)) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(looks))
    height, width = own.images.shape[1:3]
    save_clips(path, [clip_of(found, own.bodies, rate=own.rate, size=(height, width))])


def looks_file(clip: Path) -> Path:
    """Where the looks ``(M, E)`` of a clip's detections lie."""
    return clip.with_name(f"{clip.stem}-looks.npy")


def clips_of(view: View, world: World, folder: Path) -> tuple[dict[str, Clip], dict[str, FloatArray]]:
    """A training clip by the words for its depth, and its states by theirs."""
    if view is View.GIVEN:
        own = read_given(folder / f"{world.name}.npz")
        return {word: own.clip(PLAIN, word) for word in DEPTHS[view]}, own.states
    (clip,) = load_clips(folder / f"{world.name}.npz")
    states = {RELEASED: clip.states, NOTHING: np.zeros_like(clip.states)}
    return {OWN: clip, NO_DEPTH: with_depth(clip, None)}, states


def _save(path: Path, own: Given) -> None:
    columns: dict[str, Any] = {
        name: getattr(own, name) for name in ("rate", "size", "counts", "scores", "identities", "true_depth")
    }
    columns |= {"boxes": own.boxes.astype(np.float32), "true_boxes": own.true_boxes.astype(np.float32)}
    for name in ("states", "log_z", "std"):
        columns |= {f"{name}/{kind}": values for kind, values in getattr(own, name).items()}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **columns)


def read_given(path: Path) -> Given:
    """What `look` wrote."""
    with np.load(path) as stored:
        columns = {name: stored[name] for name in stored.files}
    by_detector = {
        name: {key.partition("/")[2]: value for key, value in columns.items() if key.startswith(f"{name}/")}
        for name in ("states", "log_z", "std")
    }
    size = columns["size"]
    return Given(
        float(columns["rate"]),
        (float(size[0]), float(size[1])),
        columns["counts"],
        columns["boxes"],
        columns["scores"],
        columns["identities"],
        columns["true_boxes"],
        columns["true_depth"],
        by_detector["states"],
        by_detector["log_z"],
        by_detector["std"],
    )


@lru_cache(maxsize=2)
def kept_open(folder: str) -> DepTRForObjectDetection:
    """A detector that this process has open."""
    return opened(folder, "cuda" if torch.cuda.is_available() else "cpu")
