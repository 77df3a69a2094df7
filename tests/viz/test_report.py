"""`deptr report`: the page holds what the run holds, and nothing of it comes from elsewhere."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deptr.evaluation.run_differences import NOBODY, both_changes, changes, partners
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.records import DepthKind
from deptr.viz.report.content import Event, ShownRun, content_of
from deptr.viz.report.page import page
from deptr.viz.report.video import browsers_play

ASSETS = Path(__file__).parents[2] / "assets"


def unpacked(text: str) -> dict[str, Any]:
    """The data of a page."""
    found = re.search(r'id="data">([^<]+)<', text)
    assert found
    content: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return content


def crowd(count: int, frames: int) -> SequenceTracks:
    """Many objects that walk about."""
    rng = np.random.default_rng(1)
    start, speed = rng.uniform(0, 1500, (count, 1, 2)), rng.uniform(-2, 2, (count, 1, 2))
    corner = start + speed * np.arange(frames)[None, :, None] + rng.normal(0, 1, (count, frames, 2))
    table = TrackTable.of(
        "crowd",
        frame=np.tile(np.arange(1, frames + 1), count),
        track_id=np.repeat(np.arange(1, count + 1), frames),
        xyxy=np.concatenate([corner, corner + np.array([60, 150])], axis=2).reshape(-1, 4),
        depth=rng.uniform(4, 40, count * frames),
        depth_std=rng.uniform(0.1, 2, count * frames),
    )
    return SequenceTracks("crowd", table, 30.0, (1920, 1080), depth_kind=DepthKind.METRIC)


def test_the_page_holds_every_row_to_a_hundredth_of_a_pixel() -> None:
    sequence = crowd(3, 20)
    (run,) = unpacked(page(content_of("crowd", [ShownRun("crowd", sequence)], None)))["runs"]
    table = sequence.tracks
    for track in run["tracks"]:
        rows = table.track_id == track["id"]
        assert np.cumsum(track["frames"]).tolist() == table.frame[rows].tolist()
        for column, side in enumerate(("left", "top", "right", "bottom")):
            assert np.abs(np.cumsum(track[side]) / 100 - table.xyxy[rows, column]).max() <= 0.0051
        np.testing.assert_allclose(track["depth"], table.depth[rows], rtol=1e-4)
        np.testing.assert_allclose(track["std"], table.depth_std[rows], rtol=1e-2)
        assert track["summary"]["boxes"] == 20


def test_a_long_crowded_sequence_stays_below_five_megabytes() -> None:
    text = page(content_of("crowd", [ShownRun("crowd", crowd(100, 1800))], None))
    assert len(text.encode()) < 5_000_000


def test_no_word_of_the_input_becomes_part_of_the_page() -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    table = TrackTable.of(evil, frame=[1], track_id=[1], xyxy=[[0, 0, 9, 9]], class_id=[0])
    sequence = SequenceTracks(evil, table, 10.0, (20, 20), class_names={0: evil})
    text = page(content_of(evil, [ShownRun(evil, sequence, (Event("switch", 1, 1, 2, evil),))], None))
    assert evil not in text
    assert "<img" not in text


def test_nothing_in_the_page_names_another_host() -> None:
    text = page(content_of("crowd", [ShownRun("crowd", crowd(2, 3))], None))
    assert set(re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\"' ]*", text)) <= {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text


def test_which_video_a_browser_plays(tmp_path: Path) -> None:
    assert browsers_play(ASSETS / "vtest.mp4")
    (tmp_path / "a.mp4").write_bytes(b"no video")
    assert not browsers_play(tmp_path / "a.mp4")
    assert not browsers_play(tmp_path)


def two_results() -> tuple[TrackTable, TrackTable]:
    """Two objects side by side for ten frames; the second result swaps their names from frame 6 on."""
    frames = np.repeat(np.arange(1, 11), 2)
    boxes = np.tile([[0.0, 0, 40, 80], [100, 0, 140, 80]], (10, 1))
    ids = np.tile([1, 2], 10)
    swapped = np.where(frames < 6, ids + 10, 13 - ids)
    one = TrackTable.of("one", frame=frames, track_id=ids, xyxy=boxes)
    return one, TrackTable.of("two", frame=frames, track_id=swapped, xyxy=boxes)


def test_differences_of_two_results_are_told_once_each() -> None:
    one, two = two_results()
    first, second = partners(one, two), partners(two, one)
    assert first[:2].tolist() == [11, 12]
    assert [(c.frame, c.track_id, c.before, c.after) for c in changes(one, first)] == [
        (6, 1, 11, 12),
        (6, 2, 12, 11),
    ]
    told, told_again = both_changes(one, first, two, second)
    assert (len(told), told_again) == (2, [])


def test_boxes_that_only_one_result_has_have_no_partner() -> None:
    one, two = two_results()
    fewer = two.rows(two.frame < 4)
    assert (partners(one, fewer)[one.frame >= 4] == NOBODY).all()
    run = content_of("t", [ShownRun("one", SequenceTracks("t", one), partner=partners(one, fewer))], None)
    assert [track["alone"] for track in run["runs"][0]["tracks"]] == [[(4, 10)], [(4, 10)]]


@pytest.mark.parametrize("kind", list(DepthKind))
def test_each_kind_of_depth_says_where_near_is(kind: DepthKind) -> None:
    sequence = SequenceTracks("crowd", crowd(1, 5).tracks, 30.0, depth_kind=kind)
    depth = content_of("t", [ShownRun("t", sequence)], None)["runs"][0]["depth"]
    assert depth == {"kind": kind.value, "unit": kind.unit, "nearer": kind.larger_is_nearer}
