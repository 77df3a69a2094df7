"""Furniture that deceives a detector: it is found by asking, and half of what is pasted is such."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from PIL import Image as PillowImage

from deptr.errors import UsageError
from deptr.experiments.taken_for_people import false_table, furniture_table
from deptr.records import Image
from deptr.synth.cutouts import BackgroundFolder
from deptr.training import pasted_people, sources
from deptr.training.config import SourceSettings, settings_from_dict
from deptr.training.decoys import Decoys, find_decoys, piece
from deptr.training.sources import EmptySource, SourceFactory, decoys_of, training_mixture

GREY = 120


class Afraid:
    """Takes whatever is not grey in some columns for somebody, and sees a ghost."""

    def __init__(self, columns: slice, ghost: tuple[float, float, float, float] | None = None) -> None:
        self.columns, self.ghost = columns, ghost

    def __call__(self, image: Image, *, min_score: float) -> sv.Detections:
        boxes = [] if self.ghost is None else [self.ghost]
        for rows in (slice(0, 192), slice(192, 384)):
            part = (np.abs(image[rows, self.columns].astype(int) - GREY) > 12).any(axis=2)
            if part.any():
                down, across = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
                left, top = self.columns.start + across[0], rows.start + down[0]
                right, bottom = self.columns.start + across[-1] + 1, rows.start + down[-1] + 1
                boxes.append((left, top, right, bottom))
        return sv.Detections(np.array(boxes, np.float32)) if boxes else sv.Detections.empty()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    PillowImage.fromarray(np.full((384, 640, 3), GREY, np.uint8)).save(tmp_path / "photos" / "grey.png")
    return tmp_path / "photos"


def test_pieces_are_kept_that_the_detector_takes_for_people(photos: Path) -> None:
    """Of six columns it fears the second: pieces 1 and 7 of each twelve, whatever they look like."""
    grey = EmptySource(BackgroundFolder(photos))
    found = find_decoys(Afraid(slice(107, 213)), grey, range(50))  # type: ignore[arg-type]
    assert found.shown == 60
    assert {number % 6 for number in found.numbers} == {1}
    assert len(found.numbers) >= 8


def test_what_is_seen_without_the_pieces_is_not_theirs(photos: Path) -> None:
    grey = EmptySource(BackgroundFolder(photos))
    all_of_it = Afraid(slice(0, 1), ghost=(0, 0, 640, 384))
    assert find_decoys(all_of_it, grey, range(12)).numbers == ()  # type: ignore[arg-type]


def test_half_of_the_furniture_deceives(monkeypatch: pytest.MonkeyPatch, photos: Path) -> None:
    drawn = {"decoys": 0, "others": 0}

    def counted(name: str) -> object:
        def draw(*_: object) -> object:
            drawn[name] += 1
            return piece(3)

        return draw

    monkeypatch.setattr(Decoys, "draw", counted("decoys"))
    monkeypatch.setattr(pasted_people, "street_furniture", counted("others"))
    factory = SourceFactory(decoys=Decoys((3,), 12))
    source = factory.empty(SourceSettings("empty", images=str(photos), furniture=6))
    rng = np.random.default_rng(0)
    for _ in range(100):
        source.draw(rng, (64, 96))
    assert drawn["others"] > 50
    assert 0.7 < drawn["decoys"] / drawn["others"] < 1.4


def test_a_number_is_one_piece_and_others_are_others() -> None:
    assert (piece(5).rgba == piece(5).rgba).all()
    assert len({piece(number).rgba.tobytes() for number in range(20)}) == 20
    decoys = Decoys((2, 9), 12)
    rng = np.random.default_rng(0)
    drawn = {decoys.draw(rng).rgba.tobytes() for _ in range(20)}
    assert drawn == {piece(2).rgba.tobytes(), piece(9).rgba.tobytes()}


def test_a_recipe_names_the_detector_and_its_mistakes_are_pasted(
    monkeypatch: pytest.MonkeyPatch, photos: Path
) -> None:
    asked: list[tuple[object, int]] = []

    def found(detector: object, _: object, numbers: range) -> Decoys:
        asked.append((detector, len(numbers)))
        return Decoys((1,), len(numbers))

    monkeypatch.setattr(sources.Detector, "from_pretrained", lambda name: f"opened {name}")
    monkeypatch.setattr(sources, "find_decoys", found)
    entry = {"kind": "empty", "images": str(photos), "furniture": 2}
    settings = settings_from_dict({"data": {"train": [entry], "decoys": "some.onnx"}})
    training_mixture(settings).draw(np.random.default_rng(0), (64, 96))
    assert asked == [("opened some.onnx", 12_000)]
    training_mixture(replace(settings, data=replace(settings.data, decoys="")))
    assert len(asked) == 1
    monkeypatch.setattr(sources, "find_decoys", lambda *_: Decoys((), 12))
    with pytest.raises(UsageError, match=r"none of 12 pieces deceives some\.onnx"):
        training_mixture(settings)


def test_decoys_need_photos_without_people_and_furniture() -> None:
    crowd = {"kind": "crowd"}
    pasted = {"kind": "coco", "annotations": "a.json", "furniture": 2}
    bare = {"kind": "empty", "images": "photos"}
    for sources_given, words in (
        ([crowd, pasted], r"data\.decoys: needs a source of kind 'empty'"),
        ([crowd, bare], r"data\.decoys: no source pastes furniture"),
    ):
        settings = settings_from_dict({"data": {"train": sources_given, "decoys": "some.onnx"}})
        with pytest.raises(UsageError, match=words):
            decoys_of(settings.data)


def test_what_is_nobody_is_counted_by_score(photos: Path) -> None:
    """A sure box on a person, one beside it, an unsure one beside it, one in a region to ignore."""

    def seen(_: Image, *, min_score: float) -> sv.Detections:
        boxes = np.array([[10, 10, 30, 60], [50, 10, 70, 60], [80, 10, 99, 60], [10, 70, 40, 99]], np.float32)
        scores = np.array([0.9, 0.6, 0.35, 0.8])
        return sv.Detections(boxes, confidence=scores)[scores >= min_score]  # type: ignore[return-value]

    frame = replace(
        EmptySource(BackgroundFolder(photos)).draw(np.random.default_rng(0), (64, 96)),
        boxes_xyxy=np.array([[10, 10, 30, 60]], np.float32),
        class_ids=np.zeros(1, np.int64),
        ignore_boxes_xyxy=np.array([[0, 65, 50, 99]], np.float32),
    )
    table = false_table(seen, {"one": [frame], "two": [frame, frame]})  # type: ignore[arg-type]
    assert table.rows == [["one", "1", "2.00", "1.00"], ["two", "2", "2.00", "1.00"]]


def test_the_share_of_furniture_that_deceives_is_told(photos: Path) -> None:
    grey = EmptySource(BackgroundFolder(photos))
    table = furniture_table(Afraid(slice(107, 213)), grey, range(1_000_000, 1_000_024))  # type: ignore[arg-type]
    found = find_decoys(Afraid(slice(107, 213)), grey, range(1_000_000, 1_000_024))  # type: ignore[arg-type]
    assert {number % 6 for number in found.numbers} == {1_000_001 % 6}
    count = len(found.numbers)
    assert 0 < count <= 4
    row = [str(found.shown), str(count), f"{count / 24:.3f}"]
    assert [cells[1:] for cells in table.rows] == [row, row]
