"""One frame as one line of JSON: what stands in it, and that it can be read while it is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from deptr.errors import DataError
from deptr.io.json_lines import JsonLinesWriter, frame_record, json_line


def tracked() -> sv.Detections:
    return sv.Detections(
        np.array([[1.0, 2, 3, 4], [5, 6, 7, 8.1234567]], np.float32),
        confidence=np.array([0.9, np.nan], np.float32),
        class_id=np.array([0, 7]),
        tracker_id=np.array([2**60, 2]),
        data={
            "depth": np.array([4.5, np.nan], np.float32),
            "position": np.array([[1.0, 2, 3], [np.nan, 0, 1]]),
            "embedding": np.zeros((2, 512)),
            "names": np.array(["a", "b"]),
        },
        metadata={"depth_kind": "metric"},
    )


def test_a_line_holds_a_frame_and_nothing_that_is_not_json() -> None:
    record = frame_record(4, 0.1234567891, tracked(), class_names={0: "person"}, latency=np.float32(0.5))
    line = json_line(record)
    assert line.endswith("\n") and line.count("\n") == 1
    read = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert read == record
    first, second = read.pop("tracks")
    assert read == {"frame": 4, "timestamp": 0.123457, "latency": 0.5, "depth_kind": "metric"}
    assert first == {
        "id": 2**60, "box_xyxy": [1, 2, 3, 4], "score": 0.9, "class_id": 0, "class_name": "person",
        "depth": 4.5, "depth_std": None, "position": [1, 2, 3],
    }  # fmt: skip
    assert (second["score"], second["depth"], second["class_name"]) == (None, None, None)
    assert (second["box_xyxy"], second["position"]) == ([5, 6, 7, 8.123], [None, 0, 1])


def test_a_frame_without_tracks() -> None:
    assert frame_record(1, 0, sv.Detections.empty()) == {
        "frame": 1,
        "timestamp": 0,
        "depth_kind": None,
        "tracks": [],
    }


def test_names_that_detections_carry_are_stronger() -> None:
    found = tracked()
    found.data["class_name"] = np.array(["cat", "dog"])
    assert [row["class_name"] for row in frame_record(1, 0, found, class_names={0: "x"})["tracks"]] == [
        "cat",
        "dog",
    ]


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "frames.jsonl"
    with JsonLinesWriter(path) as lines:
        lines.write(frame_record(1, 0, tracked()))
        assert len(path.read_text().splitlines()) == 1
    with pytest.raises(DataError, match="cannot be written"):
        JsonLinesWriter(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX pipes")
def test_a_reader_of_standard_output_that_goes_is_told_once() -> None:
    code = """
from deptr.io.json_lines import JsonLinesWriter
try:
    with JsonLinesWriter("-") as lines:
        for k in range(100000):
            lines.write({"frame": k})
except BrokenPipeError:
    raise SystemExit(7)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b'{"frame":0}\n'
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (7, b"")
