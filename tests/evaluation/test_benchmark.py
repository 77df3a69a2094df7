"""The benchmark's numbers: peers, ceiling, spoiled depth, intervals, and cells that survive an interrupt."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_spoiled_depth import table_of
from typer.testing import CliRunner
from worlds import World, add_detections

from deptr.cli.main import app, main
from deptr.errors import DataError, UsageError
from deptr.evaluation import grid
from deptr.evaluation.bootstrap import METRICS, combined_metric, mean_paired_bootstrap, paired_bootstrap
from deptr.evaluation.cells import Cell, CellStore, run_cell, thinned
from deptr.evaluation.corruption import STANDARD, Corruption
from deptr.evaluation.grid import plan, rows_of, run_cells, scored_sequences
from deptr.evaluation.judge import evaluate
from deptr.evaluation.methods import Method, our_method, peer_method
from deptr.io.mot_text import read_detections
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.tracking.depth.fusion import DepthFusion

pytest.importorskip("trackers")

# ../data/README.md: what PyPI `trackers` reach there, HOTA by benchmark, peer and stride
PUBLISHED = {
    ("mot17", "trackers.BoTSORT", 1): 76.28,
    ("mot17", "trackers.BoTSORT", 2): 76.22,
    ("mot17", "trackers.BoTSORT", 4): 75.22,
    ("kitti-car", "trackers.BoTSORT", 1): 72.30,
    ("kitti-car", "trackers.ByteTrack", 2): 67.91,
    ("kitti-car", "trackers.ByteTrack", 4): 55.86,
    ("kitti-pedestrian", "trackers.CBIoU", 2): 40.12,
    ("kitti-pedestrian", "trackers.ByteTrack", 4): 36.53,
}
CEILINGS = {
    "mot17": {1: 79.0, 2: 79.0, 4: 79.1},
    "kitti-car": {1: 73.0, 2: 73.1, 4: 73.7},
    "kitti-pedestrian": {1: 43.3, 2: 42.1, 4: 42.8},
}


@pytest.fixture
def world(mot_world: World) -> World:
    """The small MOT17 with detections that carry depth: one depth per object, 4 m apart."""
    return add_detections(mot_world)


def cells_of(world: World, methods: list[Method], **options: object) -> list[Cell]:
    return plan("mot17", find_sequences("mot17", world.root), methods=methods, **options)


@pytest.mark.data
@pytest.mark.parametrize(
    ("benchmark", "peer", "stride"),
    [pytest.param(*key, marks=[pytest.mark.slow] if key[2] == 1 else []) for key in PUBLISHED],
)
def test_peers_reach_the_published_figures(data_root: Path, benchmark: str, peer: str, stride: int) -> None:
    entry = benchmark_of(benchmark)
    sequences, _ = scored_sequences(entry, data_root)
    cell = Cell(entry, tuple(sequences), peer_method(peer, entry.family), stride)
    assert run_cell(cell).combined["HOTA"] == pytest.approx(PUBLISHED[benchmark, peer, stride], abs=0.05)


@pytest.mark.data
@pytest.mark.parametrize(
    ("benchmark", "stride"),
    [
        pytest.param(name, stride, marks=[pytest.mark.slow] if stride < 4 else [])
        for name in CEILINGS
        for stride in (1, 2, 4)
    ],
)
def test_ceiling_is_the_published_one(data_root: Path, benchmark: str, stride: int) -> None:
    entry = benchmark_of(benchmark)
    sequences, _ = scored_sequences(entry, data_root)
    (oracle,) = rows_of(entry, trackers=[], fusions=[], peers=False)
    found = run_cell(Cell(entry, tuple(sequences), oracle, stride)).combined
    assert found["HOTA"] == pytest.approx(CEILINGS[benchmark][stride], abs=0.06)
    assert found["IDSW"] == 0


def test_own_row_scores_like_its_result_file(world: World) -> None:
    """The table's figures are those of tracks scored by `evaluate`."""
    from deptr.evaluation.methods import run

    method = our_method("bytetrack", "none", "mot")
    (cell,) = cells_of(world, [method])
    tracks = {}
    for sequence in cell.sequences:
        tracks[sequence.name], seconds = run(method, cell.benchmark, sequence, cell.table(sequence))
        assert len(seconds) == sequence.length
        assert (seconds > 0).all()
    expected = evaluate("mot17", world.root, tracks, allow_empty=True).combined
    result = run_cell(cell)
    assert result.combined == expected
    assert expected["HOTA"] > 20
    assert 0 < result.milliseconds["median"] <= result.milliseconds["p95"]


def test_cells_are_kept_and_taken_up_after_an_interrupt(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(benchmark_of("mot17"), trackers=["bytetrack"], fusions=["none"], peers=False)
    cells = cells_of(world, rows, strides=(1, 2))
    store = CellStore(tmp_path / "cells")
    for _ in zip(range(2), run_cells(cells, store), strict=False):
        pass
    kept = len(list(store.folder.iterdir()))
    assert 0 < kept < len(cells)
    computed: list[Cell] = []
    monkeypatch.setattr(grid, "run_cell", lambda cell: computed.append(cell) or run_cell(cell))
    results = [result.combined for _, result in run_cells(cells, CellStore(store.folder))]
    assert len(results) == len(cells)
    assert len(computed) == len(cells) - kept
    computed.clear()
    again = [result.combined for _, result in run_cells(cells, CellStore(store.folder))]
    assert computed == []
    assert sorted(again, key=str) == sorted(results, key=str)


def test_a_damaged_cell_is_measured_anew_and_changed_data_too(world: World, tmp_path: Path) -> None:
    (cell,) = cells_of(world, [our_method("bytetrack", "none", "mot")])
    store = CellStore(tmp_path)
    ((_, first),) = run_cells([cell], store)
    store.path(cell).write_text('{"raw": ')
    assert store.load(cell) is None
    ((_, second),) = run_cells([cell], store)
    assert second.combined == first.combined
    detections = cell.sequences[0].detections
    assert detections is not None
    detections.write_text("".join(f"{line}\n" for line in detections.read_text().splitlines()[:-5]))
    assert CellStore(tmp_path).load(cell) is None


def test_processes_give_the_same_cells(world: World, tmp_path: Path) -> None:
    rows = rows_of(benchmark_of("mot17"), trackers=["bytetrack"], fusions=["none", "adaptive"], peers=False)
    cells = cells_of(world, rows)
    alone = {
        cell.method.label: result.combined for cell, result in run_cells(cells, CellStore(tmp_path / "a"))
    }
    both = run_cells(cells, CellStore(tmp_path / "b"), workers=2)
    assert {cell.method.label: result.combined for cell, result in both} == alone


def test_who_uses_no_depth_is_not_measured_on_spoiled_depth(world: World) -> None:
    rows = rows_of(benchmark_of("mot17"), trackers=["sort"], fusions=["none", "adaptive"])
    cells = cells_of(world, rows, corruptions=[Corruption.parse(word) for word in ("clean", *STANDARD)])
    by_depth = [cell.method.uses_depth for cell in cells]
    assert sum(by_depth) == 1 + len(STANDARD)  # adaptive, clean and spoiled
    assert len(cells) == 1 + len(STANDARD) + 1 + 5 + 1


def test_thinning_keeps_every_kth_frame_from_the_first() -> None:
    table = thinned(table_of(np.arange(1.0, 11.0), np.arange(1, 11)), 4)
    assert table.frame.tolist() == [1, 2, 3]
    assert table.depth.tolist() == [1, 5, 9]


# --- intervals


@pytest.fixture
def raw(mot_world: World) -> dict:
    return evaluate("mot17", mot_world.root, mot_world.tracks).raw


def test_resampled_metrics_are_combined_as_trackeval_does(mot_world: World, raw: dict) -> None:
    names = sorted(raw)
    whole = evaluate("mot17", mot_world.root, mot_world.tracks).combined
    for metric in METRICS:
        (value,) = combined_metric(raw, np.ones((1, len(names))), metric, names)
        assert value == pytest.approx(whole[metric], abs=1e-9)
    one = evaluate("mot17", mot_world.root, mot_world.tracks).sequences[names[1]]
    for metric in METRICS:
        (value,) = combined_metric(raw, np.array([[0.0, 1.0, 0.0]]), metric, names)
        assert value == pytest.approx(one[metric], abs=1e-9)


def test_interval_contains_zero_for_the_same_tracks_and_excludes_it_for_clear_differences(
    mot_world: World, raw: dict
) -> None:
    same = paired_bootstrap(raw, raw)
    assert (same.value, same.low, same.high, same.certain) == (0, 0, 0, False)
    worse = {name: rows[rows[:, 0] % 2 == 0] for name, rows in mot_world.tracks.items()}
    other = evaluate("mot17", mot_world.root, worse).raw
    gap = paired_bootstrap(raw, other)
    assert gap.low <= gap.value <= gap.high
    assert gap.certain
    assert gap.value > 5
    back = paired_bootstrap(other, raw)
    assert back.value == pytest.approx(-gap.value)
    name = sorted(raw)[0]
    alone = paired_bootstrap({name: raw[name]}, {name: other[name]})
    assert (alone.low, alone.high, alone.certain) == (-np.inf, np.inf, False)
    with pytest.raises(UsageError, match="same sequences"):
        paired_bootstrap(raw, {"a": {}})
    with pytest.raises(UsageError, match="expected one of HOTA"):
        paired_bootstrap(raw, raw, metric="speed")


def test_mean_gain_draws_the_same_sequences_for_all_trackers(mot_world: World, raw: dict) -> None:
    worse = {name: rows[rows[:, 0] % 2 == 0] for name, rows in mot_world.tracks.items()}
    other = evaluate("mot17", mot_world.root, worse).raw
    gap, twice = paired_bootstrap(raw, other), mean_paired_bootstrap([(raw, other), (raw, other)])
    assert (twice.value, twice.low, twice.high) == pytest.approx((gap.value, gap.low, gap.high))
    half = mean_paired_bootstrap([(raw, other), (raw, raw)])
    assert (half.value, half.high) == pytest.approx((gap.value / 2, gap.high / 2))
    nothing = mean_paired_bootstrap([(raw, other), (other, raw)])
    assert (nothing.value, nothing.low, nothing.high) == pytest.approx((0, 0, 0), abs=1e-9)
    with pytest.raises(UsageError, match="same sequences"):
        mean_paired_bootstrap([])


# --- words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Corruption.parse("blur"), "expected one of clean, noise"),
        (lambda: Corruption.parse("noise:2"), r"number in \(0, 1\]"),
        (lambda: Corruption.parse("shuffle:1"), "takes no amount"),
        (lambda: DepthFusion.parse("magic"), "expected one of none, fixed"),
        (lambda: DepthFusion.parse("fixed:gamma=x"), "name=number"),
        (lambda: DepthFusion.parse("none:gamma=1"), "none has no parameter 'gamma'"),
        (lambda: DepthFusion.parse("fixed:gamma=3"), "gamma"),
        (lambda: our_method("deepsort", "none", "mot"), "expected one of sort, bytetrack"),
        (lambda: our_method("sort", "none", "mot", {"speed": 1}), "has no parameter 'speed'"),
        (lambda: peer_method("trackers.X", "mot"), "expected one of trackers.SORT"),
    ],
)
def test_wrong_words_are_refused(call: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def test_sequences_without_detections_or_frame_rate_say_so(world: World) -> None:
    (cell, *_) = cells_of(world, [our_method("sort", "none", "mot")])
    folder = world.root / "train" / cell.sequences[0].name
    info = (folder / "seqinfo.ini").read_text()
    (folder / "seqinfo.ini").write_text(info.replace("frameRate=30\n", ""))
    (cell, *_) = cells_of(world, [our_method("sort", "none", "mot")])
    with pytest.raises(UsageError, match="frame rate is not known"):
        run_cell(cell)
    (folder / "det" / "det.txt").unlink()
    (cell, *_) = cells_of(world, [our_method("sort", "none", "mot")])
    with pytest.raises(DataError, match="no detections"):
        run_cell(cell)


# --- command


def test_command_prints_one_table_and_writes_the_report(world: World, tmp_path: Path) -> None:
    config = tmp_path / "points.toml"
    config.write_text(
        "[mot]\nhigh_score = 0.5\n[mot.bytetrack]\nlost_seconds = 2.0\n[kitti]\nhigh_score = 0.8\n"
    )
    arguments = ["benchmark", "mot17", "--root", str(world.root), "--trackers", "bytetrack,sort"]
    arguments += ["--fusions", "none,adaptive", "--strides", "1,2", "--corruptions", "clean,shuffle"]
    arguments += ["--cells", str(tmp_path / "cells"), "--config", str(config), "--workers", "1"]
    files = ["--output", str(tmp_path / "report.md"), "--csv", str(tmp_path / "report.csv")]
    result = CliRunner().invoke(app, [*arguments, *files], catch_exceptions=False)
    assert result.exit_code == 0
    for word in (
        "mot17, every frame",
        "mot17, every 2nd frame",
        "trackers.BoTSORT",
        "ceiling",
        "spoiled depth",
    ):
        assert word in result.output
    report = (tmp_path / "report.md").read_text()
    for word in ("- date: ", "- machine: ", "trackeval 1.3.0", "Ours against the best peer", "depth adds"):
        assert word in report
    gain = report[report.index("## What depth adds on average") :]
    assert "| mot17 | every 2nd frame | adaptive | 2 |" in gain
    assert str(tmp_path) not in report
    settings = [
        json.loads(path.read_text())["parameters"] for path in (tmp_path / "cells").glob("*bytetrack-none*")
    ]
    assert {"high_score": 0.5, "lost_seconds": 2.0} in settings


def test_command_refuses_wrong_words(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["benchmark", "mot17", "--root", str(world.root), "--cells", str(tmp_path / "cells")]
    (tmp_path / "bad.toml").write_text("[mot16]\nhigh_score = 1\n")
    for words, message in (
        (["--trackers", "magic"], "expected one of sort"),
        (["--strides", "0"], "whole numbers from 1"),
        (["--param", "speed"], "expected name=value"),
        (["--config", str(tmp_path / "bad.toml")], "expected tables [mot] and [kitti], got mot16"),
        (["--config", str(tmp_path / "none.toml")], "cannot be read"),
    ):
        with pytest.raises(SystemExit):
            main([*base, *words])
        assert message in capsys.readouterr().err


def test_detections_of_the_flat_layout_carry_depth(world: World) -> None:
    sequence = find_sequences("mot17", world.root)[0]
    assert sequence.detections is not None
    assert read_detections(sequence.detections).has_depth


def test_detections_of_another_folder_replace_those_beside_the_truth(world: World, tmp_path: Path) -> None:
    entry = benchmark_of("mot17")
    for name in world.tracks:
        (tmp_path / f"{name}.txt").write_text("1,-1,10,20,30,60,0.9\n")
    sequences, _ = scored_sequences(entry, world.root, detections=tmp_path)
    (cell,) = plan(entry, sequences, methods=[our_method("sort", "none", "mot")])
    assert [len(cell.table(sequence)) for sequence in sequences] == [1, 1, 1]
    sequences, _ = scored_sequences(entry, world.root, detections=tmp_path / "none")
    (cell,) = plan(entry, sequences, methods=[our_method("sort", "none", "mot")])
    with pytest.raises(DataError, match=r"no detections.*--detections"):
        cell.table(sequences[0])


def test_interrupted_command_says_what_is_kept_and_goes_on(world: World, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deptr.cli.main", "benchmark", "mot17", "--root", str(world.root)]
    command += ["--cells", str(tmp_path / "cells"), "--trackers", "bytetrack,sort,ocsort", "--no-peers"]
    process = subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "cells").glob("mot17*.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    kept = len(list((tmp_path / "cells").glob("mot17*.json")))
    assert process.returncode == 130
    assert 0 < kept < 39
    assert "the same command goes on from there" in told
    assert "Traceback" not in told
    for left in (tmp_path / "cells").glob("mot17*.json"):
        assert json.loads(left.read_text())["raw"]
