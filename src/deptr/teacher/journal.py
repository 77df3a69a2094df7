"""What is finished of a sequence, kept so that a kill at any moment loses one window at most.

Under ``.work/<sequence>/`` each finished window leaves its labels (``000007.labels.parquet``), optional
depth maps and features, and then replaces ``state.npz``, which says how far it got. A window counts once
its state is in place; files beyond it are overwritten. `finish` joins the windows into the final files,
the labels last, so that a sequence is finished if and only if its label file exists.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deptr import files
from deptr.files import atomic_path
from deptr.io.label_maps import PackedDepth, features_table, maps_table
from deptr.io.label_runs import LabelRun
from deptr.io.labels import ROWS_PER_GROUP, FrameLabels, LabelInfo, open_parquet, to_table, write_tables
from deptr.records import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

LABELS, DENSE, FEATURES = "labels", "dense", "features"
MAPS_PER_GROUP = 32


@dataclass(frozen=True)
class WindowLabels:
    """What one window adds to a sequence.

    Attributes:
        number: Of the window, from 0.
        last_frame: Number of the last frame that the window made final.
        rows: Labels of all boxes since the window before.
        frames: Numbers of the frames with depth maps and features.
        dense: Depth maps at stride 8 of `frames`, None if not asked for.
        features: Features of `frames`, None if not asked for.
    """

    number: int
    last_frame: int
    rows: FrameLabels
    frames: list[int]
    dense: list[PackedDepth] | None = None
    features: list[FloatArray] | None = None


@dataclass(frozen=True)
class Progressed:
    """How far a sequence has come.

    Attributes:
        window: Last finished window, -1 before the first.
        last_frame: Last frame that is final.
        unreadable: Frames so far that could not be decoded.
        depth_state: State of the depth teacher.
    """

    window: int
    last_frame: int
    unreadable: tuple[int, ...]
    depth_state: dict[str, npt.NDArray[Any]]


class Journal:
    """The unfinished part of one sequence of a run.

    Args:
        run: The run.
        sequence: Name of the sequence.
        inputs: Hash of everything that the labels depend on; what was begun with another one is dropped.
    """

    def __init__(self, run: LabelRun, sequence: str, inputs: str) -> None:
        self.run, self.sequence, self.inputs = run, sequence, inputs
        self.folder = run.folder / ".work" / sequence

    def begun(self) -> Progressed | None:
        """How far an earlier attempt with the same inputs came, None if there is none worth keeping."""
        try:
            with np.load(self.folder / "state.npz") as stored:
                facts = json.loads(str(stored["facts"]))
                state = {name[6:]: stored[name] for name in stored.files if name.startswith("depth.")}
        except (OSError, ValueError, KeyError):
            facts = {}
        if facts.get("inputs") != self.inputs:
            shutil.rmtree(self.folder, ignore_errors=True)
            return None
        return Progressed(facts["window"], facts["last_frame"], tuple(facts["unreadable"]), state)

    def commit(
        self, window: WindowLabels, unreadable: tuple[int, ...], depth_state: dict[str, npt.NDArray[Any]]
    ) -> None:
        """Make a window's labels part of what is finished.

        Raises:
            DataError: The disk is full or cannot be written; what was finished before stays.
        """
        tables = {LABELS: to_table(window.rows)}
        if window.dense is not None:
            tables[DENSE] = maps_table(window.frames, window.dense)
        if window.features is not None:
            tables[FEATURES] = features_table(window.frames, window.features)
        for part, table in tables.items():
            with atomic_path(self._part(window.number, part)) as temporary:
                _write_part(temporary, table)
        facts = {
            "inputs": self.inputs,
            "window": window.number,
            "last_frame": window.last_frame,
            "unreadable": list(unreadable),
        }
        arrays: dict[str, Any] = {f"depth.{name}": value for name, value in depth_state.items()}
        with atomic_path(self.folder / "state.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, facts=np.array(json.dumps(facts, sort_keys=True)), **arrays)

    def finish(self, info: LabelInfo, windows: int, tail: FrameLabels) -> None:
        """Join the windows into the final files and drop the parts.

        Args:
            info: Description of the sequence.
            windows: How many windows there are.
            tail: Labels of frames after the last window.

        Raises:
            DataError: The disk is full; the windows stay, the next attempt only joins them.
        """
        targets = {
            DENSE: self.run.dense_path(self.sequence),
            FEATURES: self.run.features_path(self.sequence),
            LABELS: self.run.path(self.sequence),
        }
        for part, target in targets.items():
            files = [self._part(number, part) for number in range(windows)]
            if files and files[0].is_file():
                schema = open_parquet(files[0]).schema_arrow
                rows = ROWS_PER_GROUP if part == LABELS else MAPS_PER_GROUP
                tables = (open_parquet(file).read() for file in files)
                last = [to_table(tail)] if part == LABELS else []
                write_tables(target, itertools.chain(tables, last), schema, info, rows)
        self.drop()

    def drop(self) -> None:
        """Forget the parts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, number: int, part: str) -> Path:
        return self.folder / f"{number:06d}.{part}.parquet"


def _write_part(path: Path, table: pa.Table) -> None:
    from pyarrow import parquet

    parquet.write_table(table, path, compression="zstd")


@contextmanager
def locked(run: LabelRun, sequence: str) -> Iterator[None]:
    """Nobody else writes that sequence of the run while the block runs; a killed process lets go by itself.

    Raises:
        DataError: Another process writes it at this moment.
    """
    path = run.folder / ".work" / f"{sequence}.lock"
    hint = "wait for it, or label into another folder"
    with files.locked(path, about=run.path(sequence), problem="labels are being written", hint=hint):
        yield
