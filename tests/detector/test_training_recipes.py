"""What a recipe trains on: hold-outs that do not leak, empty photos, pairs, the end by time, packs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from tiny_detector import PaintedSource, painted_frame, tiny_detector, tiny_settings
from typer.testing import CliRunner

from deptr.cli.main import app
from deptr.errors import UsageError
from deptr.records import LabelledFrame
from deptr.training.builder import build_mixture, coco_frames
from deptr.training.config import SourceSettings, TrainSettings, load_settings, settings_from_dict
from deptr.training.data import ExampleStream, Mixture
from deptr.training.detector_task import DetectorTask
from deptr.training.mosaic import mosaic
from deptr.training.packing import PackLimits, write_pack
from deptr.training.sources import SourceFactory, training_mixture
from deptr.training.trainer import Trainer


def write_photos(folder: Path, count: int) -> None:
    """`count` images 160 x 120 with one box each and a json beside their folder."""
    (folder / "photos").mkdir(parents=True)
    images, annotations = [], []
    for number in range(count):
        name = f"p{number:02d}.jpg"
        cv2.imwrite(str(folder / "photos" / name), np.full((120, 160, 3), 5 * number, np.uint8))
        images.append({"id": number, "file_name": name, "width": 160, "height": 120})
        box = [20, 10, 40, 80]
        annotations.append({"id": number, "image_id": number, "category_id": 1, "bbox": box, "iscrowd": 0})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (folder / "photos.json").write_text(json.dumps(content))


def write_cutouts(folder: Path, names: list[str]) -> None:
    folder.mkdir()
    for name in names:
        rgba = np.zeros((40, 20, 4), np.uint8)
        rgba[2:-2, 2:-2] = (200, 50, 50, 255)
        PillowImage.fromarray(rgba).save(folder / name)


def recipe(folder: Path, **source: object) -> TrainSettings:
    """Train on photos in `folder` (relative names), evaluate on every fifth pair of them."""
    coco = {
        "kind": "coco",
        "annotations": "photos.json",
        "images": "photos",
        "held_out_every": 5,
        "held_out_block": 2,
    }
    train = coco | {"cutouts": "cutouts", "paste": 3} | source
    lines = ["[data]", "sizes = [[64, 96]]", "batch_size = 2"]
    for section, values in (("train", train), ("evaluate", coco)):
        lines.append(f"[[data.{section}]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    (folder / "recipe.toml").write_text("\n".join(lines))
    return load_settings(folder / "recipe.toml")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_photos(tmp_path, 20)
    write_cutouts(tmp_path / "cutouts", ["p00_1.png", "p05_1.png", "p05_2.png", "x.png"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_blocks_of_neighbours_are_held_out_together(world: Path) -> None:
    settings = recipe(world).data.evaluate[0]
    held_out = [entry["file_name"] for entry in coco_frames(settings, held_out=True).images]
    trained_on = [entry["file_name"] for entry in coco_frames(settings, held_out=False).images]
    assert held_out == ["p00.jpg", "p01.jpg", "p10.jpg", "p11.jpg"]
    assert sorted(held_out + trained_on) == [f"p{number:02d}.jpg" for number in range(20)]


def test_cutouts_of_held_out_photos_are_never_pasted(world: Path) -> None:
    pasted = training_mixture(recipe(world)).sources[0]
    assert [path.name for path in pasted.cutouts.paths] == ["p05_1.png", "p05_2.png", "x.png"]


def test_empty_photos_show_nothing_until_people_are_pasted(world: Path) -> None:
    factory, rng = SourceFactory(), np.random.default_rng(0)
    source = SourceSettings("empty", images="photos")
    assert len(factory.empty(source).draw(rng, (64, 96)).boxes_xyxy) == 0
    crowded = factory.empty(replace(source, cutouts="cutouts", paste=6))
    assert max(len(crowded.draw(rng, (64, 96)).boxes_xyxy) for _ in range(10)) > 0


def test_a_pair_is_one_frame_seen_twice() -> None:
    settings = replace(tiny_settings().data, paired=1.0, batch_size=2)
    stream = ExampleStream(PaintedSource(), settings, 8)
    first, second, third = stream[0], stream[1], stream[2]
    assert first.pair == second.pair != third.pair
    assert set(first.object_ids) & set(second.object_ids)
    assert not np.array_equal(first.image, second.image)
    assert abs(first.log_view - second.log_view) < 0.1
    alone = ExampleStream(PaintedSource(), settings, 8)[1]  # a worker may start in the middle of a pair
    assert np.array_equal(alone.image, second.image)


def test_a_run_ends_in_time_with_its_schedule_complete(tmp_path: Path) -> None:
    settings = tiny_settings(steps=100_000, decay_steps=50_000)
    settings = replace(settings, run=replace(settings.run, minutes=0.02, save_every=100_000))
    trainer = Trainer(DetectorTask(tiny_detector(), PaintedSource(), settings), tmp_path)
    trainer.run()
    assert 0 < trainer.step < 100_000
    peak = settings.optimizer.learning_rate
    assert trainer.optimizer.param_groups[0]["lr"] < 0.9 * peak
    assert (tmp_path / f"step-{trainer.step:07d}.pt").exists()


def test_the_last_steps_use_their_own_sizes() -> None:
    data = replace(tiny_settings().data, last_sizes=[[96, 128]], last_steps=2)
    stream = ExampleStream(PaintedSource(), data, 8)
    assert [stream[index].image.shape[:2] for index in range(0, 8, 2)] == [(64, 96)] * 2 + [(96, 128)] * 2
    with pytest.raises(UsageError, match="last_sizes"):
        settings_from_dict({"data": {"train": [{"kind": "crowd"}], "last_steps": 5}})


AFTER_OPENCV_USED_ITS_THREADS = """
from dataclasses import replace
import cv2, numpy as np
from tiny_detector import PaintedSource, tiny_settings
from deptr.training.data import ExampleStream, batches

cv2.setNumThreads(4)
cv2.resize(np.zeros((2000, 2000, 3), np.uint8), (3000, 3000))
stream = ExampleStream(PaintedSource(), replace(tiny_settings().data, workers=1), 4)
print(sum(len(batch.images) for batch in batches(stream, rank=0, processes=1)), cv2.getNumThreads())
"""


def test_loading_in_processes_does_not_hang_where_opencv_has_used_its_threads() -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    command = [sys.executable, "-c", AFTER_OPENCV_USED_ITS_THREADS]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split() == ["4", "4"]


def test_a_pack_holds_what_the_recipe_trains_on_and_nothing_held_out(world: Path, tmp_path: Path) -> None:
    settings = recipe(world)
    size = write_pack(settings, "recipe.toml", "pack.zip", PackLimits(side_px=80, cutout_px=32, quality=50))
    assert size == (world / "pack.zip").stat().st_size
    other = tmp_path / "other"
    with zipfile.ZipFile("pack.zip") as archive:
        archive.extractall(other)
    assert not (other / "photos" / "p00.avif").exists()
    assert len(list((other / "photos").iterdir())) == 16
    assert {path.stem for path in (other / "cutouts").iterdir()} == {"p05_1", "p05_2", "x"}
    there = load_settings(other / "recipe.toml")
    assert not there.data.evaluate  # its images stay here
    assert [part.paste for part in there.data.train] == [3]
    source = replace(
        settings.data.train[0], annotations=str(other / "photos.json"), images=str(other / "photos")
    )
    frames = coco_frames(source, held_out=False)
    frame = frames.frame(0)
    assert len(frames) == 16
    assert frame.image.shape == (60, 80, 3)
    np.testing.assert_allclose(frame.boxes_xyxy, [[10, 5, 30, 45]])


def test_a_pack_from_the_command_line_brings_the_backbone_in_half_precision(world: Path) -> None:
    recipe(world)
    text = (world / "recipe.toml").read_text()
    (world / "recipe.toml").write_text(f'[model]\nbackbone_weights = "net.pth"\n{text}')
    torch.save({"_conv_stem.weight": torch.ones(2), "_fc.weight": torch.ones(9)}, world / "net.pth")
    done = CliRunner().invoke(app, ["train", "recipe.toml", "--pack", "pack.zip", "--pack-side", "80"])
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile("pack.zip") as archive:
        archive.extract("backbone.pth", world / "there")
        told = archive.read("recipe.toml").decode()
    kept = torch.load(world / "there" / "backbone.pth", weights_only=True)
    assert [(name, value.dtype) for name, value in kept.items()] == [("_conv_stem.weight", torch.float16)]
    trained_on = (world / "recipe.toml").read_text().partition("[[data.evaluate]]")[0]
    assert told == trained_on.replace("net.pth", "backbone.pth")


@pytest.mark.parametrize(
    ("data", "loss", "words"),
    [
        ({"paired": 0.5, "batch_size": 3}, {}, "data.paired: needs an even data.batch_size, got 3"),
        ({}, {"steady": 0.5}, "loss.steady: has no effect without data.paired"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(data: dict, loss: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings_from_dict({"data": {"train": [{"kind": "crowd"}], **data}, "loss": loss})


def test_a_pack_refuses_paths_of_this_machine(world: Path) -> None:
    settings = recipe(world, images=str(world / "photos"))
    with pytest.raises(UsageError, match="below the working folder"):
        write_pack(settings, "recipe.toml", "pack.zip")
    assert not (world / "pack.zip").exists()


def test_a_mosaic_shows_four_frames_with_their_boxes() -> None:
    painted = painted_frame(0, (64, 96))
    image = np.zeros_like(painted.image)
    image[20:50, 30:60] = 255
    box = np.array([[30, 20, 60, 50]], np.float32)
    one = {name: getattr(painted, name)[:1] for name in ("class_ids", "depth", "depth_std", "track_ids")}
    unknown = np.full(1, np.nan, np.float32)
    frame = replace(painted, image=image, boxes_xyxy=box, visibility=unknown, dense_depth=None, **one)
    for seed in range(8):
        joined = mosaic(np.random.default_rng(seed), [frame] * 4, (128, 192))
        assert joined.image.shape == (128, 192, 3)
        assert np.isnan(joined.depth).all()  # four cameras have no common focal length
        assert len(joined.boxes_xyxy) + len(joined.ignore_boxes_xyxy) >= 4
        white = joined.image[..., 0] > 200
        inside = np.zeros_like(white)
        for x1, y1, x2, y2 in (
            np.concatenate([joined.boxes_xyxy, joined.ignore_boxes_xyxy]).round().astype(int)
        ):
            assert white[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1].all()
            inside[max(0, y1 - 1) : y2 + 1, max(0, x1 - 1) : x2 + 1] = True
        assert not white[~inside].any()


def test_mosaics_end_before_the_last_steps() -> None:
    class Counted(PaintedSource):
        drawn = 0

        def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
            self.drawn += 1
            return super().draw(rng, size)

    source = Counted()
    data = replace(tiny_settings().data, last_sizes=[[64, 96]], last_steps=1)
    stream = ExampleStream(Mixture([source], [1.0], mosaics=1.0, photos=[0]), data, 4)
    drawn = []
    for index in (0, 3):
        source.drawn = 0
        assert stream[index].image.shape == (64, 96, 3)
        drawn.append(source.drawn)
    assert drawn == [4, 1]
    with pytest.raises(UsageError, match=r"data\.mosaics"):
        build_mixture([SourceSettings("crowd")], SourceFactory().builders(), mosaics=0.5)
