"""The whole command on miniatures: every step is the real one; killed anywhere the result is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from miniature import SMALL, command, environment, write_weights

from deptr.files import locked
from deptr.reproduce.run import LOCK
from deptr.synth.layouts import Miniature, write_layout

PATIENCE = 240  # seconds until a step must have begun
SYNTHETIC = ["--masks", "synthetic", "--depth", "synthetic"]
Deptr = Callable[..., tuple[int, str, str]]


def data_of(root: Path, name: str, frames: int, size: tuple[int, int]) -> Path:
    write_layout(name, root / name, Miniature(2, frames, size))
    return root / name


def result_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "result.json").read_text())
    return found["runs"][0]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


def test_the_whole_command(tmp_path: Path, weights: Path, deptr: Deptr) -> None:
    """The smallest there is: synthetic teachers, two steps of training, one tracker."""
    root = data_of(tmp_path, "dancetrack", 6, (96, 160))
    words = [
        *SMALL,
        *SYNTHETIC,
        "--trackers",
        "bytetrack",
        "--strides",
        "1",
        "--gammas",
        "0.2",
        "--scales",
        "0.1",
    ]
    words += ["--root", root, "-o", tmp_path / "run", "--weights", weights]
    code, told, steps = deptr("reproduce", "dancetrack", *words)
    assert code == 0, steps
    assert told.startswith("wrote ")
    run = result_of(tmp_path / "run")
    assert run["labels"]["with_depth"] > 0
    assert run["training"] == {"images": 12, "objects": run["training"]["objects"], "steps": 2,
                               "depth_kind": "relative_inverse", "notes": []}  # fmt: skip
    before = (tmp_path / "run" / "result.json").read_bytes()
    code, _, steps = deptr("reproduce", "dancetrack", *words)  # again: nothing is done
    assert code == 0
    assert steps.count("is done") == 8
    assert (tmp_path / "run" / "result.json").read_bytes() == before
    code, told, _ = deptr("reproduce", "dancetrack", *words, "--dry-run", "--no-measure")
    assert told.count("done") == 8
    code, told, _ = deptr("reproduce", "dancetrack", *words, "--dry-run", "--no-measure", "--seed", 1)
    assert told.count("done") == 2  # labels and the training file do not depend on the seed
    check_server_files(tmp_path / "run")
    with locked(tmp_path / "run" / LOCK):
        code, _, told = deptr("reproduce", "dancetrack", *words)
    assert code == 1
    assert "run: is being written: found process" in told


def check_server_files(run: Path) -> None:
    """DanceTrack's server wants a folder `tracker` with every test video."""
    archives = sorted(run.glob("files-*/dancetrack-test-*.zip"))
    assert [path.name for path in archives] == [
        "dancetrack-test-with-depth.zip",
        "dancetrack-test-without-depth.zip",
    ]
    for path in archives:
        names = zipfile.ZipFile(path).namelist()
        assert names == ["tracker/dancetrack0003.txt", "tracker/dancetrack0009.txt"]


def killed_when(pattern: str, run: Path, words: list[str], count: int = 1) -> None:
    """Run the command and kill it as soon as so many files of a pattern are there."""
    process = subprocess.Popen(
        command(*words), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + PATIENCE
    while len(list(run.glob(pattern))) < count:
        assert process.poll() is None, f"ended before {pattern}"
        assert time.monotonic() < deadline, f"no {pattern}"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_at_three_places_it_ends_with_the_same_result(
    tmp_path: Path, weights: Path, deptr: Deptr
) -> None:
    root = data_of(tmp_path, "dancetrack", 16, (96, 160))
    run = tmp_path / "killed"
    words: list[Any] = ["reproduce", "dancetrack", *SMALL, "--masks", "synthetic", "--root", root]
    words += ["--weights", weights]
    killed_when("label-*/labels/*/dancetrack0001.parquet", run, [*words, "-o", run])
    assert not list(run.glob("label-*/done.json"))
    killed_when("train-depth-*/step-0000002.pt", run, [*words, "-o", run])
    assert list(run.glob("train-plain-*/done.json"))
    assert not list(run.glob("train-depth-*/done.json"))
    killed_when("cells/*.json", run, [*words, "-o", run], count=4)
    assert not list(run.glob("grid-*/done.json"))
    cells = {path: path.stat().st_mtime_ns for path in run.glob("cells/*.json")}
    code, _, told = deptr(*words, "-o", run)
    assert code == 0, told
    assert told.count("is done") == 6
    assert all(path.stat().st_mtime_ns == written for path, written in cells.items())
    code, _, told = deptr(*words, "-o", tmp_path / "whole")
    assert code == 0, told
    for name in ("result.json", "result.md"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    check_server_files(run)
    check_figures(result_of(run))


def check_figures(run: dict[str, Any]) -> None:
    """Tracks were found, pairs have the same detections, files score what memory scored."""
    cells = {(c["detector"], c["tracker"], c["fusion"], c["stride"]): c for c in run["cells"]}
    plain = cells["depth", "bytetrack", "none", 1]["combined"]
    assert plain["HOTA"] > 5
    fused = cells["depth", "bytetrack", "fixed:gamma=0.2,scale=0.1", 1]["combined"]
    assert run["from_files"]["HOTA_without-depth"] == pytest.approx(plain["HOTA"], abs=0.05)
    assert run["from_files"]["HOTA_with-depth"] == pytest.approx(fused["HOTA"], abs=0.05)
    assert {key[3] for key in cells} == {1, 4}
    assert {key[1] for key in cells} == {"sort", "bytetrack", "oracle"}


@pytest.mark.slow
def test_a_miniature_of_quadtrack_goes_all_around(tmp_path: Path, weights: Path, deptr: Deptr) -> None:
    root = data_of(tmp_path, "quadtrack", 10, (96, 256))
    words = [*SMALL, *SYNTHETIC, "--root", root, "-o", tmp_path / "run", "--weights", weights]
    code, _, told = deptr("reproduce", "quadtrack", *words, "--image-size", "96x256")
    assert code == 0, told
    cells = [json.loads(path.read_text()) for path in (tmp_path / "run" / "cells").glob("*.json")]
    ours = [cell for cell in cells if cell["tracker"] != "oracle"]
    assert all(cell["parameters"] == {"panorama": True, "panorama_width": 256} for cell in ours)
    assert "27.59" in (tmp_path / "run" / "result.md").read_text()


@pytest.mark.slow
def test_a_miniature_of_mot17_from_its_archive(tmp_path: Path, weights: Path, deptr: Deptr) -> None:
    write_layout("mot17", tmp_path / "mot17", Miniature(2, 12, (96, 160)), archives=True)
    words = [*SMALL, "--masks", "synthetic", "--regions", "box", "--root", tmp_path / "mot17"]
    words += ["-o", tmp_path / "run", "--weights", weights]
    code, _, told = deptr("reproduce", "mot17", *words)
    assert code == 0, told
    assert "unpack-" in told
    run = result_of(tmp_path / "run")
    assert run["training"]["images"] == 12  # the first half of two videos of twelve frames
    check_figures(run)


@pytest.mark.slow
def test_two_processes_train_one_detector(tmp_path: Path, weights: Path) -> None:
    root = data_of(tmp_path, "dancetrack", 6, (96, 160))
    words: list[Any] = ["reproduce", "dancetrack", *SMALL, *SYNTHETIC, "--root", root, "--weights", weights]
    done = subprocess.run(
        command(*words, "-o", tmp_path / "run", "--processes", 2),
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrote ")
    assert result_of(tmp_path / "run")["processes"] == 2
    assert len(list((tmp_path / "run").glob("train-*/last/model.safetensors"))) == 2


@pytest.mark.slow
def test_a_cluster_comes_to_the_same_result(tmp_path: Path, weights: Path) -> None:
    pytest.importorskip("ray")
    root = data_of(tmp_path, "dancetrack", 6, (96, 160))
    words: list[Any] = ["reproduce", "dancetrack", *SMALL, *SYNTHETIC, "--root", root, "--weights", weights]
    for engine in ("local", "ray"):
        run = tmp_path / engine
        done = subprocess.run(
            command(*words, "-o", run, "--engine", engine, "--workers", 2),
            env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "ray" / "result.json").read_bytes() == (
        tmp_path / "local" / "result.json"
    ).read_bytes()
