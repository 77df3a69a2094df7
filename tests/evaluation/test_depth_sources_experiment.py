"""`deptr experiment depth-sources` tells sources apart: what they know, their errors, what they add."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deptr.cli.main import app, main
from deptr.evaluation.methods import our_method
from deptr.experiments.depth_sources import SourceWorth, measure_sources
from deptr.io.sequences import benchmark_of, find_sequences

SOURCES = ("none", "exact", "map", "sensor", "pseudo")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short sequences with exact depth maps."""
    root = tmp_path_factory.mktemp("sources") / "world"
    words = ["synth", "--sequences", "2", "--frames", "16", "--size", "192x320", "--level", "2"]
    assert CliRunner().invoke(app, [*words, "--output", str(root)]).exit_code == 0
    return root


@pytest.fixture(scope="module")
def found(world: Path) -> dict[str, SourceWorth]:
    """What came out for each source."""
    entry = benchmark_of("mot")
    methods = [our_method("bytetrack", "fixed", "mot")]
    worths = measure_sources(entry, find_sequences(entry, world), sources=SOURCES, methods=methods)
    return {worth.source: worth for worth in worths}


def test_each_source_knows_what_it_can_know(found: dict[str, SourceWorth]) -> None:
    assert found["none"].quality.known == 0
    assert found["exact"].quality.known == 1
    assert found["exact"].quality.error < 1e-3  # det.txt rounds
    assert found["exact"].quality.order == 1
    assert 0 < found["map"].quality.error < 0.02  # a surface is not the middle of a body
    assert found["map"].quality.error < found["sensor"].quality.error < 0.05
    assert found["sensor"].quality.error < found["pseudo"].quality.error
    assert abs(found["sensor"].quality.bias) < 0.05  # metres stay metres


def test_only_what_the_source_does_is_timed(found: dict[str, SourceWorth]) -> None:
    assert found["exact"].milliseconds < 0.1 < found["map"].milliseconds
    # the simulation of the sensor takes many times longer than the reading of its map
    assert found["sensor"].milliseconds < 3 * found["map"].milliseconds


def test_the_command_writes_a_row_for_each_source(world: Path, tmp_path: Path) -> None:
    output = tmp_path / "page.md"
    words = ["experiment", "depth-sources", "--root", str(world), "--output", str(output)]
    result = CliRunner().invoke(app, [*words, "--sources", "none,exact,sensor"], catch_exceptions=False)
    assert result.exit_code == 0
    rows = [line.split("|")[1:-1] for line in output.read_text().splitlines() if line.startswith("| ")]
    table = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if len(row) > 2}
    assert list(table) == ["depth", "none", "exact", "sensor"]
    assert table["none"][:2] == ["0.0", "-"]
    assert table["none"][5] == ""
    assert table["exact"][:3] == ["100.0", "0.0", "100.0"]
    gain = float(table["exact"][4]) - float(table["none"][4])
    assert float(table["exact"][5].split()[0]) == pytest.approx(gain, abs=0.011)


def test_a_world_without_maps_is_told(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(world, bare, ignore=shutil.ignore_patterns("depth"))
    for sources, said, code in (
        ("none,map", "depth", 1),
        ("exact,none", "none first", 2),
        ("none,lidar", "lidar", 2),
    ):
        arguments = ["experiment", "depth-sources", "--root", str(bare), "--sources", sources]
        with pytest.raises(SystemExit) as stopped:
            main([*arguments, "--output", str(tmp_path / "no.md")])
        assert stopped.value.code == code
        assert said in capsys.readouterr().err
