"""`deptr convert` and `deptr summary` of a run: what is read, chosen, written and refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from track_runs import BOXES, CLIP, Run

from deptr.io.formats import read_sequence
from deptr.io.run_folder import read_run


@pytest.fixture
def run(deptr: Run, tmp_path: Path) -> Path:
    out = tmp_path / "walk"
    options = ["--depth", "pseudo", "--no-video", "--output", out]
    assert deptr("track", CLIP, "--detections", BOXES, *options)[0] == 0
    return out


def test_a_run_is_read_with_all_that_is_known_of_it(run: Path) -> None:
    found = read_run(run)
    assert (found.name, found.fps, found.size, found.length) == ("vtest.mp4", 10.0, (768, 576), 100)
    assert found.depth_kind is not None and found.depth_kind.value == "pseudo"
    assert found.video is not None and found.video.samefile(CLIP)
    assert read_run(run / "tracks.txt").tracks.frame.tolist() == found.tracks.frame.tolist()


def test_chosen_identities_become_a_csv_without_gaps(deptr: Run, run: Path, tmp_path: Path) -> None:
    ids = read_run(run).tracks.identities[[1, 3]].tolist()
    out = tmp_path / "two.csv"
    words = ["--ids", ",".join(map(str, ids)), "--renumber", "--output", out]
    code, told, _ = deptr("convert", run, "--to", "csv", *words)
    assert (code, "2 identities" in told) == (0, True)
    table = read_sequence(out).tracks
    assert table.identities.tolist() == [1, 2]
    expected = read_run(run).tracks.of_identities(ids)
    np.testing.assert_array_equal(table.xyxy, expected.xyxy)
    np.testing.assert_array_equal(table.depth, expected.depth)


def test_mot_text_comes_back_as_it_was(deptr: Run, run: Path, tmp_path: Path) -> None:
    assert deptr("convert", run, "--to", "csv", "--output", tmp_path / "a.csv")[0] == 0
    assert deptr("convert", tmp_path / "a.csv", "--to", "mot", "--output", tmp_path / "a.txt")[0] == 0
    lines = [sorted(path.read_text().splitlines()) for path in (tmp_path / "a.txt", run / "tracks.txt")]
    assert lines[0] == lines[1]


def test_without_a_name_it_goes_to_a_free_one(
    deptr: Run, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("walk.csv", "walk-2.csv"):
        assert f"runs/convert/{name}" in deptr("convert", run, "--to", "csv")[1]


def test_the_summary_as_table_and_as_csv(deptr: Run, run: Path, tmp_path: Path) -> None:
    code, told, _ = deptr("summary", run)
    assert (code, "identity" in told, " px" in told) == (0, True, True)
    out = tmp_path / "people.csv"
    assert deptr("summary", run, "--output", out)[0] == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    table = read_run(run).tracks
    assert [int(row["track_id"]) for row in rows] == table.identities.tolist()
    assert [int(row["boxes"]) for row in rows] == [(table.track_id == k).sum() for k in table.identities]
    assert all(float(row["depth_noise"]) < 0.2 for row in rows if row["depth_noise"])
    assert {row["path_metres"] for row in rows} == {""}  # a guess has no metres


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "csv", "--ids", "4711"], "no identity 4711"),
        (["--to", "word"], "--to: expected one of"),
        ([], "--to: say which format"),
        (["--to", "csv", "--stride", "2"], "--stride: has no effect on tracks"),
        (["--to", "csv", "--fps", "0"], "fps"),
    ],
)
def test_requests_that_cannot_be_meant(deptr: Run, run: Path, words: list[str], told: str) -> None:
    code, _, said = deptr("convert", run, *words)
    assert (code, told in said) == (2, True), said


def test_a_benchmark_takes_no_choice_of_tracks(deptr: Run, tmp_path: Path) -> None:
    code, _, said = deptr("convert", "mot", tmp_path, "--renumber")
    assert (code, "--renumber: has no effect on a benchmark" in said) == (2, True)
