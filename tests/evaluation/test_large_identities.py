"""Results with identities of 64 bits are scored, checked and refined as those with small ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from worlds import World

from deptr.evaluation.judge import evaluate
from deptr.evaluation.result_files import read_result, tracks_of
from deptr.evaluation.validation import errors, validate
from deptr.io.sequences import benchmark_of

OFFSET = 2**62


def write_results(folder: Path, tracks: dict[str, np.ndarray], offset: int) -> Path:
    folder.mkdir()
    for name, rows in tracks.items():
        lines = [
            f"{int(row[0])},{int(row[1]) + offset},{','.join(f'{value:g}' for value in row[2:])},-1,-1,-1\n"
            for row in rows
        ]
        (folder / f"{name}.txt").write_text("".join(lines))
    return folder


@pytest.mark.parametrize("offset", [2**53, OFFSET, 2**64])
def test_large_identities_score_as_small_ones(mot_world: World, tmp_path: Path, offset: int) -> None:
    benchmark = benchmark_of("mot17")
    scores = []
    for number, added in enumerate((0, offset)):
        folder = write_results(tmp_path / f"r{number}", mot_world.tracks, added)
        files = [read_result(path) for path in sorted(folder.glob("*.txt"))]
        scores.append(evaluate(benchmark, mot_world.root, tracks_of(files, benchmark)).combined)
        assert not errors(validate(folder, benchmark=benchmark, root=mot_world.root))
    assert scores[0] == scores[1]
    assert scores[0]["IDSW"] > 0


def test_large_identities_of_kitti_text_stay_apart(tmp_path: Path) -> None:
    file = tmp_path / "0003.txt"
    row = "0 {} Car -1 -1 -10 {} 10 40 60 -1 -1 -1 -1000 -1000 -1000 -10 0.9\n"
    file.write_text(row.format(OFFSET + 1, 10) + row.format(OFFSET + 2, 20) + row.format(3, 30))
    result = read_result(file)
    assert len(set(result.table[:, 1].tolist())) == 3
    assert [result.identity(place) for place in range(3)] == [str(OFFSET + 1), str(OFFSET + 2), "3"]


def test_messages_name_the_identity_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "S1.txt"
    rows = [(1, OFFSET + 1), (1, 4), (2, OFFSET + 3), (2, OFFSET + 2), (2, OFFSET + 3)]
    file.write_text("".join(f"{frame},{identity},1,2,30,40,0.9\n" for frame, identity in rows))
    (found,) = errors(validate(file))
    assert (found.problem, found.line) == ("duplicate identity in a frame", 5)
    assert found.found == f"id {OFFSET + 3} again in frame 2"


@pytest.mark.parametrize("word", ["4.611686018427387904e+18", "9007199254740993.0"])
def test_identities_that_lost_digits_are_told(tmp_path: Path, word: str) -> None:
    file = tmp_path / "S1.txt"
    file.write_text(f"1,1,1,2,30,40,0.9\n2,{word},1,2,30,40,0.9\n")
    (found,) = errors(validate(file))
    assert (found.problem, found.line, found.found) == ("identity is too large to be exact", 2, word)


def test_truth_with_large_numbers_needs_no_large_tables(mot_world: World) -> None:
    """TrackEval makes a table as long as the largest identity."""
    benchmark = benchmark_of("mot17")
    before = evaluate(benchmark, mot_world.root, mot_world.tracks).combined
    for path in mot_world.root.rglob("gt.txt"):
        rows = [line.split(",") for line in path.read_text().splitlines()]
        path.write_text(
            "".join(",".join([row[0], str(int(row[1]) + 10**15), *row[2:]]) + "\n" for row in rows)
        )
    assert evaluate(benchmark, mot_world.root, mot_world.tracks).combined == before


def test_refining_keeps_them_and_the_classes(deptr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    rows = []
    for frame in range(1, 31):
        for lane, identity in enumerate((OFFSET + 1, OFFSET + 2)):
            if not (lane == 0 and 12 <= frame <= 15):
                rows.append(
                    f"{frame},{identity},{10 + 3 * frame},{10 + 300 * lane},40,90,0.9,{2 + lane},-1,-1,-1"
                )
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("\n".join(rows))
    assert deptr("refine", source, "--output", target, "--fps", 10, "--json", tmp_path / "c.json")[0] == 0
    out = [line.split(",") for line in target.read_text().splitlines()]
    assert {(row[1], row[7]) for row in out} == {(str(OFFSET + 1), "2"), (str(OFFSET + 2), "3")}
    assert json.loads((tmp_path / "c.json").read_text())["results"]["in"]["rows_filled"] == 4
    assert len(out) == 60
