"""Where depth labels lie: a store holds runs, a run is one teacher with one set of settings.

`open_run(folder)` takes the store when it holds one run, or a run's own folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deptr.errors import DataError, UsageError
from deptr.files import atomic_write
from deptr.io.folders import is_hidden
from deptr.io.labels import SequenceLabels, read_labels


def settings_key(settings: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that stand for settings.

    Example:
        >>> settings_key({"a": 1, "b": 2}) == settings_key({"b": 2, "a": 1})
        True
    """
    text = json.dumps(settings, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


@dataclass(frozen=True)
class LabelRun:
    """The folder of one run.

    Attributes:
        folder: Where it lies.
    """

    folder: Path

    @classmethod
    def create(cls, root: str | Path, name: str, settings: Mapping[str, Any]) -> LabelRun:
        """The run of these settings in a store, made if there is none.

        Args:
            root: The store.
            name: Readable beginning of the run's name.
            settings: Everything that changes labels.
        """
        folder = Path(root) / f"{name}-{settings_key(settings)}"
        if not (folder / "settings.json").is_file():
            with atomic_write(folder / "settings.json") as file:
                file.write(json.dumps(settings, indent=2, sort_keys=True) + "\n")
        return cls(folder)

    def path(self, sequence: str) -> Path:
        """File with the labels of a sequence."""
        return self.folder / f"{sequence}.parquet"

    def dense_path(self, sequence: str) -> Path:
        """File with the depth maps of a sequence."""
        return self.folder / f"{sequence}.dense.parquet"

    def features_path(self, sequence: str) -> Path:
        """File with the teacher features of a sequence."""
        return self.folder / f"{sequence}.features.parquet"

    def sequences(self) -> list[str]:
        """Names of the finished sequences, sorted."""
        files = (file for file in self.folder.glob("*.parquet") if not is_hidden(file))
        side = (".dense.parquet", ".features.parquet")
        return sorted(file.name[: -len(".parquet")] for file in files if not file.name.endswith(side))

    def labels(self, sequence: str) -> SequenceLabels:
        """Labels of a sequence.

        Raises:
            DataError: There are none, or the file is damaged.
        """
        path = self.path(sequence)
        if not path.is_file():
            has = ", ".join(self.sequences()) or "no finished sequence"
            raise DataError(self.folder, f"no labels of sequence {sequence!r}", found=has)
        return read_labels(path)

    def __iter__(self) -> Iterator[SequenceLabels]:
        for sequence in self.sequences():
            yield self.labels(sequence)


def runs(root: str | Path) -> list[LabelRun]:
    """Runs in a store, sorted by name."""
    folders = [path.parent for path in Path(root).glob("*/settings.json")]
    return [LabelRun(folder) for folder in sorted(folders)]


def open_run(folder: str | Path) -> LabelRun:
    """The only run of a store, or the run whose folder is given.

    Raises:
        DataError: There is no such folder or no run in it.
        UsageError: The store holds several runs.
    """
    folder = Path(folder)
    if (folder / "settings.json").is_file():
        return LabelRun(folder)
    found = runs(folder)
    if not found:
        raise DataError(folder, "holds no depth labels", hint="make them with `deptr label`")
    if len(found) > 1:
        names = ", ".join(run.folder.name for run in found)
        raise UsageError(f"{folder} holds {len(found)} runs, name one of them: {names}")
    return found[0]
