"""The configuration file of a training of looks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deptr.training.config import OptimizerSettings, RunSettings
from deptr.training.recipe_files import check_limits, read_recipe, read_section

KIND = "looks"


@dataclass(frozen=True)
class LooksDataSettings:
    """Rendered crowds, of whose people thumbnails are taken.

    Attributes:
        file: Where thumbnails are kept (``.npz``); made when it is missing.
        scenes: How many crowds, the three levels of crowding in turn.
        first_scene: Number of the first.
        moments: Frames of each that are looked at.
        rates: Frames per second, in turn.
        size: Height and width of the pictures.
        least_visible: People of whom less is to be seen are left out.
        box_noise: Standard deviation of each edge, in sides of the box: detectors are not exact.
        batch_size: Scenes per process and step.
        light: Standard deviation of a person's brightness and, half of it, colour, of moment to moment.
        seed: What every random choice derives from.
    """

    file: str = "runs/looks-thumbnails.npz"
    scenes: int = 1000
    first_scene: int = 2000
    moments: list[int] = field(default_factory=lambda: [0, 3, 8, 14, 24])
    rates: list[float] = field(default_factory=lambda: [20.0, 10.0, 5.0, 2.5])
    size: list[int] = field(default_factory=lambda: [384, 640])
    least_visible: float = 0.15
    box_noise: float = 0.03
    batch_size: int = 6
    light: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class LooksTrainSettings:
    """All of a training run.

    Attributes:
        kind: ``"looks"``, which tells this file from others.
        width: Numbers of a look.
        data: Thumbnails.
        optimizer: Rates and steps.
        run: How the run goes about it.
    """

    kind: str = KIND
    width: int = 64
    data: LooksDataSettings = field(default_factory=LooksDataSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain nested dictionaries, for saving beside the checkpoints."""
        return asdict(self)


def load_looks_settings(path: str | Path) -> LooksTrainSettings:
    """Read and check a recipe.

    Raises:
        DataError: The file is missing or not TOML, or a setting cannot be meant.
    """
    return read_recipe(path, looks_settings)


def looks_settings(content: dict[str, Any]) -> LooksTrainSettings:
    """Settings from a recipe's content.

    Raises:
        UsageError: Unknown key, wrong type or value out of range.

    Example:
        >>> looks_settings({"kind": "looks", "width": 32}).width
        32
    """
    settings = read_section(LooksTrainSettings, content)
    data = settings.data
    limits: list[tuple[str, Any, bool]] = [
        ("width", settings.width, settings.width >= 2),
        ("data.scenes", data.scenes, data.scenes >= 2),
        ("data.moments", data.moments, len(data.moments) >= 2 and min(data.moments) >= 0),
        ("data.least_visible", data.least_visible, 0 < data.least_visible <= 1),
        ("data.batch_size", data.batch_size, data.batch_size >= 1),
    ]
    check_limits(limits)
    return settings
