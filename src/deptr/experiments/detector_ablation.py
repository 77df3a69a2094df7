"""`deptr experiment ablation`: which parts of the depth module earn their place (the paper's Table III).

All variants stand behind the same frozen detector, whose features of every image are computed once. So boxes
are the same for all, each variant tells of the same objects, and differences are paired object by object.
What needs an encoder that learns, `L_align`, is in `deptr.experiments.alignment_ablation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deptr.detector.device import pick_device
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.postprocess import Preprocessing, to_detections
from deptr.detector.preprocess import preprocessing_of
from deptr.evaluation.depth_metrics import order_at_overlaps
from deptr.evaluation.tables import Table
from deptr.experiments.depth_students import Form, Lessons, Student, lessons_of
from deptr.experiments.frozen_features import Features, fingerprint, queries_and_maps, seen_once
from deptr.experiments.paired import Shares, paired_gap, spread
from deptr.progress import Progress, SilentProgress
from deptr.records import LabelledFrame
from deptr.training.augment import Example, letterbox_placement, make_example
from deptr.training.builder import build_detector
from deptr.training.config import TrainSettings
from deptr.training.data import ExampleStream
from deptr.training.evaluate import match_depths
from deptr.training.sources import evaluation_sets, training_mixture

FORMS: Mapping[str, Form] = {
    "light, with deviation": Form(),
    "light, without deviation": Form(std=False),
    "deformable, with deviation": Form("deformable"),
    "light, sees the box alone": Form(blind=True),
}
FIGURES = ("relative error", "order at overlaps", "within 1 std")


@dataclass(frozen=True)
class Measure:
    """Held-out frames and what is needed to judge depth on them."""

    frames: Sequence[LabelledFrame]
    features: Features
    settings: Preprocessing

    def figures(self, student: Student) -> dict[str, tuple[Any, Any]]:
        """See `depth_shares`."""
        size = self.settings.height, self.settings.width
        found = []
        for frame, raw in zip(self.frames, student.raw_outputs(self.features), strict=True):
            shape, scale = frame.image.shape, scale_of(frame, size)
            found.append(
                to_detections(
                    raw, scale, (shape[0], shape[1]), self.settings, min_score=0.01, focal_px=frame.focal_px
                )
            )
        return depth_shares(self.frames, found)


def depth_shares(frames: Sequence[LabelledFrame], found: Sequence[Any]) -> dict[str, tuple[Any, Any]]:
    """Numerators and denominators ``(I,)`` of the depth figures of detections, image by image."""
    own, count = match_depths(frames, found), len(frames)
    off = np.abs(own.predicted - own.true)
    each = np.bincount(own.image, minlength=count).astype(float)
    right, pairs = np.zeros(count), np.zeros(count)
    for number in range(count):
        of = own.image == number
        right[number], pairs[number] = order_at_overlaps(
            own.predicted[of], own.true[of], own.image[of], own.boxes[of]
        )
    return {
        "relative error": (np.bincount(own.image, off / own.true, count), each),
        "order at overlaps": (right, pairs),
        "within 1 std": (np.bincount(own.image, off <= own.std, count), each),
    }


def scale_of(frame: LabelledFrame, size: tuple[int, int]) -> float:
    """Input pixels per pixel of a letterboxed frame."""
    return letterbox_placement((frame.image.shape[0], frame.image.shape[1]), size).scale


class Ablation:
    """A frozen detector, what it sees of training and held-out images, and students behind it.

    Args:
        base: ``model.start`` is the detector, ``data`` the images, ``optimizer`` how students learn.
        folder: Features and finished students are kept here; a second run goes on from them.
        images: How many training images.
        progress: Told while images are looked at.
    """

    def __init__(
        self, base: TrainSettings, folder: str | Path, images: int, progress: Progress | None = None
    ) -> None:
        self.base, self.folder, self.images = base, Path(folder), images
        self.device = str(pick_device(base.run.device))
        model: Any = build_detector(base.model)
        self.model: DepTRForObjectDetection = model.to(self.device).eval()
        self.size = base.data.sizes[0][0], base.data.sizes[0][1]
        settings = preprocessing_of(model.config).at(self.size)
        see = queries_and_maps(self.model, maps=True)
        mixture = training_mixture(base)
        draw = ExampleStream(mixture, base.data, images, aspect=settings.aspect).__getitem__
        name = f"train-{self.size[1]}x{self.size[0]}-{base.data.seed}"
        self.train = seen_once(folder, name, self.model, see, draw, count=images, progress=progress)
        self.lessons: Lessons = lessons_of(self.train, model.config)
        frames = [frame for part in evaluation_sets(base).values() for frame in part]
        features = seen_once(
            folder, f"test-{self.size[1]}x{self.size[0]}", self.model, see,
            whole_frames(frames, self.size), count=len(frames), progress=progress,
        )  # fmt: skip
        self.measure = Measure(frames, features, settings)

    def student(self, form: Form, seed: int) -> dict[str, tuple[Any, Any]]:
        """Figures of one student, which learns only if no earlier run's is there."""
        student = Student(form, self.model.config, seed, self.device)
        kept, batch = self.folder / f"student-{fingerprint(self.model)}", self.base.data.batch_size
        student.learn_once(kept, self.lessons, self.train, self.base.optimizer, batch)
        return self.measure.figures(student)

    def shipped(self) -> dict[str, float]:
        """Figures of the depth module that the detector came with."""
        whole = Student(Form(self.model.config.depth_head), self.model.config, 0, self.device)
        assert self.model.depth_head is not None
        whole.head = self.model.depth_head
        return {name: part.sum() / each.sum() for name, (part, each) in self.measure.figures(whole).items()}


def whole_frames(frames: Sequence[LabelledFrame], size: tuple[int, int]) -> list[Example]:
    """Frames letterboxed without augmentation."""
    placements = [letterbox_placement((f.image.shape[0], f.image.shape[1]), size) for f in frames]
    return [make_example(f, size, place) for f, place in zip(frames, placements, strict=True)]


def ablation_table(
    base: TrainSettings,
    folder: str | Path,
    *,
    images: int = 800,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    forms: Mapping[str, Form] = FORMS,
    progress: Progress | None = None,
) -> Table:
    """Depth of each form over the seeds, and what each differs by from the first.

    Args:
        base: See `Ablation`.
        folder: See `Ablation`.
        images: See `Ablation`.
        seeds: Each trains every form once, on its own four fifths of the images.
        forms: Name to form; the first is what the others are compared with.
        progress: Told after each student.
    """
    told = progress or SilentProgress()
    torch.set_num_threads(1)
    work = Ablation(base, folder, images, told)
    found: dict[str, dict[str, Shares]] = {}
    for done, (name, form) in enumerate(forms.items()):
        figures = []
        for number, seed in enumerate(seeds, start=1):
            figures.append(work.student(form, seed))
            told.update(done * len(seeds) + number, len(forms) * len(seeds), student=name)
        found[name] = {
            key: Shares(*(np.stack([own[key][side] for own in figures]) for side in (0, 1)))
            for key in FIGURES
        }
    return _table(work, found, len(seeds))


def _table(work: Ablation, found: Mapping[str, Mapping[str, Shares]], seeds: int) -> Table:
    rule, batch, measure = work.base.optimizer, work.base.data.batch_size, work.measure
    objects = int(next(iter(found.values()))["relative error"].whole[0].sum())
    shipped = work.shipped()
    table = Table(
        "Depth modules behind the same boxes",
        ["depth module", "rel. error", "difference", "order at overlaps", "difference", "within 1 std"],
        note=f"{rule.steps} steps of {batch} images of {work.size[1]}x{work.size[0]}, out of "
        f"{work.images} whose features a frozen detector (weights {fingerprint(work.model)}) gave; {seeds} "
        "seeds, each with its own four fifths of them; "
        f"{objects} objects of {len(measure.frames)} held-out composites and crowd images. Mean ± standard "
        "deviation over seeds; difference from the first row with its 95 % interval (images and seeds drawn "
        "anew, paired), * where it excludes zero.",
    )
    first = next(iter(found.values()))
    for name, own in found.items():
        row = [name]
        for key in ("relative error", "order at overlaps"):
            gap = "-" if own is first else paired_gap(own[key], first[key]).text()
            row += [spread(own[key].by_seed()), gap]
        known = own["within 1 std"].by_seed()
        table.rows.append([*row, spread(known) if known.any() else "-"])
    table.rows.append(
        [
            "as it came with the detector",
            f"{shipped['relative error']:.3f}",
            "",
            f"{shipped['order at overlaps']:.3f}",
            "",
            f"{shipped['within 1 std']:.3f}",
        ]
    )
    return table
