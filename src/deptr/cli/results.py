"""What the measuring commands share: options, printing tables, writing reports."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deptr.errors import UsageError
from deptr.files import atomic_write
from deptr.io.text_files import read_toml

if TYPE_CHECKING:
    from deptr.evaluation.tables import Table

BENCHMARK_HELP = "mot17, mot20, dancetrack, sportsmot, quadtrack, kitti-car, kitti-pedestrian or mot."
ROOT_HELP = "Folder of the benchmark, or one that holds several."


def words_of(text: str, option: str) -> list[str]:
    """Comma-separated words of an option; commas inside a ``name:a=1,b=2`` belong to the word.

    Example:
        >>> words_of("none,fixed:gamma=0.2,scale=0.1,adaptive", "--fusions")
        ['none', 'fixed:gamma=0.2,scale=0.1', 'adaptive']
    """
    words: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if "=" in part and ":" not in part and words and ":" in words[-1]:
            words[-1] += f",{part}"
        else:
            words.append(part)
    if not words:
        raise UsageError(f"{option}: expected words separated by commas, got {text!r}")
    return words


def numbers_of(text: str, option: str, *, least: int = 1) -> list[int]:
    """Comma-separated whole numbers from the least one."""
    words = words_of(text, option)
    if not all(word.isdigit() and int(word) >= least for word in words):
        raise UsageError(f"{option}: expected whole numbers from {least}, separated by commas, got {text!r}")
    return [int(word) for word in words]


def parameters_of_options(pairs: Iterable[str]) -> dict[str, str]:
    """``name=value`` options as a mapping."""
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"--param: expected name=value, got {pair!r}")
        values[name.strip()] = value.strip()
    return values


def fusion_of(config: Path | None) -> dict[str, Any]:
    """The table ``[fusion]`` of a configuration: ``mode``, ``gamma`` and ``scale`` as far as they are there.

    Raises:
        UsageError: It holds something else, or words where numbers belong.
    """
    found = read_toml(config).get("fusion", {}) if config else {}
    if not isinstance(found, dict) or set(found) - {"mode", "gamma", "scale"}:
        raise UsageError(f"{config}: expected mode, gamma and scale in [fusion], got {found}")
    for name, value in found.items():
        wanted = str if name == "mode" else (int, float)
        if not isinstance(value, wanted) or isinstance(value, bool):
            kind = "a word" if name == "mode" else "a number"
            raise UsageError(f"{config}: fusion.{name}: expected {kind}, got {value!r}")
    return found


def tell_passed_over(tracks: Path) -> None:
    """Say which text files beside results were taken for none."""
    from deptr.evaluation.result_files import passed_over

    for path in passed_over(tracks):
        typer.echo(f"note: {path}: passed over, holds no row of a result", err=True)


def show(table: Table) -> None:
    """Print a table; as wide as it needs to be when the output is not a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    rich = RichTable(title=table.title, title_justify="left")
    for position, head in enumerate(table.columns):
        rich.add_column(head, justify="left" if position < table.words else "right", no_wrap=True)
    for row in table.rows:
        rich.add_row(*map(escape, row))  # names may hold square brackets
    console.print(rich)
    if table.note:
        console.print(table.note, highlight=False)


def write_report(
    path: Path, title: str, intro: str, tables: Iterable[Table], *, images: Iterable[Path] = ()
) -> None:
    """A Markdown page: title, introduction with command, date, machine and versions, tables, pictures."""
    from deptr.evaluation.tables import circumstances

    pictures = "".join(f"![{image.stem}]({image.name})\n\n" for image in images)
    parts = [f"# {title}\n", f"{intro}\n" if intro else "", circumstances(command_line())]
    parts += [table.markdown() for table in tables]
    with atomic_write(path) as file:
        file.write("\n".join(part for part in [*parts, pictures] if part).rstrip() + "\n")
    typer.echo(f"wrote {path}")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Data as JSON with figures as they are."""
    with atomic_write(path) as file:
        json.dump(content, file, indent=1)
        file.write("\n")
    typer.echo(f"wrote {path}")


def command_line() -> str:
    """The command as one can repeat it; folders of this machine become their names."""
    words = []
    for word in sys.argv[1:]:
        head, equals, tail = word.partition("=")
        value = tail if equals and head.startswith("-") else word
        short = Path(value).name if Path(value).is_absolute() else value
        words.append(f"{head}={short}" if equals and head.startswith("-") else short)
    return " ".join(["deptr", *map(shlex.quote, words)])
