"""Pictures of the experiments, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deptr.files import atomic_path
from deptr.records import FloatArray

WIDTH, HEIGHT = 5.2, 3.8  # inches of one panel
IN_A_ROW = 3
FEW = 8  # curves whose legend fits into the panel, in colours that differ
RESOLUTION = 80  # dots per inch


def lines(
    path: str | Path,
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    *,
    x_label: str,
    y_label: str,
    baselines: Mapping[str, float] | None = None,
) -> None:
    """Curves in panels side by side.

    Args:
        path: PNG to write.
        panels: Panel title to curves, each a name with x and y values.
        x_label: Under each panel.
        y_label: Left of the first panel.
        baselines: Panel title to a value drawn as a dashed line.

    Raises:
        DataError: The file cannot be written.
    """
    from matplotlib import colormaps

    figure, axes = _figure(len(panels))
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        many = len(curves) > FEW
        if many:
            axis.set_prop_cycle(color=colormaps["tab20"](range(len(curves))))
        for name, (x, y) in curves.items():
            axis.plot(x, y, marker="o", markersize=3, label=name)
        if baselines and title in baselines:
            axis.axhline(baselines[title], color="black", linestyle="--", linewidth=1, label="without depth")
        axis.set(title=title, xlabel=x_label)
        axis.grid(alpha=0.3)
        beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if many else {}
        axis.legend(fontsize="small", **beside)
    for axis in axes[::IN_A_ROW]:
        axis.set_ylabel(y_label)
    _save(figure, path)


def bars(
    path: str | Path,
    panels: Mapping[str, tuple[Sequence[str], Mapping[str, Sequence[float]]]],
    *,
    y_label: str,
) -> None:
    """Groups of bars in panels side by side: panel title to group names and, per series, heights."""
    figure, axes = _figure(len(panels))
    for axis, (title, (groups, series)) in zip(axes, panels.items(), strict=True):
        width = 0.8 / max(len(series), 1)
        for number, (name, heights) in enumerate(series.items()):
            axis.bar(np.arange(len(groups)) + number * width, heights, width, label=name)
        axis.set_xticks(np.arange(len(groups)) + 0.4 - width / 2, [_wrapped(group) for group in groups])
        axis.tick_params(axis="x", labelsize="x-small")
        axis.set(title=title)
        axis.grid(alpha=0.3, axis="y")
        axis.legend(fontsize="small")
    for axis in axes[::IN_A_ROW]:
        axis.set_ylabel(y_label)
    _save(figure, path)


def scatter(
    path: str | Path, panels: Mapping[str, tuple[FloatArray, FloatArray]], *, x_label: str, y_label: str
) -> None:
    """Points with the diagonal, on logarithmic axes, in panels side by side."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    figure, axes = _figure(len(panels))
    for axis, (title, (x, y)) in zip(axes, panels.items(), strict=True):
        axis.scatter(x, y, s=3, alpha=0.3, linewidths=0)
        if len(x):
            ends = [min(x.min(), y.min()), max(x.max(), y.max())]
            axis.plot(ends, ends, color="black", linewidth=1, linestyle="--")
            axis.set(xscale="log", yscale="log")
            for side in (axis.xaxis, axis.yaxis):
                side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                side.set_major_formatter(FormatStrFormatter("%g"))
                side.set_minor_formatter(NullFormatter())
        axis.set(title=title, xlabel=x_label)
        axis.grid(alpha=0.3)
    for axis in axes[::IN_A_ROW]:
        axis.set_ylabel(y_label)
    _save(figure, path)


def _figure(panels: int) -> tuple[Any, list[Any]]:
    """A figure and its panels, at most three in a row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(max(panels, 1), IN_A_ROW)
    rows = -(-max(panels, 1) // columns)
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, axes[: max(panels, 1)]


def _save(figure: Any, path: str | Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=RESOLUTION)


def _wrapped(text: str) -> str:
    return text.replace(" (", "\n(").replace(" or ", "\nor ")
