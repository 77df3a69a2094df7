"""Tracks as tables: nothing is lost on the way out and back, and what is not a table is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from track_tables import NAMES, same, sequences

from deptr.errors import DataError
from deptr.io.formats import FORMATS, read_sequence
from deptr.io.identity_summary import places_of, summarize
from deptr.io.run_folder import read_run
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.records import DepthKind

EXACT = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", ["csv", "parquet", "jsonl"])
@EXACT
@given(sequences())
def test_tables_come_back_as_they_went(name: str, tmp_path: Path, sequence: SequenceTracks) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    file = tmp_path / f"made{FORMATS[name].ending}"
    FORMATS[name].write(file, sequence)
    found = read_sequence(file)
    same(found.tracks, sequence.tracks, but=("visibility",) if name == "jsonl" else ())
    used = {number: NAMES[number] for number in set(sequence.tracks.class_id.tolist()) - {-1}}
    assert dict(found.class_names) == used
    if sequence.tracks.last_frame > 1:
        assert found.fps == 10.0


@EXACT
@given(sequences())
def test_arrow_and_pandas_hold_the_columns(sequence: SequenceTracks) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame, arrow = sequence.tracks.to_pandas(), sequence.tracks.to_arrow()
    for name, values in sequence.tracks.columns().items():
        np.testing.assert_array_equal(frame[name].to_numpy(), values)
        assert arrow.column(name).null_count == np.isnan(values.astype(float)).sum()


@EXACT
@given(sequences())
def test_renumbering_leaves_no_gap_and_keeps_who_is_who(sequence: SequenceTracks) -> None:
    before, after = sequence.tracks, sequence.tracks.renumbered()
    assert after.identities.tolist() == list(range(1, len(before.identities) + 1))
    firsts = [after.frame[after.track_id == k].min() for k in after.identities]
    assert firsts == sorted(firsts)
    boxes = {tuple(map(tuple, t.xyxy[t.track_id == k])) for t in (before,) for k in t.identities}
    assert boxes == {tuple(map(tuple, after.xyxy[after.track_id == k])) for k in after.identities}


def walk(focal: float | None = 500.0, kind: DepthKind | None = DepthKind.METRIC) -> SequenceTracks:
    """One person straight away from the camera, 1 m/s from 5 m, away from frame 11 to 20; one who stands."""
    frames = np.array([k for k in range(1, 42) if not 11 <= k <= 20])
    depth = 5 + (frames - 1) / 10
    rng = np.random.default_rng(3)
    away = np.stack([320 - 200 / depth, 240 - 400 / depth, 320 + 200 / depth, 240 + 400 / depth], axis=1)
    still = np.tile([20.0, 100, 60, 200], (41, 1))
    table = TrackTable.of(
        "walk",
        frame=[*frames, *range(1, 42)],
        track_id=[4] * len(frames) + [9] * 41,
        xyxy=np.concatenate([away, still]),
        depth=[*depth, *8.0 * (1 + 0.1 * rng.standard_normal(41))],
        class_id=[0] * len(frames) + [-1] * 41,
    )
    return SequenceTracks(
        "walk", table, 10.0, (640, 480), depth_kind=kind, focal_px=focal, class_names={0: "person"}
    )


def test_the_summary_says_who_was_where_and_whose_depth_is_noise() -> None:
    first, second = summarize(walk())
    assert (first.track_id, first.class_name, first.first_frame, first.last_frame) == (4, "person", 1, 41)
    assert (first.boxes, first.gaps, first.last_seconds) == (31, 1, 4.0)
    assert first.path_metres == pytest.approx(4.0)
    assert first.depth_noise == pytest.approx(0.0, abs=1e-9)
    assert (second.class_name, second.gaps) == ("", 0)
    assert 0.06 < second.depth_noise < 0.14  # 0.1 was put in
    assert second.path_pixels == 0.0


@pytest.mark.parametrize(
    ("focal", "kind"), [(None, DepthKind.METRIC), (500.0, DepthKind.PSEUDO), (500.0, None)]
)
def test_metres_need_metric_depth_and_a_focal_length(focal: float | None, kind: DepthKind | None) -> None:
    assert np.isnan(places_of(walk(focal, kind))).all()
    assert np.isnan(summarize(walk(focal, kind))[0].path_metres)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("frame,track_id,left,top,right\n", "no column bottom"),
        ("frame,track_id,left,top,right,bottom\n1,2,0,0,5,x\n", "line 2: wrong bottom"),
        ("frame,track_id,left,top,right,bottom\n1.5,2,0,0,5,5\n", "line 2: wrong frame"),
        ("frame,track_id,left,top,right,bottom\n1,2,5,0,5,5\n", "not a box"),
        ("frame,track_id,left,top,right,bottom\n1,2,0,0,5,5\n1,2,0,0,6,6\n", "twice in one frame"),
    ],
)
def test_what_is_no_table_is_refused(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=told):
        read_sequence(tmp_path / "a.csv")


def test_a_line_that_is_no_frame_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"frame":1,"tracks":[]}\n{"frame":2,"tracks":[{"id":1}]}\n')
    with pytest.raises(DataError, match="line 2: not a frame of tracks"):
        read_sequence(tmp_path / "a.jsonl")


def test_times_that_no_rate_explains_are_kept(tmp_path: Path) -> None:
    times = {1: 0.0, 2: 0.1, 3: 0.5, 4: 0.55}
    lines = [
        json.dumps({"frame": k, "timestamp": t, "tracks": [{"id": 1, "box_xyxy": [0, 0, 9, 9]}]})
        for k, t in times.items()
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = read_sequence(tmp_path / "a.jsonl")
    assert found.fps is None
    assert found.seconds_of(found.tracks.frame).tolist() == list(times.values())


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not the folder of a run"):
        read_run(tmp_path)
    (tmp_path / "tracks.txt").write_text("1,7,10,20,30,60,0.9\n")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(DataError, match="is not what deptr track writes"):
        read_run(tmp_path)
