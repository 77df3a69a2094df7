"""From a run to CVAT and back: what was corrected is ground truth for `eval`, `train` and `report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from track_runs import BOXES, CLIP, Run


@pytest.fixture
def run(deptr: Run, tmp_path: Path) -> Path:
    out = tmp_path / "walk"
    assert (
        deptr("track", CLIP, "--detections", BOXES, "--depth", "pseudo", "--no-video", "--output", out)[0]
        == 0
    )
    return out


def test_corrections_become_ground_truth(deptr: Run, run: Path, tmp_path: Path) -> None:
    xml = tmp_path / "walk.xml"
    assert deptr("convert", run, "--to", "cvat", "--output", xml)[0] == 0
    rows = [line.split(",") for line in (run / "tracks.txt").read_text().splitlines()]
    assert xml.read_text().count("<track ") == len({row[1] for row in rows}) >= 10
    truth = tmp_path / "data" / "walk"
    words = ["--to", "mot-sequence", "--images", CLIP, "--fps", "10", "--output", truth]
    assert deptr("convert", xml, *words)[0] == 0
    assert len(list((truth / "img1").glob("*.jpg"))) == 100

    scores = tmp_path / "scores.json"
    (tmp_path / "res").mkdir()
    (tmp_path / "res" / "walk.txt").write_text((run / "tracks.txt").read_text())
    judged = ["--benchmark", "mot", "--root", tmp_path / "data", "--json", scores]
    assert deptr("eval", tmp_path / "res", *judged)[0] == 0
    assert json.loads(scores.read_text())["combined"]["HOTA"] == pytest.approx(100, abs=0.01)

    train = tmp_path / "train.json"
    assert deptr("convert", "mot", tmp_path / "data", "--output", train)[0] == 0
    content = json.loads(train.read_text())
    assert (len(content["images"]), len(content["annotations"])) == (100, len(rows))

    page = tmp_path / "page.html"
    code, told, _ = deptr("report", run, "--truth", xml, "--no-video", "--output", page)
    assert (code, "0 switches" in told) == (0, True)
