"""The configuration file of an identity decoder's training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deptr.errors import UsageError
from deptr.training.config import OptimizerSettings, RunSettings
from deptr.training.identity.criterion import IdentityLossSettings
from deptr.training.identity.decoder import KIND, IdentityConfig
from deptr.training.identity.examples import AugmentSettings
from deptr.training.identity.sightings import SightingSettings
from deptr.training.identity.worlds import WorldSettings
from deptr.training.recipe_files import check_limits, read_recipe, read_section


@dataclass(frozen=True)
class IdentityDataSettings:
    """How clips become batches.

    Attributes:
        worlds: Ranges from which simulated clips are drawn; of sighted ones, how many frames are taken.
        sightings: Rendered clips that a detector saw, in place of simulated ones.
        without_depth: Share of sighted clips whose depths are not shown.
        augment: Mistakes in the histories.
        batch_size: Clips per process and step.
        workers: Loader processes per training process.
        lost_seconds: Shortest and longest time that an unseen identity is remembered.
        evaluate: Clips on which each evaluation reports, never trained on.
        seed: What every random choice derives from.
    """

    worlds: WorldSettings = field(default_factory=WorldSettings)
    sightings: SightingSettings = field(default_factory=SightingSettings)
    without_depth: float = 0.2
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    batch_size: int = 6
    workers: int = 0
    lost_seconds: list[float] = field(default_factory=lambda: [1.0, 3.0])
    evaluate: int = 100
    seed: int = 0


@dataclass(frozen=True)
class JointSettings:
    """Training of the detector together with the decoder that reads its states.

    Attributes:
        enabled: Whether the loss reaches the detector; its rate is `optimizer.backbone_learning_rate`.
        keep: Weight of what must not change: boxes and scores of its detections before.
        decoder_only: Whether backbone and encoder stay as they are, which makes a step several times faster.
    """

    enabled: bool = False
    keep: float = 1.0
    decoder_only: bool = False


@dataclass(frozen=True)
class IdentityTrainSettings:
    """All of a training run.

    Attributes:
        kind: ``"identity"``, which tells this file from a detector's.
        start: Folder or exported file of a decoder to start from; empty: random weights.
        model: Shape of the decoder.
        data: Clips.
        optimizer: Rates and steps.
        loss: Weights of the terms.
        joint: Whether the detector learns as well.
        run: How the run goes about it.
    """

    kind: str = KIND
    start: str = ""
    model: IdentityConfig = field(default_factory=IdentityConfig)
    data: IdentityDataSettings = field(default_factory=IdentityDataSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loss: IdentityLossSettings = field(default_factory=IdentityLossSettings)
    joint: JointSettings = field(default_factory=JointSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain nested dictionaries, for saving beside the checkpoints."""
        return asdict(self)


def load_identity_settings(path: str | Path) -> IdentityTrainSettings:
    """Read and check a recipe.

    Raises:
        DataError: The file is missing or not TOML, or a setting cannot be meant.
    """
    return read_recipe(path, identity_settings)


def identity_settings(content: dict[str, Any]) -> IdentityTrainSettings:
    """Settings from a recipe's content.

    Raises:
        UsageError: Unknown key, wrong type or value out of range.

    Example:
        >>> identity_settings({"kind": "identity", "model": {"layers": 2}}).model.layers
        2
    """
    settings = read_section(IdentityTrainSettings, content)
    model, data = settings.model, settings.data
    if settings.joint.enabled and not (data.sightings.detector and model.state_width):
        raise UsageError("joint.enabled: needs data.sightings.detector and model.state_width")
    if settings.joint.enabled and data.evaluate:
        raise UsageError(
            "joint.enabled: needs data.evaluate = 0: kept clips say nothing of a detector that changes"
        )
    limits: list[tuple[str, Any, bool]] = [
        ("model.width", model.width, model.width % model.heads == 0),
        ("model.memory", model.memory, model.memory >= 1),
        ("data.batch_size", data.batch_size, data.batch_size >= 1),
        ("data.worlds.frames", data.worlds.frames, _range(data.worlds.frames, 2)),
        ("data.worlds.objects", data.worlds.objects, _range(data.worlds.objects, 1)),
        ("data.worlds.rates", data.worlds.rates, _range(data.worlds.rates, 0.01)),
        ("data.without_depth", data.without_depth, 0 <= data.without_depth <= 1),
        (
            "data.sightings.file",
            data.sightings.file,
            bool(data.sightings.file) == bool(data.sightings.detector),
        ),
        ("data.sightings.scenes", data.sightings.scenes, data.sightings.scenes >= 2),
        ("model.state_width", model.state_width, not model.state_width or bool(data.sightings.detector)),
        ("data.lost_seconds", data.lost_seconds, _range(data.lost_seconds, 0)),
        ("model.identities", model.identities, model.identities > data.worlds.objects[1]),
    ]
    check_limits(limits)
    return settings


def _range(values: list[float] | list[int], least: float) -> bool:
    return len(values) == 2 and least <= values[0] <= values[1]
