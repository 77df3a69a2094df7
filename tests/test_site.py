"""The site is built strictly: what would puzzle a reader ends `make docs`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="needs the extra docs")

ROOT = Path(__file__).parents[1]
FAULTS = {
    "link": ("docs/synth.md", "[here](nowhere.md)", "nowhere.md"),
    "link of the README": ("README.md", "[here](docs/nowhere.md)", "nowhere.md"),
    "anchor": ("docs/synth.md", "[here](tracking.md#nowhere)", "#nowhere"),
    "reference": ("docs/api/io.md", "::: deptr.io.nowhere", "deptr.io.nowhere"),
    "page without a place": ("docs/new.md", "# New", "new.md"),
    "picture of another host": ("docs/synth.md", "![](https://example.org/x.png)", "example.org"),
}


def build(root: Path) -> subprocess.CompletedProcess[str]:
    """Run what `make docs` runs."""
    recipe = re.search(r"^docs: .*\n\t\$\(BIN\)/(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", *recipe[1].split()]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project with pages of its own."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("src", "assets", "recipes"):
        (tmp_path / name).symlink_to(ROOT / name)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_site_is_whole(project: Path) -> None:
    result = build(project)
    assert result.returncode == 0, result.stderr
    assert "deptr track" in (project / "site" / "commands.html").read_text()
    assert "ByteTrack" in (project / "site" / "api" / "trackers.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_the_build(fault: str, project: Path) -> None:
    path, text, told = FAULTS[fault]
    with (project / path).open("a") as file:
        file.write(f"\n{text}\n")
    result = build(project)
    assert result.returncode != 0
    assert told in result.stderr
