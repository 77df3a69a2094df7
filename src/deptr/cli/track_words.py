"""From the words of `deptr track` to a request: parameters, fusion, and how options are spelled."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deptr.cli.results import fusion_of, parameters_of_options
from deptr.errors import UsageError
from deptr.io.text_files import read_toml
from deptr.pipeline.spelling import Spelling
from deptr.tracking.depth.fusion import MODES, DepthFusion, settings_of
from deptr.tracking.registry import TRACKER_NAMES, parse_parameters, tracker_class

Parameters = dict[str, float | int | bool | str]


class Options(Spelling):
    """How the choices of a run are written on the command line.

    Example:
        >>> Options().choice("min_score", 0.8), Options().choice("overwrite", True)
        ('--min-score 0.8', '--overwrite')
        >>> Options().parameters(high_score=0.2, new_score=0.3)
        '--param high_score=0.2 --param new_score=0.3'
    """

    help = "deptr track --help"
    _names = {  # noqa: RUF012 - never changed
        "source": "SOURCE",
        "focal_px": "--focal",
        "folder": "--output",
        "maps": "--depth-maps",
        "unit": "--depth-unit",
        "max_gap": "--depth-max-gap",
        "baseline_m": "--baseline",
        "reconnect_seconds": "--reconnect",
    }

    def choice(self, name: str, value: object = None) -> str:
        """An option by the name of its argument in Python, or what to write to take `value`."""
        option = self._names.get(name, "--" + name.replace("_", "-"))
        if value is None or value is True:
            return option
        return f"{option} {value:g}" if isinstance(value, float) else f"{option} {value}"

    def parameters(self, **values: float) -> str:
        """What to write to give the tracker these parameters."""
        return " ".join(f"--param {name}={value:g}" for name, value in values.items())


def tracker_parameters(name: str, pairs: Iterable[str], config: Path | None) -> Parameters:
    """Parameters of a tracker from ``--config`` and, stronger, ``--param``.

    The TOML file holds them at the top, or in a table with the tracker's name, which is stronger; tables of
    other trackers, and ``[fusion]``, are passed over.

    Raises:
        UsageError: A name is unknown or a value out of range.
        DataError: The file cannot be read.
    """
    tracker_class(name)
    values: dict[str, object] = {}
    if config is not None:
        content = read_toml(config)
        for key, value in content.items():
            if not isinstance(value, dict):
                values[key] = value
            elif key not in (*TRACKER_NAMES, "fusion"):
                legal = ", ".join((*TRACKER_NAMES, "fusion"))
                raise UsageError(f"{config}: expected tables named {legal}, got [{key}]")
        values |= content.get(name, {})
    values |= parameters_of_options(pairs)
    return parse_parameters(name, values)


def settings_of_fusion(mode: str) -> tuple[str, ...]:
    """Names of what can be set for a kind of fusion.

    Example:
        >>> settings_of_fusion("fixed"), settings_of_fusion("none")
        (('gamma', 'scale'), ())
    """
    return tuple(setting.name for setting in settings_of(mode))


def chosen_fusion(
    mode: str | None, gamma: float | None, scale: float | None, config: Path | None
) -> DepthFusion | None:
    """Fusion of ``--fusion``, ``--gamma`` and ``--depth-scale``, or else of ``[fusion]`` in ``--config``.

    Returns:
        None when nothing is said; settings without a mode are those of adaptive fusion.

    Raises:
        UsageError: There is no such mode, or a setting is out of range or has no effect.
    """
    if gamma is not None and not 0 <= gamma <= 1:
        raise UsageError(f"--gamma: expected a number in [0, 1], got {gamma:g}")
    found = fusion_of(config)
    if mode is None or mode == found.get("mode"):
        mode = found.get("mode")
        gamma = found.get("gamma") if gamma is None else gamma
        scale = found.get("scale") if scale is None else scale
    given = {"gamma": ("--gamma", gamma), "scale": ("--depth-scale", scale)}
    settings = {name: value for name, (_, value) in given.items() if value is not None}
    if mode is None and not settings:
        return None
    mode = mode or "adaptive"
    if mode not in MODES:
        raise UsageError(f"--fusion: expected one of {', '.join(MODES)}, got {mode!r}")
    for name in settings:
        if name not in settings_of_fusion(mode):
            raise UsageError(f"{given[name][0]}: has no effect with --fusion {mode}")
    return DepthFusion.of(mode, **settings)
