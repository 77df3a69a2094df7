"""The experiments measure what they say: known switches, known noise, known order, known gain."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from worlds import World, add_detections

from deptr.cli.main import app, main
from deptr.errors import UsageError
from deptr.evaluation.depth_quality import Matched, flicker, jumps, quality
from deptr.evaluation.judge import evaluate
from deptr.evaluation.search_space import dimensions
from deptr.evaluation.switches import Links, fixed_and_caused, links
from deptr.evaluation.tuning import Setting, split_sequences, tune
from deptr.io.sequences import Sequence, benchmark_of, find_sequences
from deptr.io.text_files import read_toml


@pytest.fixture
def world(mot_world: World) -> World:
    """The small MOT17 with detections that carry depth."""
    return add_detections(mot_world)


# --- switches


def test_switches_are_those_that_clear_counts(mot_world: World, kitti_world: World) -> None:
    for world, name in ((mot_world, "mot17"), (mot_world, "mot"), (kitti_world, "kitti-car")):
        entry = benchmark_of(name)
        official = evaluate(entry, world.root, world.tracks).sequences
        for sequence in find_sequences(entry, world.root):
            found = links(entry, sequence, world.tracks[sequence.name])
            assert found.switched.sum() == official[sequence.name]["IDSW"], (name, sequence.name)
        assert sum(values["IDSW"] for values in official.values()) > 0


def two_objects(root: Path) -> Path:
    """Two objects that meet in frame 10 at depths 10 and 12; the second is half covered then."""
    folder = root / "pair"
    folder.mkdir(parents=True)
    (folder / "seqinfo.ini").write_text("[Sequence]\nseqLength=20\nframeRate=10\nimWidth=300\nimHeight=200\n")
    rows = []
    for frame in range(1, 21):
        second = 100 if frame != 10 else 25
        rows += [f"{frame},1,0,0,50,100,1,1,-1,10", f"{frame},2,{second},0,50,100,1,1,-1,12"]
    (folder / "gt.txt").write_text("\n".join(rows) + "\n")
    return root


def test_a_switch_knows_its_circumstances(tmp_path: Path) -> None:
    entry = benchmark_of("mot")
    (sequence,) = find_sequences(entry, two_objects(tmp_path))
    rows = []
    for frame in range(1, 21):
        second = 100 if frame != 10 else 25
        first_id, second_id = (1, 2) if frame < 11 else (2, 7)
        rows += [[frame, first_id, 0, 0, 50, 100], [frame, second_id, second, 0, 50, 100]]
    found = links(entry, sequence, np.array(rows, float))
    switched = np.flatnonzero(found.switched)
    assert found.objects[switched].tolist() == [1, 2]
    assert found.frames[switched].tolist() == [11, 11]
    assert found.swapped[switched].tolist() == [True, False]  # 2 belonged to the other object, 7 is new
    assert found.before[switched].tolist() == [1, 2]
    assert found.after[switched].tolist() == [2, 7]
    assert found.depth_gap[switched] == pytest.approx(np.log(1.2))
    assert found.visibility[switched] == pytest.approx(0.5)
    assert found.crowd[switched].tolist() == [1, 1]
    others = np.flatnonzero(~found.switched & (found.frames < 10))
    assert (found.crowd[others] == 0).all()
    assert np.isnan(found.depth_gap[others]).all()


def test_fixed_and_caused_switches_are_matched_within_a_few_frames() -> None:
    def some(objects: list[int], frames: list[int]) -> Links:
        count = len(objects)
        zeros = np.zeros(count)
        flags = np.ones(count, bool)
        return Links(
            np.array(objects), np.array(frames), flags, ~flags, zeros, zeros, *3 * [zeros.astype(int)]
        )

    plain = some([1, 1, 2], [10, 30, 50])
    fused = some([1, 2, 3], [12, 80, 50])
    fixed, caused = fixed_and_caused(plain, fused)
    assert fixed.tolist() == [False, True, True]
    assert caused.tolist() == [False, True, True]


# --- depth quality


def stream(depth: np.ndarray, true_depth: np.ndarray) -> Matched:
    """Objects by frames of depth as one stream; boxes of all objects overlap."""
    objects, frames = depth.shape
    boxes = np.tile([0.0, 0.0, 10.0, 10.0], (objects * frames, 1))
    ids = np.repeat(np.arange(objects), frames)
    times = np.tile(np.arange(1, frames + 1), objects)
    return Matched(ids, times, boxes, np.log(depth).ravel(), np.log(true_depth).ravel())


@pytest.fixture
def truth() -> np.ndarray:
    """Five objects that move away at constant rates, 90 frames."""
    rates = np.array([0.0, 0.002, 0.005, -0.002, 0.003])
    return np.array([10, 14, 20, 29, 41.0])[:, None] * np.exp(rates[:, None] * np.arange(90))


def test_perfect_depth_has_no_fault(truth: np.ndarray) -> None:
    found = quality(stream(truth, truth), 90)
    assert (found.known, found.jumps, found.order) == (1, 0, 1)
    for value in (found.flicker, found.drift, found.error, found.bias):
        assert value == pytest.approx(0, abs=1e-9)
    assert found.pairs == 90 * 10


def test_flicker_is_the_noise_that_was_added(truth: np.ndarray) -> None:
    for noise in (0.02, 0.1, 0.3):
        noisy = truth * np.exp(noise * np.random.default_rng(1).standard_normal(truth.shape))
        assert flicker(stream(noisy, truth)) == pytest.approx(noise, rel=0.15)


def test_scale_drift_and_jumps_are_found(truth: np.ndarray) -> None:
    scaled = quality(stream(1.3 * truth, truth), 90)
    assert scaled.bias == pytest.approx(0.3)
    assert (scaled.error, scaled.jumps) == (pytest.approx(0, abs=1e-9), 0)
    drifting = quality(stream(truth * np.exp(np.linspace(0, 0.3, 90)), truth), 90)
    assert drifting.drift == pytest.approx(0.2, abs=0.01)
    assert drifting.jumps == 0
    jumping = truth.copy()
    jumping[:, 40:] *= 1.5
    jumping[:, 70:] /= 1.5
    assert jumps(stream(jumping, truth)) == 2


def test_order_is_judged_among_overlapping_pairs(truth: np.ndarray) -> None:
    assert quality(stream(1 / truth, truth), 90).order == 0
    swapped = truth.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    assert quality(stream(swapped, truth), 90).order == pytest.approx(0.9)
    apart = stream(truth, truth)
    apart = replace(apart, boxes=apart.boxes + 20 * apart.objects[:, None])
    assert quality(apart, 90).pairs == 0
    assert np.isnan(quality(apart, 90).order)


def test_nothing_to_measure_is_unknown_not_zero(truth: np.ndarray) -> None:
    found = quality(stream(np.full_like(truth, np.nan), truth), 90)
    assert found.known == 0
    for value in (found.flicker, found.drift, found.error, found.bias, found.order):
        assert np.isnan(value)


# --- tuning

needs_optuna = pytest.mark.skipif(find_spec("optuna") is None, reason="needs the extra tune")


@needs_optuna
def test_tuning_learns_that_depth_helps_where_only_depth_tells_objects_apart(tmp_path: Path) -> None:
    """Objects cross at different depths between two frames: boxes alone must guess."""
    entry = benchmark_of("mot")
    for number in range(4):
        crossing(tmp_path / "data" / f"cross{number}", seed=number)
    training, validation = split_sequences(find_sequences(entry, tmp_path / "data"))
    setting = Setting(entry, training, validation, search=("lost_seconds",))
    result = tune(setting, tmp_path / "journal", trials=2)
    assert result.helps
    assert result.best is result.fused
    assert result.fused.validation["HOTA"] > result.plain.validation["HOTA"] + 5
    assert result.verdict.startswith("depth helps here: HOTA +")


def crossing(folder: Path, seed: int) -> None:
    """Many pairs that swap places while hidden from the detector, each at its own depth."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    (folder / "seqinfo.ini").write_text(
        "[Sequence]\nseqLength=40\nframeRate=10\nimWidth=2000\nimHeight=900\n"
    )
    truth, seen = [], []
    for pair in range(4):
        for side in (0, 1):
            depth = 5.0 + 10 * side
            for frame in range(1, 41):
                swap = frame > 20
                x = 300 * pair + ((14 if side else 26) if swap else 40 * side)
                noise = rng.normal(0, 0.5, 2)
                box = f"{x + noise[0]:.2f},{100 + noise[1]:.2f},60,120"
                truth.append((frame, f"{frame},{2 * pair + side + 1},{box},1,1,1,{depth}"))
                if not 18 <= frame <= 23:
                    seen.append(
                        (frame, f"{frame},-1,{box},0.9,{depth * np.exp(rng.normal(0, 0.02)):.4f},-1,-1")
                    )
    (folder / "gt.txt").write_text("".join(f"{row}\n" for _, row in sorted(truth)))
    (folder / "det.txt").write_text("".join(f"{row}\n" for _, row in sorted(seen)))


@needs_optuna
def test_tuning_says_that_useless_depth_does_not_help(world: World, tmp_path: Path) -> None:
    for path in world.root.rglob("det.txt"):
        rows = [line.split(",") for line in path.read_text().splitlines()]
        path.write_text("".join(",".join([*row[:7], "7", *row[8:]]) + "\n" for row in rows))
    entry = benchmark_of("mot17")
    training, validation = split_sequences(find_sequences(entry, world.root), names=["MOT17-04-FRCNN"])
    result = tune(Setting(entry, training, validation, search=("lost_seconds",)), tmp_path / "j", trials=2)
    assert not result.helps
    assert result.best is result.plain
    assert "depth does not help here" in result.verdict
    assert "includes zero" in result.verdict


@needs_optuna
def test_tuning_is_resumed_not_repeated(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deptr.evaluation import tuning

    entry = benchmark_of("mot17")
    training, validation = split_sequences(
        find_sequences(entry, world.root), names=["MOT17-04-FRCNN", "MOT17-05-FRCNN"]
    )
    setting = Setting(entry, training, validation, search=("lost_seconds", "high_score"))
    calls: list[object] = []
    score = tuning.scores

    def counted(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return score(*arguments)

    monkeypatch.setattr(tuning, "scores", counted)
    with pytest.raises(KeyboardInterrupt):
        tune(setting, tmp_path / "journal", trials=4)
    monkeypatch.setattr(tuning, "scores", lambda *arguments: calls.append(arguments) or score(*arguments))
    calls.clear()
    first = tune(setting, tmp_path / "journal", trials=4)
    judging = 2 * 6  # six candidates, on training and validation sequences
    assert len(calls) == 2 * 4 - 3 + judging
    calls.clear()
    again = tune(setting, tmp_path / "journal", trials=4)
    assert len(calls) == judging
    assert again.fused.method == first.fused.method


@needs_optuna
def test_tune_writes_a_config_that_track_reads(world: World, tmp_path: Path) -> None:
    arguments = ["tune", "mot17", "--root", str(world.root), "--trials", "2", "--workers", "1"]
    arguments += ["--validation", "MOT17-04-FRCNN", "--output", str(tmp_path), "--search", "high_score,boxes"]
    result = CliRunner().invoke(app, [*arguments, "--param", "lost_seconds=2"], catch_exceptions=False)
    assert "depth" in result.output
    config = read_toml(tmp_path / "tuned.toml")
    assert config["bytetrack"]["lost_seconds"] == 2
    assert config["fusion"]["mode"] in ("none", "adaptive")
    detections = world.root / "train" / "MOT17-04-FRCNN" / "det" / "det.txt"
    track = ["track", "--detections", str(detections), "--fps", "30", "--output", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as stop:
        main([*track, "--tracker", "bytetrack", "--config", str(tmp_path / "tuned.toml")])
    assert stop.value.code == 0
    assert (tmp_path / "run" / "tracks.txt").stat().st_size
    report = (tmp_path / "tune.md").read_text()
    assert "| fusion | none |" in report
    assert "Validation: MOT17-04-FRCNN" in report


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('mode = "fixed"\ngamma = 0.3\nscale = 0.1', "fixed"),
        ('mode = "none"', "none"),
        ('mode = "magic"', "expected one of none, fixed"),
        ("mode = 3", "fusion.mode: expected a word, got 3"),
        ('mode = "fixed"\ngamma = "x"', "fusion.gamma: expected a number"),
        ("weight = 1", "expected mode, gamma and scale in [fusion]"),
    ],
)
def test_track_reads_the_fusion_of_a_config(
    text: str, found: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tuned.toml").write_text(f"[fusion]\n{text}\n")
    detections = world.root / "train" / "MOT17-04-FRCNN" / "det" / "det.txt"
    track = ["track", "--detections", str(detections), "--fps", "30", "--output", str(tmp_path / "run")]
    with pytest.raises(SystemExit):
        main([*track, "--config", str(tmp_path / "tuned.toml")])
    run = tmp_path / "run" / "run.json"
    assert found in (run.read_text() if run.exists() else capsys.readouterr().err)


def test_split_and_search_refuse_what_cannot_be_meant() -> None:
    listed = [Sequence(name, 10) for name in "abcd"]
    training, validation = split_sequences(listed, share=0.25, seed=3)
    assert len(validation) == 1
    assert sorted(entry.name for entry in training + validation) == list("abcd")
    for arguments, words in (
        ({"names": ["x"]}, "no such sequence as x"),
        ({"names": list("abcd")}, "nothing is left for training"),
        ({"share": 1.5}, r"number in \(0, 1\)"),
    ):
        with pytest.raises(UsageError, match=words):
            split_sequences(listed, **arguments)
    with pytest.raises(UsageError, match="at least 2 sequences"):
        split_sequences(listed[:1])
    with pytest.raises(UsageError, match="can search"):
        dimensions("sort", "adaptive", only=["speed"])
    with pytest.raises(UsageError, match="expected one of none"):
        dimensions("sort", "magic")
    with pytest.raises(UsageError, match="nothing is left"):
        dimensions("sort", "none", only=["high_score"], fixed=["high_score"])


# --- commands


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gamma-sweep", ["--gammas", "0.2,0.6", "--scales", "0.1", "--strides", "1,2", "--workers", "1"]),
        ("occlusion", ["--strides", "1,2"]),
        ("depth-quality", ["--corruptions", "clean,noise:0.2"]),
    ],
)
def test_experiment_writes_table_data_and_plot(
    name: str, words: list[str], world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # true depth, as the flat layout has it in column 10
    for path in world.root.rglob("gt.txt"):
        rows = path.read_text().splitlines()
        path.write_text("".join(f"{row},{4 + int(row.split(',')[1])}\n" for row in rows))
    output = tmp_path / "out"
    arguments = ["experiment", name, "mot17", "--root", str(world.root), "--output", str(output), *words]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "mot17" in result.output
    assert (output / f"{name}.csv").read_text().startswith("table,")
    assert (output / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    report = (output / f"{name}.md").read_text()
    for word in ("- date: ", "- machine: ", "trackeval 1.3.0", f"![{name}]({name}.png)"):
        assert word in report
