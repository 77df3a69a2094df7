"""Training frames from data as people have it: names without zeros, gaps, EXIF, jsons of another size."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from tiny_detector import write_coco
from typer.testing import CliRunner, Result

from deptr.cli.convert import app as convert
from deptr.errors import DataError
from deptr.training.coco import CocoFrames
from deptr.training.images import image_size, read_image


def data_set(root: Path, frames: list[int], rows: list[str], name: str = "{}.png") -> Path:
    folder = root / "A"
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    for frame in frames:
        picture = np.full((48, 80 + frame, 3), 60, np.uint8)
        assert cv2.imwrite(str(folder / "img1" / name.format(frame)), picture)
    (folder / "gt" / "gt.txt").write_text("".join(f"{row}\n" for row in rows))
    (folder / "seqinfo.ini").write_text("[Sequence]\nseqLength=130\nframeRate=10\n")
    return root


def rows_of(frames: list[int], end: str = "1,1,1") -> list[str]:
    return [f"{frame},4,{frame},5,10,20,{end}" for frame in frames]


def converted(root: Path, *words: str, benchmark: str = "mot") -> tuple[dict[str, list[float]], Result]:
    """Left edges of the objects of each image."""
    output = root / "all.json"
    result = CliRunner().invoke(
        convert, [benchmark, str(root), "--output", str(output), *words], catch_exceptions=False
    )
    content = json.loads(output.read_text())
    lefts: dict[str, list[float]] = {Path(entry["file_name"]).name: [] for entry in content["images"]}
    names = {entry["id"]: Path(entry["file_name"]).name for entry in content["images"]}
    for entry in content["annotations"]:
        lefts[names[entry["image_id"]]].append(entry["bbox"][0] * (1 - 2 * entry["iscrowd"]))
    return lefts, result


@pytest.mark.parametrize("name", ["{}.png", "{:06d}.PNG", "cam7_{}.png", "frame{:03d}_x2.png"])
def test_an_image_gets_the_boxes_of_the_frame_in_its_name(tmp_path: Path, name: str) -> None:
    frames = [101, 102, 111, 119]
    lefts, result = converted(data_set(tmp_path, frames, rows_of([101, 102, 103, 111]), name))
    assert lefts == {name.format(frame): [frame] * (frame != 119) for frame in frames}
    assert "A: 1 object(s) on frames without an image were left out" in result.stderr
    sizes = [read_image(tmp_path / "A" / "img1" / file).shape[1] for file in lefts]
    assert [entry["width"] for entry in json.loads((tmp_path / "all.json").read_text())["images"]] == sizes
    thin, _ = converted(tmp_path, "--stride", "10", "--overwrite")
    assert list(thin) == [name.format(101), name.format(111)]


def test_damaged_and_hidden_images_are_left_out(tmp_path: Path) -> None:
    root = data_set(tmp_path, [1, 2, 3], rows_of([1, 2, 3]))
    (root / "A" / "img1" / "2.png").write_bytes(b"broken")
    (root / "A" / "img1" / "._1.png").write_bytes(b"Mac OS X")
    lefts, result = converted(root)
    assert lefts == {"1.png": [1], "3.png": [3]}
    assert "A: 1 image(s) could not be decoded and were left out: 2.png" in result.stderr


def test_images_where_seqinfo_says(tmp_path: Path) -> None:
    root = data_set(tmp_path, [1, 2], rows_of([1, 2]))
    (root / "A" / "img1").rename(root / "A" / "frames")
    (root / "A" / "seqinfo.ini").write_text("[Sequence]\nseqLength=2\nimDir=frames\n")
    assert converted(root)[0] == {"1.png": [1], "2.png": [2]}


@pytest.mark.parametrize("end", ["1,3,1", "0.61,0,1", "-1,-1,-1,-1", "1"])
def test_mot_makes_every_row_that_counts_an_object(tmp_path: Path, end: str) -> None:
    rows = [*rows_of([1], end), "1,5,30,5,10,20" + end.replace(end.split(",", maxsplit=1)[0], ",0", 1)]
    lefts, _ = converted(data_set(tmp_path, [1], rows))
    assert lefts == {"1.png": [1, -30]}


def test_a_data_set_without_an_object_is_refused(tmp_path: Path) -> None:
    root = data_set(tmp_path, [1], rows_of([1], "0,1,1"))
    with pytest.raises(DataError, match=r"no object to learn from: expected rows of class pedestrian"):
        converted(root)
    assert not (root / "all.json").exists()


def test_kitti_images_count_from_zero(tmp_path: Path) -> None:
    images = tmp_path / "training" / "image_02" / "0000"
    images.mkdir(parents=True)
    (tmp_path / "training" / "label_02").mkdir()
    rows = []
    for frame in (0, 3):
        assert cv2.imwrite(str(images / f"{frame:06d}.png"), np.zeros((48, 80, 3), np.uint8))
        rows.append(f"{frame} 1 Car 0 0 -1.5 {10 + frame} 5 40 45 1 1 1 0 1 8.5 0\n")
    (tmp_path / "training" / "label_02" / "0000.txt").write_text("".join(rows))
    assert converted(tmp_path, benchmark="kitti-car")[0] == {"000000.png": [10], "000003.png": [13]}


@pytest.mark.parametrize(
    ("size", "hint"),
    [
        ((120, 80), "multiply boxes and sizes by 0.5"),
        ((40, 60), "EXIF orientation"),
        ((61, 40), "take the images that were labelled"),
    ],
)
def test_a_json_of_another_size_names_both(tmp_path: Path, size: tuple[int, int], hint: str) -> None:
    images = [{"id": 7, "file_name": "a.png", "width": size[0], "height": size[1]}]
    frames = CocoFrames(write_coco(tmp_path, images=images))
    words = (
        rf"a.png: image 7 of labels.json.*expected {size[0]}x{size[1]} as the json says, found 60x40.*{hint}"
    )
    with pytest.raises(DataError, match=words):
        frames.frame(0)


def test_a_json_without_sizes_is_taken_at_its_word(tmp_path: Path) -> None:
    images = [{"id": 7, "file_name": "a.png", "width": None}]
    assert len(CocoFrames(write_coco(tmp_path, images=images)).frame(0).boxes_xyxy) == 2


@pytest.mark.filterwarnings("ignore:.*turned by EXIF")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_turned_by_exif_are_labelled_as_they_are_seen(tmp_path: Path, orientation: int) -> None:
    raw = np.zeros((40, 60, 3), np.uint8)
    raw[:20, :30, 0] = 250
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    PillowImage.fromarray(raw).save(path, exif=exif, quality=95)
    seen = read_image(path)
    shape = (60, 40) if orientation >= 5 else (40, 60)
    assert seen.shape[:2] == image_size(path) == shape
    written = {"id": 7, "file_name": "a.jpg", "width": shape[1], "height": shape[0]}
    box = [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9]}]
    (found,) = (
        CocoFrames(write_coco(tmp_path, images=[written], annotations=box)).frame(0).boxes_xyxy.tolist()
    )
    assert found == [0, 0, 9, 9]
    if orientation >= 5:
        unturned = written | {"width": 60, "height": 40}
        with pytest.raises(DataError, match=r"expected 60x40 as the json says, found 40x60.*EXIF"):
            CocoFrames(write_coco(tmp_path, images=[unturned], annotations=box)).frame(0)


def test_boxes_without_extent_are_no_objects(tmp_path: Path) -> None:
    boxes = [[5, 5, 0, 9], [5, 5, 9, 0], [5, 5, 9, 9]]
    entries = [{"image_id": 7, "category_id": 1, "bbox": box, "track_id": None} for box in boxes]
    frame = CocoFrames(write_coco(tmp_path, annotations=entries)).frame(0)
    assert (frame.boxes_xyxy.tolist(), frame.class_ids.tolist(), frame.track_ids.tolist()) == (
        [[5, 5, 14, 14]],
        [0],
        [-1],
    )


@pytest.mark.parametrize("name", ["nul\0.png", "\ud800.png", "missing.png"])
def test_names_that_no_file_has_are_told(tmp_path: Path, name: str) -> None:
    frames = CocoFrames(write_coco(tmp_path, images=[{"id": 7, "file_name": name}], annotations=[]))
    with pytest.raises(DataError, match="cannot be read"):
        frames.frame(0)


def test_predicted_detections_keep_the_frames_of_their_images(tmp_path: Path) -> None:
    from deptr.detector.inference import Detector
    from deptr.experiments.predicted_benchmark import predict_benchmark
    from deptr.io.frames import open_source

    root = data_set(tmp_path / "in", [], rows_of([1, 2, 5]))
    with open_source(Path(__file__).parents[2] / "assets" / "vtest.mp4") as source:
        street = cv2.cvtColor(next(iter(source)).image, cv2.COLOR_RGB2BGR)
    for frame in (1, 2, 5):
        assert cv2.imwrite(str(root / "A" / "img1" / f"{frame}.jpg"), street)
    assert predict_benchmark(Detector.from_pretrained(), root, tmp_path / "out") == 1
    rows = (tmp_path / "out" / "A" / "det" / "det.txt").read_text().splitlines()
    assert {row.split(",")[0] for row in rows} == {"1", "2", "5"}


def test_a_test_set_without_ground_truth_is_predicted_too(tmp_path: Path) -> None:
    """Only the named class is kept, and an inverse depth below 0 is written as 0: no reader takes less."""
    from tiny_detector import tiny_detector

    from deptr.detector.inference import Detector
    from deptr.experiments.predicted_benchmark import predict_benchmark
    from deptr.io.mot_text import read_detections

    images = tmp_path / "in" / "A" / "img1"
    images.mkdir(parents=True)
    for frame in (1, 2, 3):
        assert cv2.imwrite(str(images / f"{frame}.jpg"), np.full((48, 72, 3), 40 * frame, np.uint8))
    tiny_detector(depth_kind="relative_inverse").save_pretrained(tmp_path / "model")
    detector = Detector.from_pretrained(tmp_path / "model", device="cpu")
    found = {}
    for words in ((), ("LABEL_0",)):
        out = tmp_path / f"out{len(words)}"
        assert (
            predict_benchmark(detector, tmp_path / "in", out, min_score=0.0, classes=words, batch_size=2) == 1
        )
        assert not (out / "A" / "gt").exists()
        found[words] = read_detections(out / "A" / "det" / "det.txt", depth_kind="relative_inverse")
    assert set(found[()].frame) == {1, 2, 3}
    assert (found[()].depth == 0).any() and (found[()].depth >= 0).all()
    assert 0 < len(found["LABEL_0",].frame) < len(found[()].frame)
    with pytest.raises(DataError, match=r"no such class: expected one of LABEL_0, LABEL_1, found dog"):
        predict_benchmark(detector, tmp_path / "in", tmp_path / "no", classes=["dog"])


@pytest.mark.parametrize(
    ("benchmark", "other", "ignored"),
    [
        ("kitti-car", "DontCare", True),
        ("kitti-car", "van", True),
        ("kitti-car", "Truck", False),
        ("kitti-pedestrian", "Person_sitting", True),
        ("kitti-pedestrian", "Cyclist", False),
    ],
)
def test_what_kitti_does_not_judge_is_no_background(
    tmp_path: Path, benchmark: str, other: str, ignored: bool
) -> None:
    labels = tmp_path / "training" / "label_02"
    images = tmp_path / "training" / "image_02" / "0000"
    labels.mkdir(parents=True)
    images.mkdir(parents=True)
    assert cv2.imwrite(str(images / "000000.png"), np.full((48, 90, 3), 60, np.uint8))
    target, number = ("Car" if "car" in benchmark else "Pedestrian"), -1 if other == "DontCare" else 2
    rows = [
        f"0 1 {target} 0 0 -1.5 5 5 20 30 1 1 1 0 1 8 0",
        f"0 {number} {other} 0 0 0 40 5 60 30 1 1 1 0 1 8 0",
    ]
    (labels / "0000.txt").write_text("\n".join(rows))
    lefts, _ = converted(tmp_path, benchmark=benchmark)
    assert lefts == {"000000.png": [5, -40] if ignored else [5]}  # ignored ones count negative


def test_a_visibility_that_is_no_share_is_not_known(tmp_path: Path) -> None:
    converted(data_set(tmp_path, [1], rows_of([1], "1,1,80")))
    assert CocoFrames(tmp_path / "all.json").frame(0).visibility.tolist() == pytest.approx(
        [float("nan")], nan_ok=True
    )


def test_images_of_another_size_than_the_sequence_says_are_refused(tmp_path: Path) -> None:
    for width, right in ((81, True), (162, False)):  # the image has 81 x 48
        root = data_set(tmp_path / str(width), [1], rows_of([1]))
        (root / "A" / "seqinfo.ini").write_text(f"[Sequence]\nseqLength=1\nimWidth={width}\nimHeight=48\n")
        if right:
            assert converted(root)[0] == {"1.png": [1]}
            continue
        with pytest.raises(DataError, match=r"1.png: another size: expected 162x48 .*, found 81x48"):
            converted(root)


def test_objects_outside_their_image_are_counted(tmp_path: Path) -> None:
    rows = [*rows_of([1]), "1,5,900,5,10,20,1,1,1"]
    lefts, result = converted(data_set(tmp_path, [1], rows))
    assert lefts == {"1.png": [1]}
    assert "A: 1 object(s) outside their image, or without extent, were left out" in result.stderr
