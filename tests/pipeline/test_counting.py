"""Lines and zones: who crosses is counted once, also where they were hidden, and stands in counts.csv."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import deptr
from deptr.errors import UsageError
from deptr.pipeline.counting.counter import Counter

ASSETS = Path(__file__).parents[2] / "assets"
LINE, ZONE = "0,100,320,100", [100, 50, 220, 50, 220, 150, 100, 150]


def walk(folder: Path, hidden: range = range(0)) -> Path:
    """One person down through the line and the zone, one who stands."""
    rows = []
    for frame in range(1, 31):
        foot = 20 + 6 * frame
        if frame not in hidden:
            rows.append(f"{frame},-1,140,{foot - 60},40,60,0.9")
        rows.append(f"{frame},-1,250,10,40,60,0.9")
    (folder / "det.txt").write_text("\n".join(rows))
    return folder / "det.txt"


@pytest.mark.parametrize("hidden", [range(0), range(12, 16)])
def test_a_walk_is_counted_once_at_each_place(tmp_path: Path, hidden: range) -> None:
    run = deptr.track(detections=walk(tmp_path, hidden), fps=10, lines=[LINE], zones=[ZONE])
    run.save(tmp_path / "o")
    with (tmp_path / "o" / "counts.csv").open() as file:
        rows = [(row["place"], row["direction"]) for row in csv.DictReader(file)]
    assert sorted(rows) == [("line 1", "in"), ("zone 1", "in"), ("zone 1", "out")] or sorted(rows) == [
        ("line 1", "out"), ("zone 1", "in"), ("zone 1", "out"),
    ]  # fmt: skip


def test_frames_tell_who_crosses_and_the_sums(tmp_path: Path) -> None:
    crossings = []
    for frame in deptr.track(detections=walk(tmp_path), fps=10, lines=[LINE], zones=[ZONE]):
        crossings += [(frame.index, crossing.place) for crossing in frame.crossings]
        last = frame
    assert [place for _, place in crossings] == ["zone 1", "line 1", "zone 1"]
    assert crossings[1][0] == 14  # 20 + 6 * 14 = 104 is the first foot beyond 100
    line, zone = last.tallies
    assert (line.entered + line.left, zone.entered, zone.left, zone.inside) == (1, 1, 1, 0)


def test_nothing_is_counted_where_nothing_is_asked(tmp_path: Path) -> None:
    deptr.track(detections=walk(tmp_path), fps=10).save(tmp_path / "o")
    assert not (tmp_path / "o" / "counts.csv").exists()


def test_lines_and_zones_are_drawn(tmp_path: Path) -> None:
    known = {"detections": ASSETS / "vtest_det.txt"}
    with deptr.track(ASSETS / "vtest.mp4", **known) as plain:
        without = next(iter(plain)).drawn()
    with deptr.track(ASSETS / "vtest.mp4", lines=["20,500,700,500"], **known) as counted:
        picture = next(iter(counted)).drawn()
    changed = (picture != without).any(axis=2)
    assert changed[500, 20:700].mean() > 0.9
    assert not changed[:450].any()


def test_a_turn_on_the_line_counts_both_ways() -> None:
    import supervision as sv

    counter = Counter([((0, 50), (100, 50))], [])
    seen = [
        crossing.entered
        for k, foot in enumerate((40, 60, 40))
        for crossing in counter.update(
            sv.Detections(np.array([[40.0, foot - 20, 60, foot]]), tracker_id=np.array([1])), k / 10
        )
    ]
    assert len(seen) == 2
    assert seen[0] != seen[1]


@pytest.mark.parametrize("line", ["1,2,3", "a,b,c,d", "5,5,5,5", [1, 2, float("nan"), 4]])
def test_what_is_no_line_is_refused(tmp_path: Path, line: object) -> None:
    with pytest.raises(UsageError, match="line"):
        deptr.track(detections=walk(tmp_path), fps=10, lines=[line])  # type: ignore[list-item]
