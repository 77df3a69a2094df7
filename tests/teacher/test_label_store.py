"""The store: what is written is read, equal facts give equal bytes, damage is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deptr.errors import DataError, UsageError
from deptr.io.label_maps import (
    FrameArrays,
    features_table,
    maps_table,
    pack_depth,
    shrink_depth,
    unpack_depth,
)
from deptr.io.label_runs import LabelRun, open_run
from deptr.io.label_stats import label_stats
from deptr.io.labels import (
    FrameLabels,
    LabelInfo,
    SequenceLabels,
    Validity,
    read_labels,
    to_table,
    write_labels,
    write_tables,
)
from deptr.io.rle import decode_mask, encode_mask, segmentation_to_mask
from deptr.records import DepthKind

INFO = LabelInfo(
    "a", "m", "d", DepthKind.METRIC, "none", "00", "ff", 9, (64, 48), fits=((1.0, 0.5),), unreadable=(3,)
)


def some_rows(count: int, seed: int = 0) -> FrameLabels:
    rng = np.random.default_rng(seed)
    return FrameLabels(
        frame=np.sort(rng.integers(1, 10, count)).astype(np.int32),
        object_id=rng.integers(-1, 5, count),
        class_id=np.zeros(count, np.int32),
        boxes_xyxy=rng.random((count, 4)).astype(np.float32),
        depth=np.where(rng.random(count) < 0.2, np.nan, rng.random(count)).astype(np.float32),
        depth_std=rng.random(count).astype(np.float32),
        mask_area=rng.integers(0, 99, count).astype(np.int32),
        visible_fraction=rng.random(count).astype(np.float32),
        validity=rng.integers(0, 3, count).astype(np.int8),
        mask=[b"x" * (index % 3) for index in range(count)],
    )


@pytest.mark.parametrize("count", [0, 1, 50])
def test_labels_come_back_as_they_were_and_equal_labels_are_equal_bytes(tmp_path: Path, count: int) -> None:
    labels = SequenceLabels(INFO, some_rows(count))
    write_labels(tmp_path / "a.parquet", labels)
    again = read_labels(tmp_path / "a.parquet")
    assert again.info == INFO
    assert again.rows.mask == labels.rows.mask
    for name in ("frame", "object_id", "boxes_xyxy", "depth", "validity"):
        np.testing.assert_array_equal(getattr(again.rows, name), getattr(labels.rows, name))
    pieces = [to_table(labels.rows.select(slice(start, start + 7))) for start in range(0, max(count, 1), 7)]
    write_tables(tmp_path / "b.parquet", pieces, pieces[0].schema, INFO)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert sum(len(again.at(frame)) for frame in range(1, 11)) == count


def test_a_damaged_or_foreign_file_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    write_labels(path, SequenceLabels(INFO, some_rows(9)))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"a.parquet: cannot be read as Parquet"):
        read_labels(path)
    parquet.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(DataError, match="no description of labels"):
        read_labels(path)
    with pytest.raises(DataError, match="unknown format"):
        LabelInfo.from_json('{"format": 99}', path)
    with pytest.raises(DataError, match="no description"):
        LabelInfo.from_json("{}", path)


def test_a_store_with_several_runs_asks_which(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no depth labels"):
        open_run(tmp_path)
    first = LabelRun.create(tmp_path, "a", {"x": 1})
    assert open_run(tmp_path) == first == open_run(first.folder)
    assert LabelRun.create(tmp_path, "a", {"x": 1}) == first
    second = LabelRun.create(tmp_path, "a", {"x": 2})
    with pytest.raises(UsageError, match=f"2 runs.*{first.folder.name}|{second.folder.name}"):
        open_run(tmp_path)
    with pytest.raises(DataError, match="no labels of sequence 'z'"):
        second.labels("z")


@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(0, 100, width=32)
    )
)
@example(np.array([[0.0, 1e-45, 0.0]], np.float32))
@settings(max_examples=50)
def test_depth_in_16_bit_is_within_half_a_step(depth: np.ndarray) -> None:
    depth = depth.copy()
    depth[0, 0] = np.nan
    again = unpack_depth(pack_depth(depth))
    assert np.isnan(again[0, 0])
    known = np.isfinite(depth)
    span = np.ptp(depth[known]) if known.any() else 0.0
    np.testing.assert_allclose(again[known], depth[known], atol=span / 65534 / 2 + 1e-5)


def test_per_frame_arrays_come_back_by_frame(tmp_path: Path) -> None:
    maps = [np.full((5, 7), float(frame)) for frame in range(70)]
    path = tmp_path / "a.dense.parquet"
    table = maps_table(list(range(1, 71)), [pack_depth(shrink_depth(depth, 2)) for depth in maps])
    write_tables(path, [table], table.schema, INFO, 32)
    dense = FrameArrays(path)
    assert dense.frames == list(range(1, 71))
    for frame in (1, 70, 33):
        np.testing.assert_array_equal(dense.at(frame), np.full((3, 4), frame - 1.0))
    with pytest.raises(DataError, match="nothing stored for frame 99"):
        dense.at(99)
    values = np.random.default_rng(0).random((2, 3, 4)).astype(np.float32)
    table = features_table([5], [values])
    write_tables(path, [table], table.schema, INFO)
    np.testing.assert_allclose(FrameArrays(path).at(5), values, atol=1e-3)
    with pytest.raises(DataError, match="label with --dense or --features"):
        FrameArrays(tmp_path / "none.parquet")


@given(hnp.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30))))
def test_masks_as_run_lengths(mask: np.ndarray) -> None:
    text = encode_mask(mask)
    np.testing.assert_array_equal(decode_mask(text, mask.shape), mask)
    np.testing.assert_array_equal(segmentation_to_mask({"size": mask.shape, "counts": text.decode()}), mask)


def test_run_lengths_are_those_of_coco() -> None:
    reference = pytest.importorskip("faster_coco_eval.core.mask")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mask = rng.random((rng.integers(1, 200), rng.integers(1, 50))) < rng.random()
        expected = reference.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
        assert encode_mask(mask) == (expected if isinstance(expected, bytes) else expected.encode())
    with pytest.raises(UsageError, match="expected a sum of 4, got 3"):
        decode_mask(b"3", (2, 2))


def test_figures_of_labels() -> None:
    rows = FrameLabels.join([some_rows(0)])
    stats = label_stats([SequenceLabels(INFO, rows)])
    assert (stats.boxes, stats.valid, stats.unreadable) == (0, 0, 1)
    assert np.isnan(stats.coverage)
    rows = some_rows(6)
    values = {"frame": [1, 2, 3, 1, 2, 3], "object_id": [1, 1, 1, 2, 2, 2], "depth": [1, 2, 4, 5, 5, 5]}
    arrays = {name: np.array(value) for name, value in values.items()}
    from dataclasses import replace

    validity = np.array([0, 0, 0, 0, Validity.DEPTH_EDGE, 0])
    stats = label_stats([SequenceLabels(INFO, replace(rows, validity=validity, **arrays))])
    assert stats.flicker == pytest.approx(np.log(2))
    assert stats.doubts == {"depth_edge": 1}
    assert stats.coverage == pytest.approx(5 / 6)
