"""Ten (and more) deliberate mistakes in result files, each explained before it scores zero."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from worlds import World

from deptr.cli.main import app, main
from deptr.evaluation.validation import errors, validate
from deptr.io.sequences import benchmark_of

NAME = "MOT17-04-FRCNN"
Rows = list[list[str]]


@pytest.fixture
def good(mot_world: World, tmp_path: Path) -> Path:
    """A folder of result files without a mistake: the truth itself, with two decimals."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name in mot_world.tracks:
        truth = (mot_world.root / "train" / name / "gt" / "gt.txt").read_text().splitlines()
        kept = [row.split(",") for row in truth if row.split(",")[6:8] == ["1", "1"]]
        (folder / f"{name}.txt").write_text(
            "".join(",".join([*row[:6], "0.9,-1,-1,-1"]) + "\n" for row in kept)
        )
    return folder


def rewrite(path: Path, change: Callable[[list[str]], list[str]], separator: str = ",") -> None:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("".join(separator.join(change(row)) + "\n" for row in rows))


def column(index: int, change: Callable[[float], float]) -> Callable[[Path], None]:
    """A mistake that changes one column of every row."""

    def spoil(path: Path) -> None:
        rewrite(path, lambda row: [*row[:index], f"{change(float(row[index])):g}", *row[index + 1 :]])

    return spoil


def corners(path: Path) -> None:
    def change(row: list[str]) -> list[str]:
        x, y, w, h = map(float, row[2:6])
        return [*row[:4], f"{x + w:g}", f"{y + h:g}", *row[6:]]

    rewrite(path, change)


def scaled(factor: float) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        rewrite(path, lambda row: [*row[:2], *(f"{float(v) * factor:.8g}" for v in row[2:6]), *row[6:]])

    return spoil


def shares(path: Path) -> None:
    def change(row: list[str]) -> list[str]:
        x, y, w, h = map(float, row[2:6])
        return [*row[:2], *(f"{v:.6f}" for v in (x / 640, y / 360, w / 640, h / 360)), *row[6:]]

    rewrite(path, change)


def prepend(line: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(line + "\n" + path.read_text()) and None


def first_row_again(path: Path) -> None:
    text = path.read_text()
    path.write_text(text + text.splitlines()[0] + "\n")


MISTAKES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "frames from 0": (column(0, lambda v: v - 1), ["frames count from 0", "line 1", "add 1 to every frame"]),
    "duplicate id": (first_row_again, ["duplicate identity in a frame", "id 1 again in frame"]),
    "blanks": (lambda path: rewrite(path, list, " "), ["wrong separator", "expected commas", "found blanks"]),
    "semicolons": (lambda path: rewrite(path, list, ";"), ["wrong separator", "found semicolons"]),
    "boxes outside": (column(2, lambda v: v + 5000), ["box outside the image", "within 640 x 360"]),
    "class column": (column(7, lambda v: 3), ["class column names another class", "column 8", "found 3"]),
    "unknown sequence": (lambda path: path.rename(path.with_name("seq4.txt")), ["unknown sequence", NAME]),
    "missing sequence": (lambda path: path.unlink(), ["sequence missing", f"{NAME}.txt"]),
    "fractional ids": (column(1, lambda v: v + 0.5), ["identity is not a whole number", "found 1.5"]),
    "detections": (column(1, lambda v: -1), ["identity is negative", "these look like detections"]),
    "right and bottom": (corners, ["look like right and bottom", "subtract left from column 5"]),
    "shares of the image": (shares, ["boxes in shares of the image", "multiply by the image size 640 x 360"]),
    "too long": (column(0, lambda v: v + 30), ["frame behind the end of the sequence", "frames up to 40"]),
    "no extent": (column(4, lambda v: 0), ["box without extent", "positive width and height"]),
    "header": (prepend("frame,id,x,y,w,h,score,a,b,c"), ["not a number", "line 1", "remove the line"]),
    "too few columns": (prepend("1,2,3"), ["too few columns", "line 1", "expected at least 6, found 3"]),
    "not finite": (prepend("1,900,nan,2,3,4,1,-1,-1,-1"), ["not a finite number", "line 1"]),
    "empty": (lambda path: path.write_text(""), ["empty result", "one track per line"]),
    "shifted frames": (column(0, lambda v: min(v + 2, 40)), ["frames seem shifted", "add -2 to every frame"]),
    "half the image size": (scaled(0.5), ["boxes of another image size", "multiply the boxes by 2"]),
}


def test_a_right_result_has_no_finding(mot_world: World, good: Path) -> None:
    assert validate(good, benchmark=benchmark_of("mot17"), root=mot_world.root) == []
    arguments = ["validate", str(good), "--benchmark", "mot17", "--root", str(mot_world.root)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "3 files, 0 errors, 0 warnings" in result.output


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_explained(name: str, mot_world: World, good: Path) -> None:
    spoil, words = MISTAKES[name]
    path = good / f"{NAME}.txt"
    if name == "shifted frames":  # rows that would be cut off at the end would be duplicates
        kept = [line for line in path.read_text().splitlines() if int(line.split(",")[0]) <= 38]
        path.write_text("\n".join(kept) + "\n")
    spoil(path)
    arguments = ["validate", str(good), "--benchmark", "mot17", "--root", str(mot_world.root)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    for word in words:
        assert word in result.output, result.output


def test_without_a_benchmark_the_file_itself_is_judged(good: Path) -> None:
    path = good / f"{NAME}.txt"
    first_row_again(path)
    assert [finding.problem for finding in errors(validate(path))] == ["duplicate identity in a frame"]
    shares(path)
    problems = [finding.problem for finding in errors(validate(path, image_size=(640, 360)))]
    assert "boxes in shares of the image" in problems


def kitti_text(first: int, label: str = "Car") -> str:
    rows = []
    for frame in range(40):
        box = f"{10 + frame} 20 {70 + frame} 60"
        rows.append(f"{frame + first} 1 {label} -1 -1 -10 {box} -1 -1 -1 -1000 -1000 -1000 -10 0.9")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (kitti_text(1), ["frames count from 1", "KITTI text counts from 0"]),
        (kitti_text(0, "Automobile"), ["unknown type", "'Automobile'"]),
        (kitti_text(0, "Cyclist"), ["no row of class car", "found cyclist"]),
        (kitti_text(0).replace(" -10 0.9", ""), ["not a KITTI row", "line 1", "16 in"]),
    ],
)
def test_kitti_mistakes(kitti_world: World, tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "0003.txt"
    path.write_text(text)
    found = validate(path, benchmark=benchmark_of("kitti-car"), root=kitti_world.root)
    output = "\n".join(map(str, found))
    for word in words:
        assert word in output


def test_eval_refuses_what_validate_explains(
    mot_world: World, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (good / f"{NAME}.txt").write_text("frame,id,x,y,w,h\n1,1,2,3,4,5\n")
    with pytest.raises(SystemExit) as stop:
        main(["eval", str(good), "--benchmark", "mot17", "--root", str(mot_world.root)])
    assert stop.value.code == 1
    assert "line 1: not a number" in capsys.readouterr().err


def test_eval_writes_table_json_and_csv(mot_world: World, good: Path, tmp_path: Path) -> None:
    import csv
    import json

    arguments = ["eval", str(good), "--benchmark", "mot17", "--root", str(mot_world.root)]
    files = ["--json", str(tmp_path / "out.json"), "--csv", str(tmp_path / "out.csv")]
    result = CliRunner().invoke(app, [*arguments, *files], catch_exceptions=False)
    assert "combined" in result.output
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["combined"]["HOTA"] == pytest.approx(100)
    assert set(content["sequences"]) == set(mot_world.tracks)
    assert {"HOTA", "DetA", "AssA", "LocA", "MOTA", "IDF1", "IDSW"} <= set(content["combined"])
    rows = list(csv.reader((tmp_path / "out.csv").open()))
    assert rows[0][:3] == ["table", "sequence", "HOTA"]
    assert [row[1] for row in rows[1:]] == [*sorted(mot_world.tracks), "combined"]


def test_eval_of_kitti_text_takes_the_scored_class_only(kitti_world: World, tmp_path: Path) -> None:
    from deptr.evaluation.judge import evaluate
    from deptr.evaluation.result_files import read_result, tracks_of

    folder = tmp_path / "results"
    folder.mkdir()
    for name in kitti_world.tracks:
        shutil.copy(kitti_world.root / "label_02" / f"{name}.txt", folder)
    for label in ("car", "pedestrian"):
        entry = benchmark_of(f"kitti-{label}")
        files = [read_result(path) for path in sorted(folder.iterdir())]
        tracks = tracks_of(files, entry)
        assert evaluate(entry, kitti_world.root, tracks).combined["HOTA"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 1, "no such file or folder"),
        (["."], 1, "no result files"),
        ([".", "--benchmark", "mot17"], 2, "belong together"),
        ([".", "--image-size", "big"], 2, "expected WIDTHxHEIGHT"),
        ([".", "--benchmark", "mot", "--root", "nowhere"], 1, "no result files"),
    ],
)
def test_wrong_requests_say_so(
    arguments: list[str],
    code: int,
    words: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["validate", *arguments])
    assert stop.value.code == code
    assert words in capsys.readouterr().err


def test_ids_in_one_frame_only_are_suspicious(good: Path) -> None:
    path = good / f"{NAME}.txt"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text(
        "".join(",".join([row[0], str(index), *row[2:]]) + "\n" for index, row in enumerate(rows))
    )
    (found,) = validate(path)
    assert found.severity == "warning"
    assert "one frame only" in str(found)
    assert np.isfinite(found.count)
