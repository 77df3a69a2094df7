"""Scores from memory are those that TrackEval computes from files, and mistakes are never a silent zero."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from worlds import FRAMES, World

from deptr.errors import DataError, UsageError
from deptr.evaluation import judge
from deptr.evaluation.judge import EvaluationResult, combine, evaluate
from deptr.evaluation.result_files import read_result, result_paths, tracks_of
from deptr.evaluation.trackeval_memory import MemoryKitti, metrics
from deptr.io.sequences import benchmark_of, find_sequences

QUIET = {"PRINT_CONFIG": False}


def file_based(data_set: object, classes: list[str]) -> dict:
    """What TrackEval's own loop says, reading files: sequence and class to metric fields."""
    _, names, _ = data_set.get_eval_info()
    result: dict = {}
    for label in classes:
        for name in names:
            data = data_set.get_preprocessed_seq_data(data_set.get_raw_seq_data("ours", name), label)
            result[name, label] = {key: metric.eval_sequence(data) for key, metric in metrics().items()}
    return result


def assert_same(result: EvaluationResult, official: dict, label: str) -> None:
    assert result.sequences
    theirs = {name: official[name, label] for name in result.sequences}
    for name, families in theirs.items():
        for family, fields in families.items():
            for field, value in fields.items():
                np.testing.assert_allclose(
                    result.raw[name][family][field], value, rtol=0, atol=1e-9, err_msg=f"{name} {field}"
                )
    for field, value in combine(theirs).items():
        assert result.combined[field] == pytest.approx(value, abs=1e-9), field


def mot_files(world: World, folder: Path, benchmark: str = "MOT17") -> dict:
    from trackeval.datasets import MotChallenge2DBox

    for name, rows in world.tracks.items():
        target = folder / "ours" / "data" / f"{name}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = (",".join(repr(float(value)) for value in row) + ",-1,-1,-1" for row in rows)
        target.write_text("".join(f"{line}\n" for line in lines))
    config = {
        "GT_FOLDER": str(world.root / "train"),
        "TRACKERS_FOLDER": str(folder),
        "TRACKERS_TO_EVAL": ["ours"],
        "SEQ_INFO": dict.fromkeys(world.tracks),
        "SKIP_SPLIT_FOL": True,
        "BENCHMARK": benchmark,
        **QUIET,
    }
    return file_based(MotChallenge2DBox(config), ["pedestrian"])


def test_mot17_equals_file_based_trackeval(mot_world: World, tmp_path: Path) -> None:
    official = mot_files(mot_world, tmp_path / "trackers")
    result = evaluate("mot17", mot_world.root, mot_world.tracks)
    assert_same(result, official, "pedestrian")
    assert 20 < result.combined["HOTA"] < 90
    assert result.combined["IDSW"] > 0


def test_mot_folder_equals_file_based_trackeval_without_classes(mot_world: World, tmp_path: Path) -> None:
    official = mot_files(mot_world, tmp_path / "trackers", "MOT15")
    assert_same(evaluate("mot", mot_world.root, mot_world.tracks), official, "pedestrian")


@pytest.mark.parametrize("label", ["car", "pedestrian"])
def test_kitti_equals_file_based_trackeval(kitti_world: World, tmp_path: Path, label: str) -> None:
    from trackeval.datasets import Kitti2DBox

    for name, rows in kitti_world.tracks.items():
        target = tmp_path / "trackers" / "ours" / "data" / f"{name}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for frame, identity, x, y, w, h, score in rows.tolist():
            box = f"{x!r} {y!r} {x + w!r} {y + h!r}"
            lines.append(f"{frame - 1:g} {identity:g} {label} -1 -1 -10 {box} -1 -1 -1 0 0 0 -10 {score:g}")
        target.write_text(
            "\n".join(line.replace("np.float64(", "").replace(")", "") for line in lines) + "\n"
        )
    config = {
        "GT_FOLDER": str(kitti_world.root),
        "TRACKERS_FOLDER": str(tmp_path / "trackers"),
        "TRACKERS_TO_EVAL": ["ours"],
        **QUIET,
    }
    official = file_based(Kitti2DBox(config), [label])
    result = evaluate(f"kitti-{label}", kitti_world.root.parent, kitti_world.tracks)
    assert_same(result, official, label)
    assert result.combined["CLR_TP"] > 20


def test_limits_are_those_of_the_official_reader(kitti_world: World) -> None:
    from trackeval.datasets import Kitti2DBox

    (kitti_world.root / "none").mkdir()
    config = {"GT_FOLDER": str(kitti_world.root), "TRACKERS_TO_EVAL": [], **QUIET}
    official = Kitti2DBox(config)
    ours = MemoryKitti(benchmark_of("kitti-car"))
    for name in ("max_occlusion", "max_truncation", "min_height"):
        assert getattr(ours, name) == getattr(official, name)
    official_classes = {
        key: value for key, value in official.class_name_to_class_id.items() if key != "car_2"
    }
    assert ours.class_name_to_class_id == official_classes


def test_processes_change_nothing(mot_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = evaluate("mot17", mot_world.root, mot_world.tracks, workers=1)
    monkeypatch.setattr(judge, "PARALLEL_ROWS", 0)
    assert evaluate("mot17", mot_world.root, mot_world.tracks, workers=2).combined == alone.combined


def test_stride_thins_the_truth(mot_world: World) -> None:
    """Every 4th frame renumbered scores like ground truth that was thinned by hand."""
    thin = {}
    for name, rows in mot_world.tracks.items():
        keep = rows[(rows[:, 0] - 1) % 4 == 0].copy()
        keep[:, 0] = (keep[:, 0] - 1) // 4 + 1
        thin[name] = keep
    ours = evaluate("mot17", mot_world.root, thin, stride=4)
    for path in mot_world.root.rglob("gt.txt"):
        rows = [line.split(",") for line in path.read_text().splitlines()]
        kept = [[str((int(row[0]) - 1) // 4 + 1), *row[1:]] for row in rows if (int(row[0]) - 1) % 4 == 0]
        path.write_text("".join(",".join(row) + "\n" for row in kept))
    for path in mot_world.root.rglob("seqinfo.ini"):
        path.write_text(path.read_text().replace(f"seqLength={FRAMES}", f"seqLength={FRAMES // 4}"))
    assert evaluate("mot17", mot_world.root, thin).combined == ours.combined


def test_order_of_rows_and_size_of_ids_do_not_matter(mot_world: World) -> None:
    before = evaluate("mot17", mot_world.root, mot_world.tracks).combined
    moved = {}
    for name, rows in mot_world.tracks.items():
        large = rows.copy()
        large[:, 1] += 2**40
        moved[name] = large[np.argsort(large[:, 1], kind="stable")]
    after = evaluate("mot17", mot_world.root, moved).combined
    assert after == pytest.approx(before, abs=1e-9)


def test_flat_layout_scores_like_the_official_one(mot_world: World, tmp_path: Path) -> None:
    flat = tmp_path / "flat" / "mot17"
    for folder in (mot_world.root / "train").iterdir():
        (flat / folder.name).mkdir(parents=True)
        shutil.copy(folder / "gt" / "gt.txt", flat / folder.name)
        shutil.copy(folder / "seqinfo.ini", flat / folder.name)
    expected = evaluate("mot17", mot_world.root, mot_world.tracks).combined
    for root in (flat, flat.parent):
        assert evaluate("mot17", root, mot_world.tracks).combined == expected


def test_mot17_copies_per_detector_are_one_video(mot_world: World) -> None:
    """The release repeats each video for three detectors; scoring all three would triple the counts."""
    train = mot_world.root / "train"
    for folder in list(train.iterdir()):
        for detector in ("DPM", "SDP"):
            shutil.copytree(folder, train / folder.name.replace("FRCNN", detector))
    names = [sequence.name for sequence in find_sequences("mot17", mot_world.root)]
    assert names == sorted(mot_world.tracks)
    expected = evaluate("mot17", mot_world.root, mot_world.tracks).combined
    for suffix in ("-SDP", ""):
        renamed = {name.replace("-FRCNN", suffix): rows for name, rows in mot_world.tracks.items()}
        assert evaluate("mot17", mot_world.root, renamed).combined == expected


def _broken(column: int, value: float) -> dict:
    return {"column": column, "value": value}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            _broken(0, FRAMES + 1),
            ["longer than the ground truth", f"frames up to {FRAMES}", f"frame {FRAMES + 1}"],
        ),
        (_broken(0, 0), ["frames count from 1", "shift the frames"]),
        (_broken(0, 2.5), ["frame is not a whole number"]),
        (_broken(1, 3.25), ["identity is not a whole number", "id 3.25 in row 1"]),
        (_broken(1, -1), ["identity is negative"]),
        (_broken(3, np.nan), ["not finite"]),
        (_broken(4, np.inf), ["not finite"]),
    ],
)
def test_bad_rows_are_named(mot_world: World, change: dict, words: list[str]) -> None:
    name = "MOT17-04-FRCNN"
    mot_world.tracks[name][0, change["column"]] = change["value"]
    with pytest.raises(DataError) as error:
        evaluate("mot17", mot_world.root, mot_world.tracks)
    for word in [name, *words]:
        assert word in str(error.value)


def test_duplicate_identity_is_named(mot_world: World) -> None:
    rows = mot_world.tracks["MOT17-02-FRCNN"]
    mot_world.tracks["MOT17-02-FRCNN"] = np.concatenate([rows, rows[5:6]])
    with pytest.raises(DataError, match=f"id {rows[5, 1]:g} twice in frame {rows[5, 0]:g}"):
        evaluate("mot17", mot_world.root, mot_world.tracks)


def test_sequences_must_be_the_same_on_both_sides(mot_world: World) -> None:
    rows = mot_world.tracks.pop("MOT17-04-FRCNN")
    with pytest.raises(DataError, match="no tracks for MOT17-04-FRCNN"):
        evaluate("mot17", mot_world.root, mot_world.tracks)
    mot_world.tracks["MOT17-04"] = rows
    mot_world.tracks["MOT17-99"] = rows
    with pytest.raises(DataError, match="no such sequence as MOT17-99"):
        evaluate("mot17", mot_world.root, mot_world.tracks)


def test_an_empty_result_is_an_error_unless_it_is_meant(mot_world: World) -> None:
    mot_world.tracks["MOT17-05-FRCNN"] = np.zeros((0, 7))
    with pytest.raises(DataError, match=r"empty result.*none in MOT17-05-FRCNN"):
        evaluate("mot17", mot_world.root, mot_world.tracks)
    assert (
        evaluate("mot17", mot_world.root, mot_world.tracks, allow_empty=True).sequences["MOT17-05-FRCNN"][
            "HOTA"
        ]
        == 0
    )


def test_a_root_of_another_layout_says_what_was_looked_for(mot_world: World, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        find_sequences("mot17", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as error:
        find_sequences("mot17", tmp_path / "empty")
    for word in (
        "not the layout of benchmark mot17",
        "gt/gt.txt",
        str(tmp_path / "empty" / "MOT17" / "train"),
    ):
        assert word in str(error.value)
    with pytest.raises(DataError, match=r"training/label_02/0000.txt"):
        find_sequences("kitti-car", tmp_path / "empty")
    with pytest.raises(DataError, match=r"another benchmark than mot20.*names like MOT20-\*, found MOT17-02"):
        find_sequences("mot20", mot_world.root)
    with pytest.raises(UsageError, match="expected one of mot17"):
        find_sequences("mot18", mot_world.root)
    with pytest.raises(DataError, match=r"unknown sequence MOT17-77.*MOT17-02-FRCNN"):
        find_sequences("mot17", mot_world.root, names=["MOT17-77"])


def test_broken_ground_truth_names_file_and_line(mot_world: World) -> None:
    path = mot_world.root / "train" / "MOT17-02-FRCNN" / "gt" / "gt.txt"
    lines = path.read_text().splitlines()
    for line, words in (
        ("1,2,3", "line 2: wrong number of columns"),
        ("1,x,3,4,5,6,1,1,1", "line 2: id: expected a number"),
    ):
        path.write_text("\n".join([lines[0], line, *lines[2:]]))
        with pytest.raises(DataError, match=words):
            evaluate("mot17", mot_world.root, mot_world.tracks)
    path.write_text("\n".join([*lines, f"{FRAMES + 3},1,0,0,9,9,1,1,1"]))
    with pytest.raises(
        DataError, match=f"longer than its sequence: expected frames up to {FRAMES}, found frame 43"
    ):
        evaluate("mot17", mot_world.root, mot_world.tracks)
    path.write_text("\n".join(line.replace(",1,1,", ",1,99,", 1) for line in lines))
    with pytest.raises(DataError, match="invalid gt classes"):
        evaluate("mot17", mot_world.root, mot_world.tracks)
    (path.parents[1] / "seqinfo.ini").write_text("[Sequence]\nseqLength=many\n")
    with pytest.raises(DataError, match="wrong seqLength"):
        evaluate("mot17", mot_world.root, mot_world.tracks)


@pytest.mark.parametrize("benchmark", ["mot17", "kitti-car"])
def test_kept_fixtures_keep_their_scores(benchmark: str) -> None:
    """The same files score the same with every version of this package, of TrackEval and of numpy."""
    data = Path(__file__).parents[1] / "data"
    root = data / "MOT17" if benchmark == "mot17" else data / "kitti"
    entry = benchmark_of(benchmark)
    tracks = tracks_of([read_result(path) for path in result_paths(data / "results" / benchmark)], entry)
    expected = json.loads((data / "results" / f"{benchmark}.json").read_text())["combined"]
    assert evaluate(entry, root, tracks).combined == pytest.approx(expected, abs=1e-9)
