"""The store of depth labels: what the teacher says about every box, one Parquet file per sequence.

A store is a folder with one folder per run; a run is one teacher with one set of settings, so two never mix::

    labels/
      sam2.1-hiera-tiny+vda-small-3f2a91c0/   the hexadecimal part is a hash of the settings
        settings.json                        the settings, readable
        dancetrack0001.parquet               one row per box
        dancetrack0001.dense.parquet         optional: depth maps at stride 8, 16 bit
        dancetrack0001.features.parquet      optional: teacher features, 16 bit floats
        .work/                               unfinished sequences and locks

This module has the rows; `label_runs` finds the folders and `label_maps` the depth maps and features.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deptr.errors import DataError, MissingExtraError
from deptr.files import atomic_path
from deptr.records import BoolArray, DepthKind, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
METADATA_KEY = b"deptr"
ROWS_PER_GROUP = 1 << 16


class Validity(IntEnum):
    """Why a label can or cannot be trusted; everything but `GOOD` means that depth must not be learnt."""

    GOOD = 0
    MASK_TOO_SMALL = 1
    MASK_DISAGREES_WITH_BOX = 2
    DEPTH_EDGE = 3
    DEPTH_UNKNOWN = 4
    BOX_OUTSIDE = 5
    FRAME_UNREADABLE = 6


@dataclass(frozen=True)
class FrameLabels:
    """Labels of some boxes, in the order in which the boxes were given.

    Attributes:
        frame: ``(N,)`` int32 frame numbers from 1.
        object_id: ``(N,)`` int64 identities of the source, -1 where it has none.
        class_id: ``(N,)`` int32 from 0.
        boxes_xyxy: ``(N, 4)`` float32 pixels as given.
        depth: ``(N,)`` float32 of the run's kind, NaN = unknown.
        depth_std: ``(N,)`` float32 spread of the depth inside the region, NaN = unknown.
        mask_area: ``(N,)`` int32 pixels of the mask.
        visible_fraction: ``(N,)`` float32 share of the mask that no nearer instance covers.
        validity: ``(N,)`` int8, see `Validity`.
        mask: N run-length strings (COCO's compressed form), empty where there is no mask.
    """

    frame: IntArray
    object_id: IntArray
    class_id: IntArray
    boxes_xyxy: FloatArray
    depth: FloatArray
    depth_std: FloatArray
    mask_area: IntArray
    visible_fraction: FloatArray
    validity: IntArray
    mask: list[bytes]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def valid(self) -> BoolArray:
        """``(N,)`` whether the depth may be learnt from."""
        return np.asarray(self.validity == Validity.GOOD)

    def select(self, index: BoolArray | IntArray | slice) -> FrameLabels:
        """The labels at those places."""
        places = np.arange(len(self))[index]
        arrays = {name: getattr(self, name)[places] for name in _DTYPES} | {
            "boxes_xyxy": self.boxes_xyxy[places]
        }
        return FrameLabels(mask=[self.mask[place] for place in places], **arrays)

    @classmethod
    def empty(cls) -> FrameLabels:
        """No labels.

        Example:
            >>> len(FrameLabels.empty())
            0
        """
        arrays: dict[str, Any] = {name: np.zeros(0, dtype) for name, dtype in _DTYPES.items()}
        return cls(boxes_xyxy=np.zeros((0, 4), np.float32), mask=[], **arrays)

    @classmethod
    def join(cls, parts: Iterable[FrameLabels]) -> FrameLabels:
        """All parts, one after the other."""
        whole = [cls.empty(), *parts]
        names = (*_DTYPES, "boxes_xyxy")
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in whole]) for name in names
        }
        return cls(mask=[text for part in whole for text in part.mask], **arrays)


_DTYPES: Mapping[str, Any] = {
    "frame": np.int32,
    "object_id": np.int64,
    "class_id": np.int32,
    "depth": np.float32,
    "depth_std": np.float32,
    "mask_area": np.int32,
    "visible_fraction": np.float32,
    "validity": np.int8,
}
CORNERS = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class LabelInfo:
    """What has to be known about the labels of one sequence.

    Attributes:
        sequence: Name of the sequence.
        masks: Name of the mask teacher.
        depth: Name of the depth teacher.
        revisions: Hash of each weights file.
        depth_kind: Meaning of the depths.
        licence: Licences of the teachers' weights, which bind what is trained on the labels.
        settings: Hash of the settings, the last part of the run's name.
        frames_hash: Hash of the video or images.
        frame_count: Number of frames, unreadable ones included.
        size: Width and height in pixels.
        unreadable: Numbers of the frames that could not be decoded.
        fits: Scale and shift of each window of the clip, empty for teachers without windows.
    """

    sequence: str
    masks: str
    depth: str
    depth_kind: DepthKind
    licence: str
    settings: str
    frames_hash: str
    frame_count: int
    size: tuple[int, int]
    revisions: dict[str, str] = field(default_factory=dict)
    unreadable: tuple[int, ...] = ()
    fits: tuple[tuple[float, float], ...] = ()

    def to_json(self) -> str:
        """One line with sorted keys, so that equal facts give equal bytes."""
        content = asdict(self) | {"depth_kind": self.depth_kind.value, "format": FORMAT}
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, source: str | Path) -> LabelInfo:
        """Inverse of `to_json`.

        Raises:
            DataError: The text is of another version or no such description.
        """
        try:
            content = json.loads(text)
            version = content.pop("format")
            if version != FORMAT:
                hint = "made by another version of deptr"
                raise DataError(
                    source, "unknown format of labels", expected=str(FORMAT), found=str(version), hint=hint
                )
            content["depth_kind"] = DepthKind.parse(content["depth_kind"])
            content["size"] = (content["size"][0], content["size"][1])
            content["unreadable"] = tuple(content["unreadable"])
            content["fits"] = tuple((scale, shift) for scale, shift in content["fits"])
            return cls(**content)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise DataError(source, "holds no description of labels", found=str(error)[:80]) from error


@dataclass(frozen=True)
class SequenceLabels:
    """Everything known about the boxes of one sequence.

    Attributes:
        info: Where the labels come from.
        rows: One per box, frames ascending.
    """

    info: LabelInfo
    rows: FrameLabels

    def at(self, frame: int) -> FrameLabels:
        """Labels of one frame, counted from 1, in the order of the given boxes."""
        start, stop = np.searchsorted(self.rows.frame, [frame, frame + 1])
        return self.rows.select(slice(int(start), int(stop)))


def to_table(rows: FrameLabels) -> pa.Table:
    """Labels as an Arrow table."""
    arrow = import_arrow()
    columns: dict[str, Any] = {"frame": rows.frame, "object_id": rows.object_id, "class_id": rows.class_id}
    columns |= {name: np.ascontiguousarray(rows.boxes_xyxy[:, k]) for k, name in enumerate(CORNERS)}
    columns |= {name: getattr(rows, name) for name in list(_DTYPES)[3:]}
    types = {name: arrow.from_numpy_dtype(dtype) for name, dtype in _DTYPES.items()}
    types |= dict.fromkeys(CORNERS, arrow.float32())
    arrays = {name: arrow.array(values, types[name]) for name, values in columns.items()}
    return arrow.table(arrays | {"mask": arrow.array(rows.mask, arrow.binary())})


def from_table(table: pa.Table, source: str | Path) -> FrameLabels:
    """Inverse of `to_table`.

    Raises:
        DataError: A column is missing.
    """
    missing = [name for name in (*_DTYPES, *CORNERS, "mask") if name not in table.column_names]
    if missing:
        raise DataError(
            source, "a column is missing", expected=missing[0], found=", ".join(table.column_names)
        )
    arrays: dict[str, Any] = {
        name: np.ascontiguousarray(table[name].to_numpy(), dtype) for name, dtype in _DTYPES.items()
    }
    boxes = np.stack([table[name].to_numpy() for name in CORNERS], axis=1).astype(np.float32)
    return FrameLabels(boxes_xyxy=boxes, mask=table["mask"].to_pylist(), **arrays)


def write_tables(
    path: str | Path,
    tables: Iterable[pa.Table],
    schema: pa.Schema,
    info: LabelInfo,
    rows_per_group: int = ROWS_PER_GROUP,
) -> None:
    """One Parquet file out of many tables, one group of rows in memory; equal rows, equal bytes.

    Raises:
        DataError: The file cannot be written; what stood there stays.
    """
    arrow = import_arrow()
    from pyarrow import parquet

    described = schema.with_metadata({METADATA_KEY: info.to_json().encode()})
    with (
        atomic_path(path) as temporary,
        parquet.ParquetWriter(temporary, described, compression="zstd") as writer,
    ):
        waiting = described.empty_table()
        for table in tables:
            waiting = arrow.concat_tables([waiting, table.replace_schema_metadata(described.metadata)])
            while len(waiting) >= rows_per_group:
                writer.write_table(waiting.slice(0, rows_per_group).combine_chunks())
                waiting = waiting.slice(rows_per_group)
        writer.write_table(waiting.combine_chunks())


def write_labels(path: str | Path, labels: SequenceLabels) -> None:
    """Write the labels of one sequence, whole or not at all.

    Raises:
        DataError: The file cannot be written.
    """
    table = to_table(labels.rows)
    write_tables(path, [table], table.schema, labels.info)


def read_info(path: str | Path) -> LabelInfo:
    """Description of a label file, without its rows.

    Raises:
        DataError: The file is missing or no file of labels.
    """
    schema = open_parquet(path).schema_arrow
    metadata = schema.metadata or {}
    if METADATA_KEY not in metadata:
        raise DataError(path, "holds no description of labels", hint="written by `deptr label`?")
    return LabelInfo.from_json(metadata[METADATA_KEY].decode(), path)


def read_labels(path: str | Path) -> SequenceLabels:
    """Labels of one sequence.

    Raises:
        DataError: The file is missing, truncated or no file of labels.
    """
    info = read_info(path)
    return SequenceLabels(info, from_table(open_parquet(path).read(), path))


def open_parquet(path: str | Path) -> Any:
    """A Parquet file for reading.

    Raises:
        DataError: It is missing or damaged.
    """
    arrow = import_arrow()
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except (arrow.ArrowInvalid, OSError) as error:
        found = str(error).splitlines()[0][:100]
        raise DataError(
            path, "cannot be read as Parquet", found=found, hint="delete it and label again"
        ) from error


def import_arrow() -> Any:
    """The `pyarrow` module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError("the store of depth labels", "train") from error
    return pyarrow
