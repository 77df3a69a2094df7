"""The tracker of docs/adding-a-tracker.md is complete: from one file and one line it passes the contract."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import test_tracker_contract
from scenes import crowd, identities, standing, whose

from deptr.tracking import registry
from deptr.tracking.registry import create_tracker, parameters_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-a-tracker.md"
ELSEWHERE = (
    "test_same_input_same_output_in_another_process",
    "test_memory_stays_flat",
)  # not in this process
CONTRACT = {
    name: test
    for name, test in vars(test_tracker_contract).items()
    if name.startswith("test_")
    and name not in ELSEWHERE
    and list(inspect.signature(test).parameters) == ["name"]
}


@pytest.fixture(autouse=True)
def overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The document's tracker, in a file of its own and registered."""
    code, line = re.findall(r"^```(?:python|text)\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S)
    name, module, owner = re.findall(r'"([^"]+)"', line)
    file = module.rpartition(".")[2]
    (tmp_path / f"{file}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry._HOME, name, (file, owner))
    yield name


@pytest.mark.parametrize("promise", CONTRACT)
def test_it_keeps_the_contract(promise: str, overlap: str) -> None:
    CONTRACT[promise](overlap)


def test_depth_takes_part_in_it(overlap: str) -> None:
    frames = [[*people, standing("A", -0.2, 8.0), standing("B", 0.24, 9.5)] for people in crowd(60)]
    frames.append([*crowd(60)[-1], standing("A", 0.04, 8.0), standing("B", -0.05, 9.5)])
    told = whose(identities(create_tracker(overlap, depth="adaptive", frame_rate=10.0), frames))
    alone = whose(identities(create_tracker(overlap, depth="none", frame_rate=10.0), frames))
    assert (told, alone) == ({"A": "A", "B": "B"}, {"A": "B", "B": "A"})


def test_its_parameter_is_known_everywhere(overlap: str) -> None:
    assert parameters_of(overlap)[-1].legal == "a number in [0, 1]"
    tracker = create_tracker(overlap, match_iou="0.95")
    boxes = [[0.0, 0.0, 40.0, 80.0], [8.0, 0.0, 48.0, 80.0]]
    found = [tracker.update(sv.Detections(xyxy=np.array([box]))).tracker_id.tolist() for box in boxes]
    assert found == [[1], []]
    assert "match_iou" in str(inspect.signature(type(tracker)))
