"""The page of a result and merging, on figures made by hand."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deptr.errors import DataError, UsageError
from deptr.evaluation.bootstrap import METRICS, combined_metric
from deptr.reproduce.page import Cells, page
from deptr.reproduce.result import merge, write_result
from deptr.reproduce.studies import PAPER_FUSION

VIDEOS = [f"dancetrack{number:04d}" for number in range(4, 10)]


def raw(rng: np.random.Generator, skill: float) -> dict[str, Any]:
    """Fields of a video, the better the larger the skill."""
    found = rng.uniform(60, 80, 19)
    return {
        "HOTA": {
            "AssA": (rng.uniform(0.4, 0.42, 19) + skill).tolist(),
            "HOTA_TP": found.tolist(),
            "HOTA_FN": (100 - found).tolist(),
            "HOTA_FP": [10.0] * 19,
        },
        "CLEAR": {"CLR_TP": 70, "CLR_FN": 30, "CLR_FP": 10, "IDSW": 5},
        "Identity": {"IDTP": 40 + 100 * skill, "IDFN": 30, "IDFP": 20},
    }


def cell(key: tuple[str, str, str, int], skill: float, seed: int) -> dict[str, Any]:
    detector, tracker, fusion, stride = key
    rng = np.random.default_rng([seed, 7])
    sequences = {name: raw(rng, skill) for name in VIDEOS}
    combined = {
        name: float(combined_metric(sequences, np.ones((1, len(VIDEOS))), name, VIDEOS)[0])
        for name in METRICS
    }
    return {
        "detector": detector, "tracker": tracker, "fusion": fusion, "stride": stride,
        "combined": combined, "sequences": sequences,
    }  # fmt: skip


def content(benchmark: str = "quadtrack", seed: int = 0, gain: float = 0.05) -> dict[str, Any]:
    fusions = ["none", PAPER_FUSION]
    cells = [
        cell(("depth", tracker, fusion, stride), 0.1 * place + gain * (fusion != "none"), seed)
        for stride in (1, 4)
        for place, tracker in enumerate(("sort", "bytetrack"))
        for fusion in fusions
    ]
    cells += [cell(("plain", tracker, "none", 1), 0.02, seed) for tracker in ("sort", "bytetrack")]
    grid = {
        "trackers": ["sort", "bytetrack"], "fusions": fusions, "strides": [1, 4], "gammas": [0.2, 0.5],
        "scales": [0.1],
    }  # fmt: skip
    training = {"size": "l", "epochs": 80.0, "batch_size": 32, "image_size": [320, 1344]}
    labelling = {"depth": "vda-small", "masks": "sam2.1-hiera-tiny"}
    run = {
        "settings": {"seed": seed, "grid": grid, "training": training, "labelling": labelling},
        "data": {name: {"videos": 6, "frames": 60, "fingerprint": "a"} for name in ("train", "test", "val")},
        "weights": {"dfine-large-coco": {"sha256": "ab" * 32, "published": None}},
        "notes": ["licence"],
        "deptr": "0.2.0",
        "labels": {"boxes": 100, "with_depth": 90},
        "training": {"images": 60},
        "cells": cells,
    }
    return {"format": 1, "benchmark": benchmark, "runs": [run]}


def row_of(text: str, *beginnings: str) -> list[str]:
    """Cells of the first row of a table that begins so."""
    line = next(line for line in text.splitlines() if line.startswith("| " + " | ".join(beginnings)))
    return [part.strip() for part in line.strip("|").split("|")]


def test_the_papers_figures_stand_beside_ours() -> None:
    text = page(content())
    ours = Cells(content()).mean(("depth", "bytetrack", PAPER_FUSION, 1), "HOTA")
    row = row_of(text, "HOTA, ByteTrack with the paper's formula")
    assert row[1:] == ["27.59", f"{ours:.2f}", f"{ours - 27.59:+.2f}"]
    assert row_of(text, "HOTA that depth adds, mean over 2 trackers")[1] == "+2.2"
    assert row_of(text, "IDF1 that depth adds, mean over 2 trackers")[1] == "+2.9"
    assert row_of(text, "CylindTrack")[1:] == ["30.0", "33.7", "28.0"]
    assert "44.47" in page(content("dancetrack"))
    assert "| - | " in page(content("mot17"))


@pytest.mark.parametrize(("gain", "word"), [(0.05, "yes"), (-0.05, "no"), (0.0, "open"), (0.3, "in sign")])
def test_a_claim_is_confirmed_refuted_or_left_open(gain: float, word: str) -> None:
    text = page(content(gain=gain))
    row = row_of(text, "HOTA that depth adds to ByteTrack")
    assert row[3] == {"in sign": "yes"}.get(word, word)
    low, high = (float(part) for part in row[2].split("[")[1].rstrip("]").split(", "))
    assert low <= float(row[2].split()[0]) <= high
    mean = row_of(text, "HOTA that depth adds, mean over 2 trackers")
    value = float(mean[2].split()[0])
    assert mean[3] == (word if word in ("no", "open") else "yes" if abs(value - 2.2) < 0.3 else "in sign")


def test_pairs_have_the_same_detector() -> None:
    cells = Cells(content())
    assert cells.pairs(PAPER_FUSION, 4, ["sort", "bytetrack", "ocsort"]) == [
        ("depth", "sort", PAPER_FUSION, 4),
        ("depth", "bytetrack", PAPER_FUSION, 4),
    ]
    row = row_of(page(content()), "bytetrack", "every frame")
    plain, ours = (cells.mean((name, "bytetrack", "none", 1), "HOTA") for name in ("plain", "depth"))
    assert row[2:4] == [f"{plain:.2f}", f"{ours:.2f}"]
    assert row[4].startswith(f"{ours - plain:+.2f}")


# merging


def written(folder: Path, found: dict[str, Any]) -> Path:
    return write_result(folder, found)


def test_runs_of_several_seeds_become_one(tmp_path: Path, deptr: Callable[..., tuple[int, str, str]]) -> None:
    paths = [written(tmp_path / str(seed), content(seed=seed)) for seed in (0, 1, 2)]
    code, told, _ = deptr("reproduce", "merge", *paths[:2], "-o", tmp_path / "two")
    assert (code, told.split()[0]) == (0, "wrote")
    deptr("reproduce", "merge", tmp_path / "two" / "result.json", paths[2], "-o", tmp_path / "three")
    found = json.loads((tmp_path / "three" / "result.json").read_text())
    assert [run["settings"]["seed"] for run in found["runs"]] == [0, 1, 2]
    text = (tmp_path / "three" / "result.md").read_text()
    assert "runs: 3 (seeds 0, 1, 2)" in text
    key = ("depth", "bytetrack", "none", 1)
    means = [Cells(content(seed=seed)).mean(key, "HOTA") for seed in (0, 1, 2)]
    assert row_of(text, "bytetrack", "", "")[2] == f"{np.mean(means):.2f} ±{np.std(means, ddof=1):.2f}"


def test_what_cannot_be_averaged_is_refused(tmp_path: Path) -> None:
    first = written(tmp_path / "a", content())
    with pytest.raises(UsageError, match="expected at least two results, got 1"):
        merge([first])
    with pytest.raises(DataError, match="holds a run that is in"):
        merge([first, written(tmp_path / "b", content())])
    with pytest.raises(UsageError, match="of one benchmark, got quadtrack and dancetrack"):
        merge([first, written(tmp_path / "c", content("dancetrack", seed=1))])
    other = content(seed=1)
    other["runs"][0]["data"]["test"]["fingerprint"] = "b"
    with pytest.raises(DataError, match="was made on other data"):
        merge([first, written(tmp_path / "d", other)])
    other = copy.deepcopy(content(seed=1))
    other["runs"][0]["settings"]["training"]["epochs"] = 12.0
    with pytest.raises(DataError, match="has another training"):
        merge([first, written(tmp_path / "e", other)])
    (tmp_path / "none.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match="not a result"):
        merge([first, tmp_path / "none.json"])
