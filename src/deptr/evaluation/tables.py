"""Tables for people and for other programs, and the facts that belong under each."""

from __future__ import annotations

import csv
import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from deptr import __version__
from deptr.evaluation.fingerprint import installed_version
from deptr.files import atomic_write

VERSIONS = ("trackeval", "trackers", "supervision", "numpy", "scipy", "lap")


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        title: What it shows.
        columns: Heads; the first ones that `words` counts hold words, the rest figures.
        rows: Cells, as many as heads in each row.
        note: What a reader needs to know to read it.
        words: How many columns are aligned to the left.
    """

    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    note: str = ""
    words: int = 1

    def markdown(self, level: int = 2) -> str:
        """As Markdown.

        Example:
            >>> print(Table("T", ["a", "b"], [["x", "1"]]).markdown())
            ## T
            <BLANKLINE>
            | a | b |
            |:--|--:|
            | x | 1 |
            <BLANKLINE>
        """
        rule = "|" + "".join(":--|" if index < self.words else "--:|" for index in range(len(self.columns)))
        lines = [f"{'#' * level} {self.title}", ""]
        lines += [self.note, ""] if self.note else []
        lines += ["| " + " | ".join(cells) + " |" for cells in [list(self.columns)]]
        lines += [rule, *("| " + " | ".join(cells) + " |" for cells in self.rows)]
        return "\n".join(lines) + "\n"


def write_csv(path: str | Path, tables: Iterable[Table]) -> None:
    """All tables with the same heads in one file, the title as first column.

    Raises:
        DataError: The file cannot be written.
    """
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        heads: list[str] = []
        for table in tables:
            if list(table.columns) != heads:
                heads = list(table.columns)
                writer.writerow(["table", *heads])
            writer.writerows([table.title, *row] for row in table.rows)


def circumstances(command: str = "") -> str:
    """Command, date, machine and versions, as a Markdown list."""
    versions = ", ".join(f"{name} {installed_version(name)}" for name in VERSIONS)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [f"- command: `{command}`"] if command else []
    lines += [
        f"- date: {date.today().isoformat()}",
        f"- machine: {processor()}, {cores} cores, {platform.system()}, Python {platform.python_version()}",
        f"- versions: deptr-mot {__version__}, {versions}",
    ]
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Name of the processor, as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def figure(value: float, digits: int = 2) -> str:
    """A number for a table; a dash when there is none.

    Example:
        >>> figure(76.2765), figure(float("nan")), figure(12, 0)
        ('76.28', '-', '12')
    """
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
