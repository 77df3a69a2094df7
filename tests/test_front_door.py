"""What stands around the package agrees with it: version, Pythons, pins, forms that ask for the facts."""

from __future__ import annotations

import re
import sys
from itertools import chain
from pathlib import Path

import pytest

import deptr

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_one_version_everywhere() -> None:
    assert "version" not in PROJECT  # it is read from the package
    assert re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE) == [
        deptr.__version__
    ]
    newest = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest and newest[1] == deptr.__version__


def test_the_workflow_runs_the_script_on_every_declared_python() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    declared = [line.split()[-1] for line in PROJECT["classifiers"] if re.search(r"3\.\d+$", line)]
    assert sorted(re.findall(r'python: "([\d.]+)"', workflow)) == sorted(declared)
    assert "run: .ci/run" in workflow
    targets = {*re.findall(r"target: ([\w-]+)", workflow)}
    assert all(re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE) for name in targets)


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_issue_forms_ask_for_the_installation(form: Path) -> None:
    assert "deptr doctor" in form.read_text()


def test_every_dependency_of_every_extra_is_pinned() -> None:
    pinned = {
        re.split(r"[=\s]", line)[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    wanted = [*PROJECT["dependencies"], *chain.from_iterable(PROJECT["optional-dependencies"].values())]
    names = {re.split(r"[\[<>=;\s]", line)[0].lower() for line in wanted}
    assert names <= pinned
