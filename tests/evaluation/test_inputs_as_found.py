"""Ground truths and results as people have them: eval, validate, label and track agree on what they mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deptr.cli.main import app
from deptr.errors import DataError
from deptr.evaluation.result_files import passed_over, read_result, result_paths
from deptr.evaluation.validation import validate
from deptr.io.sequences import benchmark_of
from deptr.teacher.boxes import read_boxes

FRAMES = range(1, 13)


def box(frame: int) -> str:
    return f"{frame},3,{10 + 2 * frame},20,30,60"


def ground_truth(root: Path, end: str, *, info: bool = True) -> Path:
    folder = root / "gt" / "A" / "gt"
    folder.mkdir(parents=True)
    (folder / "gt.txt").write_text("".join(f"{box(frame)},{end}\n" for frame in FRAMES))
    if info:
        (folder.parent / "seqinfo.ini").write_text("[Sequence]\nseqLength=12\nframeRate=10\n")
    return root / "gt"


def results(folder: Path, end: str = "0.9,-1,-1,-1", name: str = "A.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(f"{box(frame)},{end}\n" for frame in FRAMES))
    return folder


def judged(tracks: Path, root: Path, benchmark: str = "mot") -> tuple[float, list[str], str]:
    """HOTA, what `validate` finds, and what was said on the way."""
    words = [str(tracks), "--benchmark", benchmark, "--root", str(root)]
    target = tracks.parent / "scores.json"
    done = CliRunner().invoke(app, ["eval", *words, "--json", str(target)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    findings = validate(tracks, benchmark=benchmark_of(benchmark), root=root)
    return json.loads(target.read_text())["combined"]["HOTA"], list(map(str, findings)), done.stderr


@pytest.mark.parametrize(
    "end", ["1", "0.25", "-1", "0.61,2,1", "1,0,0.5", "1,4.5", "1,7", "1,3,1,8.25", "1,-1,-1,-1"]
)
def test_a_truth_that_counts_is_scored_and_labelled(tmp_path: Path, end: str) -> None:
    root = ground_truth(tmp_path, end)
    score, findings, _ = judged(results(tmp_path / "res"), root)
    assert (score, findings) == (pytest.approx(100), [])
    assert len(read_boxes(root / "A" / "gt" / "gt.txt").frame) == len(FRAMES)


def test_a_truth_in_which_nothing_counts_is_told(tmp_path: Path) -> None:
    root = ground_truth(tmp_path, "0,1,1")
    words = ["eval", str(results(tmp_path / "res")), "--benchmark", "mot", "--root", str(root)]
    with pytest.raises(
        DataError, match="ground truth of mot: no row counts: expected rows of class pedestrian"
    ):
        CliRunner().invoke(app, words, catch_exceptions=False)
    with pytest.raises(DataError, match="no box to label: expected rows whose column 7 is not 0"):
        read_boxes(root / "A" / "gt" / "gt.txt")


@pytest.mark.parametrize("benchmark", ["mot", "dancetrack"])
@pytest.mark.parametrize(
    "end", ["0.9", "0.9,7", "0.9,2.5", "0.9,1,1", "0.9,-1,-1,-1", "0.9,4.5,-1,-1", "0.9,3,-1,-1,7"]
)
def test_depths_and_own_classes_of_results_are_no_mistake(tmp_path: Path, benchmark: str, end: str) -> None:
    root = ground_truth(tmp_path, "1,1,1")
    if benchmark != "mot":
        (root / "A").rename(root / "dancetrack0001")
    name = "A.txt" if benchmark == "mot" else "dancetrack0001.txt"
    assert judged(results(tmp_path / "res", end, name), root, benchmark)[:2] == (pytest.approx(100), [])


@pytest.mark.parametrize("end", ["0.9,3,1", "0.9,3,-1,-1"])
def test_another_class_is_a_mistake_where_classes_are_scored(tmp_path: Path, end: str) -> None:
    root = ground_truth(tmp_path, "1,1,1")
    tracks = results(tmp_path / "res", end)
    assert validate(tracks, benchmark=benchmark_of("mot"), root=root) == []
    (found,) = validate(tracks / "A.txt", benchmark=benchmark_of("dancetrack"))
    assert found.problem == "class column names another class"


def test_trackeval_s_folder_is_a_result(tmp_path: Path) -> None:
    root = ground_truth(tmp_path, "1,1,1")
    tracker = tmp_path / "trackers" / "ours"
    results(tracker / "data")
    figures = " ".join(str(value) for value in range(40))
    (tracker / "pedestrian_summary.txt").write_text(f"HOTA DetA {'X ' * 38}\n{figures}\n")
    assert judged(tracker, root)[:2] == (pytest.approx(100), [])


def test_other_text_beside_results_is_passed_over_and_told(tmp_path: Path) -> None:
    root = ground_truth(tmp_path, "1,1,1")
    tracks = results(tmp_path / "res")
    (tracks / "README.txt").write_text("Made with 3 trackers, 2 of them ours.\n")
    (tracks / "._A.txt").write_bytes(b"\0\5\26\7Mac OS X")
    score, findings, said = judged(tracks, root)
    assert (score, findings) == (pytest.approx(100), [])
    assert "README.txt: passed over, holds no row of a result" in said and "._A.txt" not in said
    assert [path.name for path in passed_over(tracks)] == ["README.txt"]
    out = tmp_path / "refined"
    words = ["refine", str(tracks), "--output", str(out), "--fps", "10"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    assert [path.name for path in out.iterdir()] == ["A.txt"]


def test_text_alone_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "A.txt").write_text("frame,id,x,y,w,h\n1;2;3\n")
    assert [path.name for path in result_paths(tmp_path)] == ["A.txt"]
    (tmp_path / "B.txt").write_text("")
    assert [path.name for path in result_paths(tmp_path)] == ["B.txt"]  # an empty result is one


@pytest.mark.parametrize(
    ("first", "problem", "hint"),
    [
        ("# frame,id,x,y,w,h", "a comment", "remove the comment"),
        ("frame,id,x,y,w,h", "not a number", "names of the columns"),
        ("1,person,3,4,5,6,1", "not a number", "the other columns of the row are data"),
    ],
)
def test_findings_advise_to_delete_no_row(tmp_path: Path, first: str, problem: str, hint: str) -> None:
    (tmp_path / "A.txt").write_text(f"{first}\n{box(1)},0.9\n")
    (found,) = read_result(tmp_path / "A.txt").findings
    assert (found.line, found.problem) == (1, problem)
    assert hint in found.hint


def test_a_truth_by_savetxt_without_seqinfo(tmp_path: Path) -> None:
    root = ground_truth(tmp_path, "1,1,1", info=False)
    file = root / "A" / "gt" / "gt.txt"
    rows = [line.split(",") for line in file.read_text().splitlines()]
    file.write_text("".join(",".join(f"{float(word):.18e}" for word in row) + "\n" for row in rows))
    assert judged(results(tmp_path / "res"), root)[0] == pytest.approx(100)


def test_classes_choose_among_nine_columns(tmp_path: Path) -> None:
    rows = [f"{frame},-1,{x},20,30,60,0.9,{own},1\n" for frame in FRAMES for own, x in ((2, 10), (5, 200))]
    (tmp_path / "det.txt").write_text("".join(rows))
    words = [
        "track",
        "--detections",
        str(tmp_path / "det.txt"),
        "--fps",
        "10",
        "--classes",
        "5",
        "--no-video",
    ]
    done = CliRunner().invoke(app, [*words, "--output", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0
    lefts = {line.split(",")[2] for line in (tmp_path / "out" / "tracks.txt").read_text().splitlines()}
    assert lefts == {"200.000"}


def test_the_one_tracker_of_a_tree_is_found_and_of_several_none_is_guessed(tmp_path: Path) -> None:
    split = tmp_path / "trackers" / "mot_challenge" / "MOT17-train"
    results(split / "OURS" / "data")
    for folder in (tmp_path / "trackers", split.parent, split, split / "OURS", split / "OURS" / "data"):
        assert result_paths(folder) == [split / "OURS" / "data" / "A.txt"]
    results(split / "THEIRS" / "data")
    with pytest.raises(DataError, match="several trackers: expected one of its folders, found OURS, THEIRS"):
        result_paths(split)


def test_a_comment_at_the_end_says_nothing_about_separators(tmp_path: Path) -> None:
    (tmp_path / "A.txt").write_text(f"{box(1)},0.9\n{box(2)},0.9\n# made by hand\n")
    (finding,) = read_result(tmp_path / "A.txt").findings
    assert (finding.problem, finding.line) == ("a comment", 3)


@pytest.mark.parametrize("word", ["1_0", "\u0661", "0x1"])
def test_what_only_python_takes_for_a_number_is_none(tmp_path: Path, word: str) -> None:
    (tmp_path / "A.txt").write_text(f"1,3,{word},20,30,60,0.9\n{box(2)},0.9\n", encoding="utf-8")
    (finding,) = read_result(tmp_path / "A.txt").findings
    assert (finding.problem, finding.line) == ("not a number", 1)


def test_validate_tells_of_a_truth_without_objects(tmp_path: Path) -> None:
    root = ground_truth(tmp_path, "0,1,1")
    (finding,) = validate(results(tmp_path / "res"), benchmark=benchmark_of("mot"), root=root)
    assert (finding.severity, finding.problem) == ("warning", "no row counts")
    assert finding.source.endswith("gt.txt")


def test_tune_tells_of_a_wrong_file_before_any_trial(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    root = ground_truth(tmp_path, "1,1,1")
    for name in ("A", "B"):
        (root / name / "gt").mkdir(parents=True, exist_ok=True)
        (root / name / "gt" / "gt.txt").write_text((root / "A" / "gt" / "gt.txt").read_text())
        (root / name / "seqinfo.ini").write_text("[Sequence]\nseqLength=12\nframeRate=10\n")
        (root / name / "det.txt").write_text("0,-1,10,20,30,60,0.9\n")
    words = ["tune", "mot", "--root", str(root), "--trials", "1", "--workers", "1"]
    done = CliRunner().invoke(app, [*words, "--output", str(tmp_path / "tuned")])
    assert isinstance(done.exception, DataError)
    assert "det.txt, line 1: frame: not a frame number" in str(done.exception)
    assert "Traceback" not in done.output
    assert not list(tmp_path.glob("tuned/*.journal"))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (f"{box(1)},1,1,1", "an identity of the ground truth stands twice in a frame"),
        ("2,9,50,20,0,60,1,1,1", "boxes of the ground truth without extent"),
    ],
)
def test_validate_looks_at_the_truth_too(tmp_path: Path, row: str, problem: str) -> None:
    root = ground_truth(tmp_path, "1,1,1")
    file = root / "A" / "gt" / "gt.txt"
    file.write_text(f"{file.read_text()}{row}\n")
    (finding,) = validate(results(tmp_path / "res"), benchmark=benchmark_of("mot"), root=root)
    assert (finding.problem, finding.count, finding.source) == (problem, 1, str(file))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_true_box_that_is_not_finite_is_named(tmp_path: Path, value: str) -> None:
    root = ground_truth(tmp_path, "1,1,1")
    file = root / "A" / "gt" / "gt.txt"
    file.write_text(f"{file.read_text()}2,9,{value},20,30,60,1,1,1\n")
    with pytest.raises(DataError, match=r"gt.txt: wrong box: expected finite .*in row 13"):
        judged(results(tmp_path / "res"), root)
