"""MOT20 and DanceTrack, as they are unpacked, through `deptr benchmark`: small folders of the same layout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from worlds import FRAMES, moving_boxes

from deptr.cli.main import app

SPLITS = {"mot20": ("MOT20", "train", "MOT20-0"), "dancetrack": ("dancetrack", "val", "dancetrack000")}


def unpacked(root: Path, benchmark: str) -> Path:
    """Two sequences, detections beside the truth for MOT20 and in a folder of their own for DanceTrack."""
    folder, split, start = SPLITS[benchmark]
    apart = root / "detections"
    apart.mkdir(exist_ok=True)
    for number in (1, 2):
        name = f"{start}{number}"
        home = root / folder / split / name
        (home / "gt").mkdir(parents=True)
        truth = moving_boxes(np.random.default_rng(number), 12)
        truth = truth[np.argsort(truth[:, 0], kind="stable")]
        # MOT20 marks what does not count: class 6 is a vehicle; DanceTrack has dancers only
        labels = np.where((truth[:, 1] % 5 == 0) & (benchmark == "mot20"), 6, 1).astype(int)
        lines = [
            ",".join(f"{v:g}" for v in row) + f",{int(label == 1)},{label},1"
            for row, label in zip(truth, labels, strict=True)
        ]
        (home / "gt" / "gt.txt").write_text("\n".join(lines) + "\n")
        seen = truth[labels == 1]
        rows = [
            f"{row[0]:g},-1," + ",".join(f"{v:.1f}" for v in row[2:6]) + ",0.9,-1,-1,-1\n" for row in seen
        ]
        own = apart / f"{name}.txt"
        if benchmark == "mot20":
            (home / "det").mkdir()
            own = home / "det" / "det.txt"
        own.write_text("".join(rows))
        (home / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nimDir=img1\nframeRate={25 if benchmark == 'mot20' else 20}\n"
            f"seqLength={FRAMES}\nimWidth=640\nimHeight=360\nimExt=.jpg\n"
        )
    return apart


@pytest.mark.parametrize("benchmark", SPLITS)
def test_layout_goes_through_the_benchmark_command(benchmark: str, tmp_path: Path) -> None:
    apart = unpacked(tmp_path, benchmark)
    arguments = ["benchmark", benchmark, "--root", str(tmp_path), "--trackers", "bytetrack", "--no-peers"]
    arguments += ["--fusions", "none,adaptive", "--strides", "1,2", "--workers", "1"]
    arguments += ["--cells", str(tmp_path / "cells"), "--csv", str(tmp_path / "all.csv")]
    if benchmark == "dancetrack":
        arguments += ["--detections", str(apart)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert f"{benchmark}, every 2nd frame" in done.output and "2 sequences" in done.output
    with (tmp_path / "all.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["tracker"] == "bytetrack" and row["HOTA"]]
    scores = [float(row["HOTA"]) for row in rows]
    assert len(scores) == 4
    assert min(scores) > 80  # true boxes: what does not count neither helps nor harms
    # nobody has a depth: with and without it is one answer
    assert scores[0] == scores[1]
