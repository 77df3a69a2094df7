"""The second table of `deptr experiment ablation`: what depth and `L_align` do while the encoder learns.

`L_align` teaches the encoder, so it needs one that moves: encoder, decoder and depth module learn
from the backbone's maps, which are computed once. Every arm starts from the same detector and sees the same
images in the same order.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.modeling_outputs import BackboneOutput

from deptr.detector.device import pick_device
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.outputs import named_outputs
from deptr.detector.postprocess import RawOutput, to_detections
from deptr.detector.preprocess import preprocessing_of
from deptr.evaluation.tables import Table
from deptr.experiments.depth_students import SHARE
from deptr.experiments.detector_ablation import depth_shares, scale_of, whole_frames
from deptr.experiments.frozen_features import Features, backbone_maps, fingerprint, seen_once
from deptr.experiments.paired import Shares, paired_gap, seed_gap, spread
from deptr.files import atomic_path
from deptr.progress import Progress, SilentProgress
from deptr.training.auxiliary import DenseAuxiliaryHead
from deptr.training.builder import build_detector
from deptr.training.config import OptimizerSettings, TrainSettings
from deptr.training.criterion import DepTRCriterion, total_loss
from deptr.training.data import ExampleStream
from deptr.training.evaluate import average_precision
from deptr.training.schedule import AveragedWeights, rate_factor
from deptr.training.sources import evaluation_sets, training_mixture
from deptr.training.targets import targets_of

DEPTH_RATE = 5.0  # of the depth module, against the parts that have learnt before
SCORES = ("AP50", "AP75")
SHARES = ("relative error", "order at overlaps")
EVALUATED = 10  # images at a time


@dataclass(frozen=True)
class Arm:
    """Weights of the losses about depth.

    Attributes:
        depth: Of `L_depth`.
        align: Of the dense form of `L_align`.
    """

    depth: float = 1.0
    align: float = 0.5


ARMS: Mapping[str, Arm] = {
    "depth and L_align": Arm(),
    "depth without L_align": Arm(align=0.0),
    "boxes alone": Arm(depth=0.0, align=0.0),
}


class Replayed(nn.Module):
    """In place of a backbone: hands out the maps that it gave, for images named by their numbers."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features

    def forward(self, numbers: Tensor, **_: Any) -> BackboneOutput:
        """Maps of the images ``(B,)``."""
        return BackboneOutput(feature_maps=tuple(self.features.maps(numbers.cpu().numpy(), numbers.device)))


class Alignment:
    """A detector, its backbone's maps of training and held-out images, and what learns behind them.

    Args:
        base: ``model.start`` is the detector, ``data`` the images, ``optimizer`` and ``loss`` how it learns.
        folder: Maps and finished networks are kept here; a second run goes on from them.
        images: How many training images.
        progress: Told while images are looked at.
    """

    def __init__(
        self, base: TrainSettings, folder: str | Path, images: int, progress: Progress | None = None
    ) -> None:
        self.base, self.folder, self.images = base, Path(folder), images
        self.device = pick_device(base.run.device)
        model: Any = build_detector(base.model)
        self.model: DepTRForObjectDetection = model.to(self.device).eval()
        self.size = base.data.sizes[0][0], base.data.sizes[0][1]
        self.settings = preprocessing_of(model.config).at(self.size)
        mixture = training_mixture(base)
        draw = ExampleStream(mixture, base.data, images, aspect=self.settings.aspect).__getitem__
        self.frames = [frame for part in evaluation_sets(base).values() for frame in part]
        held_out = whole_frames(self.frames, self.size)
        see, size = backbone_maps(self.model), f"{self.size[1]}x{self.size[0]}"
        name = f"maps-train-{size}-{base.data.seed}"
        self.train = seen_once(folder, name, model, see, draw, count=images, progress=progress)
        self.test = seen_once(
            folder, f"maps-test-{size}", model, see, held_out, count=len(held_out), progress=progress
        )

    def figures(self, arm: Arm, seed: int) -> tuple[dict[str, float], dict[str, tuple[Any, Any]]]:
        """AP, and numerators and denominators of the depth figures by image, of one network that learnt."""
        return self.judged(self._learnt(arm, seed))

    def judged(self, model: DepTRForObjectDetection) -> tuple[dict[str, float], dict[str, tuple[Any, Any]]]:
        """The figures of a network."""
        model = copy.deepcopy(model).eval()
        model.model.backbone.model = Replayed(self.test)
        found = []
        for start in range(0, len(self.frames), EVALUATED):
            numbers = torch.arange(start, min(start + EVALUATED, len(self.frames)), device=self.device)
            with torch.no_grad():
                values = [value.cpu().numpy() for value in named_outputs(model(numbers), model.config)]
            for index, frame in enumerate(self.frames[start : start + len(numbers)]):
                raw, shape = RawOutput(*(value[index] for value in values)), frame.image.shape[:2]
                scale = scale_of(frame, self.size)
                found.append(
                    to_detections(
                        raw,
                        scale,
                        (shape[0], shape[1]),
                        self.settings,
                        min_score=0.01,
                        focal_px=frame.focal_px,
                    )
                )
        return average_precision(self.frames, found), depth_shares(self.frames, found)

    def _learnt(self, arm: Arm, seed: int) -> DepTRForObjectDetection:
        model = copy.deepcopy(self.model)
        torch.manual_seed(seed)  # of denoising queries, too
        if self.base.model.fresh_depth:
            model.renew_depth()
        model.to(self.device)
        model.model.backbone.model = Replayed(self.train)
        rule, batch = self.base.optimizer, self.base.data.batch_size
        budget = f"{self.images}-{rule.steps}x{batch}-{rule.learning_rate:g}"
        mark = f"{fingerprint(self.model)}-{arm.depth:g}-{arm.align:g}-{budget}-{seed}"
        path = self.folder / f"encoder-{mark}.safetensors"
        if path.is_file():
            model.load_state_dict(load_file(path, device=str(self.device)), strict=False)
            return model
        state = self._learn(model, arm, seed)
        with atomic_path(path) as temporary:
            save_file({name: value.clone().contiguous() for name, value in state.items()}, temporary)
        model.load_state_dict(state)
        return model

    def _learn(self, model: DepTRForObjectDetection, arm: Arm, seed: int) -> dict[str, Tensor]:
        """The averaged weights at the end of the training."""
        loss, rule = self.base.loss, self.base.optimizer
        criterion = DepTRCriterion(model.config, depth_weight=arm.depth, label_std=loss.label_std)
        dense = DenseAuxiliaryHead(model.config, weight=loss.dense, depth_weight=arm.align).to(self.device)
        criterion.to(self.device)
        optimizer = _optimizer(model, dense, rule)
        rng = np.random.default_rng([seed, 6])
        own = rng.permutation(len(self.train))[: round(SHARE * len(self.train))]
        average = AveragedWeights(model, rule.ema_decay)
        model.train()
        for step in range(rule.steps):
            rows = rng.choice(own, min(self.base.data.batch_size, len(own)), replace=False)
            targets = targets_of([self.train.examples[row] for row in rows]).to(self.device)
            output = model(torch.from_numpy(rows).to(self.device), targets.per_image())
            terms = criterion(output, targets) | dense(list(output.encoder_maps), targets)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate_factor(step, rule)
            optimizer.zero_grad(set_to_none=True)
            total_loss(list(terms.values())).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), rule.clip_norm)
            optimizer.step()
            average.update(model, step)
        return average.state


def _optimizer(model: nn.Module, dense: nn.Module, rule: OptimizerSettings) -> torch.optim.AdamW:
    parts: dict[bool, list[nn.Parameter]] = {True: list(dense.parameters()), False: []}
    for name, parameter in model.named_parameters():
        parts[name.startswith("depth_head")].append(parameter)
    groups = [
        {"params": parts[fresh], "peak": rule.learning_rate * (DEPTH_RATE if fresh else 1.0)}
        for fresh in (True, False)
    ]
    return torch.optim.AdamW(groups, lr=rule.learning_rate, weight_decay=rule.weight_decay)


def alignment_table(
    base: TrainSettings,
    folder: str | Path,
    *,
    images: int = 800,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    arms: Mapping[str, Arm] = ARMS,
    progress: Progress | None = None,
) -> Table:
    """Boxes and depth of each arm over the seeds, and what each differs by from the first.

    Args:
        base: See `Alignment`.
        folder: See `Alignment`.
        images: See `Alignment`.
        seeds: Each trains every arm once, on its own four fifths of the images.
        arms: Name to arm; the first is what the others are compared with.
        progress: Told after each training.
    """
    told = progress or SilentProgress()
    work = Alignment(base, folder, images, told)
    scores: dict[str, dict[str, Any]] = {}
    depths: dict[str, dict[str, Shares]] = {}
    for done, (name, arm) in enumerate(arms.items()):
        each = []
        for number, seed in enumerate(seeds, start=1):
            each.append(work.figures(arm, seed))
            told.update(done * len(seeds) + number, len(arms) * len(seeds), arm=name)
        scores[name] = {key: np.array([own[key] for own, _ in each]) for key in SCORES}
        depths[name] = {
            key: Shares(*(np.stack([own[key][side] for _, own in each]) for side in (0, 1))) for key in SHARES
        }
    return _table(work, scores, depths, arms)


def _table(
    work: Alignment,
    scores: Mapping[str, Mapping[str, Any]],
    depths: Mapping[str, Mapping[str, Shares]],
    arms: Mapping[str, Arm],
) -> Table:
    rule, first = work.base.optimizer, next(iter(arms))
    seeds, fresh = len(scores[first]["AP50"]), "a fresh " if work.base.model.fresh_depth else ""
    table = Table(
        "While the encoder learns",
        [
            "learns",
            "AP50",
            "difference",
            "AP75",
            "difference",
            "rel. error",
            "difference",
            "order at overlaps",
        ],
        note=f"Encoder, decoder and {fresh}depth module behind the backbone's kept maps (weights "
        f"{fingerprint(work.model)}): {rule.steps} steps "
        f"of {work.base.data.batch_size} images of {work.size[1]}x{work.size[0]} out of {work.images}, "
        f"{seeds} seeds, {len(work.frames)} held-out images. Mean ± standard deviation "
        "over seeds; difference from the first row with its 95 % interval (AP: Student's over the seeds; "
        "error: images and seeds drawn anew), * where it excludes zero.",
    )
    for name, arm in arms.items():
        row = [name]
        for key in SCORES:
            gap = "-" if name == first else seed_gap(scores[name][key], scores[first][key]).text()
            row += [spread(scores[name][key]), gap]
        error, order = (depths[name][key] for key in SHARES)
        if arm.depth:
            gap = "-" if name == first else paired_gap(error, depths[first][SHARES[0]]).text()
            row += [spread(error.by_seed()), gap, spread(order.by_seed())]
        table.rows.append(row if arm.depth else [*row, "-", "", "-"])
    precision, own = work.judged(work.model)
    error, order = (own[key][0].sum() / own[key][1].sum() for key in SHARES)
    cells = [
        f"{precision['AP50']:.3f}",
        "",
        f"{precision['AP75']:.3f}",
        "",
        f"{error:.3f}",
        "",
        f"{order:.3f}",
    ]
    table.rows.append(["the detector before", *cells])
    return table
