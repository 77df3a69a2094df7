"""People pasted into photos: exact boxes, unknown depth, hidden owners ignored, settings checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deptr.errors import DataError, UsageError
from deptr.records import DepthKind, LabelledFrame
from deptr.synth import furniture
from deptr.synth.cutouts import CutoutFolder
from deptr.synth.furniture import street_furniture
from deptr.training.config import SourceSettings, settings_from_dict
from deptr.training.pasted_people import paste_people
from deptr.training.sources import SourceFactory

GREY = 120


@pytest.fixture
def cutouts(tmp_path: Path) -> CutoutFolder:
    """One person of pure red: an ellipse on a transparent ground."""
    rows, columns = np.mgrid[:200, :80]
    inside = ((rows - 100) / 100) ** 2 + ((columns - 40) / 40) ** 2 <= 1
    rgba = np.zeros((200, 80, 4), np.uint8)
    rgba[inside] = (255, 0, 0, 255)
    (tmp_path / "cutouts").mkdir()
    Image.fromarray(rgba, "RGBA").save(tmp_path / "cutouts" / "red.png")
    return CutoutFolder(tmp_path / "cutouts")


def photo(*boxes: tuple[float, float, float, float]) -> LabelledFrame:
    count = len(boxes)
    return LabelledFrame(
        image=np.full((240, 320, 3), GREY, np.uint8),
        boxes_xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        class_ids=np.zeros(count, np.int64),
        depth=np.full(count, 7.0, np.float32),
        depth_std=np.full(count, np.nan, np.float32),
        depth_kind=DepthKind.METRIC,
        track_ids=np.arange(count),
        visibility=np.ones(count, np.float32),
        ignore_boxes_xyxy=np.zeros((0, 4), np.float32),
    )


def test_boxes_of_one_pasted_person_are_the_extent_of_what_changed(cutouts: CutoutFolder) -> None:
    alone = 0
    for seed in range(30):
        frame = photo()
        found = paste_people(np.random.default_rng(seed), frame, cutouts, 1)
        assert (frame.image == GREY).all()
        if not len(found.boxes_xyxy):
            continue
        alone += 1
        changed = (np.abs(found.image.astype(int) - GREY) > 60).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        extent = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        assert np.abs(found.boxes_xyxy[0] - extent).max() <= 3
        assert np.isnan(found.depth).all()
    assert alone > 20


def test_own_people_stay_unless_the_pasted_ones_hide_them(cutouts: CutoutFolder) -> None:
    whole, small = (0.0, 0.0, 320.0, 240.0), [(x, 150.0, x + 6, 162.0) for x in np.arange(2.0, 310, 10)]
    hidden = 0
    for seed in range(10):
        found = paste_people(np.random.default_rng(seed), photo(whole, *small), cutouts, 6)
        assert found.boxes_xyxy[0].tolist() == list(whole)
        own = int((found.track_ids >= 0).sum())
        hidden += len(found.ignore_boxes_xyxy)
        assert own + len(found.ignore_boxes_xyxy) == 1 + len(small)
        lengths = [found.class_ids, found.depth, found.depth_std, found.visibility, found.track_ids]
        assert {len(values) for values in lengths} == {len(found.boxes_xyxy)}
    assert hidden > 0


def test_furniture_stands_in_the_picture_with_nothing_to_find(cutouts: CutoutFolder) -> None:
    alike = 0
    for seed in range(20):
        found = paste_people(np.random.default_rng(seed), photo(), None, 0, things=4)
        assert not len(found.boxes_xyxy)
        alike += int((found.image == GREY).all())
    assert alike < 3
    own = photo((100, 100, 112, 130))
    frames = [paste_people(np.random.default_rng(seed), own, cutouts, 0, things=9) for seed in range(60)]
    hidden = [len(frame.boxes_xyxy) for frame in frames]
    assert 0 < hidden.count(0) < 30  # whoever it hides is not to be found either


def test_furniture_and_people_are_cut_by_the_border_too(cutouts: CutoutFolder) -> None:
    """Small ones, which a place drawn at random hardly ever cuts."""
    cut = {"people": 0, "things": 0}
    for seed in range(200):
        for name, people, things in (("people", 1, 0), ("things", 0, 1)):
            found = paste_people(np.random.default_rng(seed), photo(), cutouts, people, things=things)
            columns = np.flatnonzero((found.image != GREY).any(axis=(0, 2)))
            small = len(columns) and columns[-1] - columns[0] < 24
            cut[name] += bool(small and (columns[0] == 0 or columns[-1] == 319))
    assert min(cut.values()) > 10


def test_every_kind_of_furniture_is_drawn_and_stands_on_its_foot() -> None:
    rng = np.random.default_rng(0)
    for kind in furniture._KINDS:
        pieces = [kind(rng) for _ in range(30)]
        for alpha in (piece[:, :, 3] for piece in pieces):
            assert (alpha > 0).mean() > 0.01
            assert alpha[int(0.85 * len(alpha)) :].any()
    rows = [furniture._railing(rng)[150, :, 3] > 0 for _ in range(40)]
    gaps = [np.diff(row.astype(int)).clip(0).sum() for row in rows]
    assert np.median(gaps) >= 1  # one sees through between a railing's uprights


def test_no_two_pieces_of_furniture_are_alike() -> None:
    rng = np.random.default_rng(0)
    pieces = {street_furniture(rng).rgba.tobytes() for _ in range(40)}
    assert len(pieces) == 40


def test_furniture_is_of_photos(cutouts: CutoutFolder) -> None:
    with pytest.raises(UsageError, match="furniture are of 'coco' and 'empty' sources"):
        settings_from_dict({"data": {"train": [{"kind": "crowd", "furniture": 2}]}})
    with pytest.raises(UsageError, match="expected a number of things from 0, got -2"):
        settings_from_dict({"data": {"train": [{"kind": "coco", "annotations": "a", "furniture": -2}]}})


def test_pasting_without_cutouts_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [],'
        ' "categories": [{"id": 1, "name": "person"}]}'
    )
    settings = {"kind": "coco", "annotations": str(tmp_path / "a.json"), "paste": 3}
    with pytest.raises(UsageError, match="missing key 'cutouts'"):
        SourceFactory().photos(SourceSettings(**settings))
    with pytest.raises(DataError, match="no such folder"):
        SourceFactory().photos(SourceSettings(**settings, cutouts=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="source paste: expected a number of people from 0, got -1"):
        settings_from_dict({"data": {"train": [settings | {"paste": -1}]}})
