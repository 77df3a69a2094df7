"""From a benchmark's folder and the teacher's labels to training frames, through the command line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from deptr.cli.convert import app as convert
from deptr.errors import DataError, UsageError
from deptr.evaluation.depth_metrics import depth_figures, order_at_overlaps
from deptr.training.coco import CocoFrames

TRUTH = """1,1,10,10,20,30,1,1,0.9
1,2,30,10,20,30,1,1,0.4
1,3,50,10,10,10,0,1,1.0
1,4,60,10,10,10,1,8,1.0
2,1,12,10,20,30,1,1,0.9
"""


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """A MOT17 sequence of two frames: two people, one not scored, one distractor."""
    folder = tmp_path / "MOT17-02-FRCNN"
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    for frame in (1, 2):
        cv2.imwrite(str(folder / "img1" / f"{frame:06d}.jpg"), np.full((48, 80, 3), 60, np.uint8))
    (folder / "gt" / "gt.txt").write_text(TRUTH)
    info = "[Sequence]\nname=MOT17-02-FRCNN\nframeRate=30\nseqLength=2\nimWidth=80\nimHeight=48\n"
    (folder / "seqinfo.ini").write_text(info)
    return tmp_path


def test_benchmark_becomes_training_frames(benchmark: Path, tmp_path: Path) -> None:
    output = tmp_path / "train.json"
    words = ["mot17", str(benchmark), "--output", str(output)]
    result = CliRunner().invoke(convert, words, catch_exceptions=False)
    assert "2 images, 3 objects" in result.output
    frames = CocoFrames(output)
    frame = frames.frame(0)
    assert frame.class_ids.tolist() == [0, 0]
    assert frame.boxes_xyxy.tolist() == [[10, 10, 30, 40], [30, 10, 50, 40]]
    assert frame.ignore_boxes_xyxy.tolist() == [[50, 10, 60, 20], [60, 10, 70, 20]]
    np.testing.assert_allclose(frame.visibility, [0.9, 0.4], rtol=1e-6)
    assert np.isnan(frame.depth).all()
    with pytest.raises(UsageError, match="exists"):
        CliRunner().invoke(convert, words, catch_exceptions=False)


def test_teacher_labels_take_the_place_of_unknown_depth(benchmark: Path, tmp_path: Path) -> None:
    labels = pytest.importorskip("deptr.io.labels")
    pytest.importorskip("pyarrow")
    from deptr.training.convert import _teacher_depths

    rows = labels.FrameLabels(
        frame=np.array([1, 1], np.int32),
        object_id=np.array([1, 2]),
        class_id=np.zeros(2, np.int32),
        boxes_xyxy=np.zeros((2, 4), np.float32),
        depth=np.array([3.5, 9.0], np.float32),
        depth_std=np.array([0.5, 0.1], np.float32),
        mask_area=np.ones(2, np.int32),
        visible_fraction=np.ones(2, np.float32),
        validity=np.array([labels.Validity.GOOD, labels.Validity.DEPTH_EDGE], np.int8),
        mask=[b"", b""],
    )

    class Stored:
        pass

    stored = Stored()
    stored.rows = rows
    assert _teacher_depths(stored) == {(1, 1): (3.5, 0.5)}


def test_a_folder_without_labels_is_told(benchmark: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    words = [
        "mot17",
        str(benchmark),
        "--output",
        str(tmp_path / "o.json"),
        "--labels",
        str(tmp_path / "empty"),
    ]
    with pytest.raises(DataError, match="holds no depth labels"):
        CliRunner().invoke(convert, words, catch_exceptions=False)
    assert not (tmp_path / "o.json").exists()


def test_a_benchmark_without_images_is_told(benchmark: Path, tmp_path: Path) -> None:
    for path in (benchmark / "MOT17-02-FRCNN" / "img1").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no images"):
        CliRunner().invoke(
            convert, ["mot17", str(benchmark), "--output", str(tmp_path / "o.json")], catch_exceptions=False
        )


def test_depth_figures_by_hand() -> None:
    """Two images: in the second the two people are swapped."""
    true = np.array([2.0, 4.0, 8.0, 5.0, 6.0])
    predicted = np.array([2.2, 4.0, 16.0, 6.0, 5.0])
    std = np.array([0.1, 0.1, 10.0, 2.0, np.nan])
    image = np.array([0, 0, 0, 1, 1])
    boxes = np.array(
        [[0, 0, 10, 10], [5, 0, 15, 10], [100, 0, 110, 10], [0, 0, 10, 10], [2, 0, 12, 10]], float
    )
    figures = depth_figures(predicted, std, true, image, boxes)
    assert figures.relative_error == pytest.approx((0.1 + 0 + 1 + 0.2 + 1 / 6) / 5)
    assert figures.within_quarter == pytest.approx(4 / 5)
    assert figures.rank_correlation == pytest.approx(1.0)  # the second image has too few
    assert (figures.order_accuracy, figures.pairs) == (0.5, 2)
    assert figures.within_one_std == pytest.approx(3 / 4)
    with pytest.raises(UsageError, match="one length"):
        depth_figures(predicted[:2], std, true, image, boxes)


def test_people_at_one_depth_are_no_pair() -> None:
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10.0]])
    assert order_at_overlaps(np.array([1.0, 2]), np.array([5.0, 5.05]), np.zeros(2, int), boxes) == (0, 0)


def test_stored_depth_maps_travel_with_the_frames(tmp_path: Path) -> None:
    import pyarrow.parquet
    from tiny_detector import write_coco

    from deptr.io.label_maps import maps_table, pack_depth

    tiles = np.arange(5 * 8, dtype=np.float32).reshape(5, 8) + 1
    images = [{"id": 7, "file_name": "a.png", "width": 60, "height": 40, "sequence": "walk", "frame": 3}]
    path = write_coco(tmp_path, images=images)
    pyarrow.parquet.write_table(maps_table([3], [pack_depth(tiles)]), tmp_path / "walk.dense.parquet")
    depth = CocoFrames(path, labels=tmp_path).frame(0).dense_depth
    assert depth.shape == (40, 60)
    np.testing.assert_allclose(depth[::8, ::8], tiles, rtol=1e-3)
    with pytest.raises(DataError, match="no such file"):
        CocoFrames(write_coco(tmp_path, images=[images[0] | {"sequence": "run"}]), labels=tmp_path).frame(0)
