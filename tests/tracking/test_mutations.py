"""Taking a mechanism out of the trackers breaks the test that knows what it is for.

Run as a program, this file writes the table of docs/contributing-tests.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from mutations import IN_A_COPY, SOURCE, Mutation, changed_sources, mutations, place_of

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "tracking"
DOCUMENT = ROOT / "docs" / "contributing-tests.md"
BEGIN, END = "<!-- mechanisms: begin -->\n", "<!-- mechanisms: end -->\n"
ALL = mutations()
# whole groups at once, as a careless rewrite would lose them
TOGETHER = {
    "eight mechanisms of the trackers": (
        "ByteTrack: second association",
        "ByteTrack: duplicate removal",
        "OC-SORT: momentum (OCM)",
        "OC-SORT: recovery (OCR)",
        "OC-SORT: re-update (ORU)",
        "Hybrid-SORT: score cue (TCM)",
        "Hybrid-SORT: height IoU",
        "BoT-SORT: appearance",
    ),
    "six mechanisms of depth": (
        "depth: leads",
        "depth: recovery gate",
        "depth: start with the common motion",
        "depth: safe bound",
        "depth: tail of the noise",
        "depth: noise under occlusion",
    ),
}


def table() -> str:
    """Each mechanism, the file that holds it and the test that sees it, as Markdown."""
    rows = ["| without | in `src/deptr/` | fails in `tests/tracking/` |", "|---|---|---|"]
    for mutation in ALL.values():
        files = sorted({str(place_of(old, mutation.name).relative_to(SOURCE)) for old, _ in mutation.edits})
        tests = [f"`{test.replace('.py::', '`: `')}`" for test in mutation.tests]
        rows.append(f"| {mutation.name} | {', '.join(f'`{file}`' for file in files)} | {', '.join(tests)} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


@pytest.mark.parametrize("name", ALL)
def test_every_mutation_fits_the_code(name: str) -> None:
    for path, text in changed_sources([ALL[name]]).items():
        compile(text, str(path), "exec")
    for test in ALL[name].tests:
        file, function = test.split("::")
        assert f"def {function}(" in (TESTS / file).read_text(), test


def test_names_of_mutations_are_unique() -> None:
    from mutations_of_depth import OF_DEPTH
    from mutations_of_learned import OF_LEARNED
    from mutations_of_likelihood import OF_LIKELIHOOD
    from mutations_of_trackers import OF_TRACKERS

    assert len(ALL) == len(OF_DEPTH) + len(OF_TRACKERS) + len(OF_LIKELIHOOD) + len(OF_LEARNED)


def test_the_documents_table_is_that_of_the_code() -> None:
    text = DOCUMENT.read_text()
    assert text == with_table(text), "run: python tests/tracking/test_mutations.py"


def run_in_a_copy(folder: Path, changed: Sequence[Mutation]) -> subprocess.CompletedProcess[str]:
    """The tests of these mutations, or of all if there are none, against a copy of the code."""
    shutil.copytree(SOURCE, folder / "deptr", ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in changed_sources(changed).items():
        (folder / "deptr" / path.relative_to(SOURCE)).write_text(text)
    tests = dict.fromkeys(test for mutation in changed or ALL.values() for test in mutation.tests)
    environment = os.environ | {"PYTHONPATH": str(folder), IN_A_COPY: "yes", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:xdist",
        *(str(TESTS / test) for test in tests),
    ]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_without_a_mutation_all_of_them_pass(tmp_path: Path) -> None:
    done = run_in_a_copy(tmp_path, [])
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ALL, *TOGETHER])
def test_a_lost_mechanism_is_seen(name: str, tmp_path: Path) -> None:
    done = run_in_a_copy(tmp_path, [ALL[one] for one in TOGETHER.get(name, (name,))])
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, f"{name} survived:\n{done.stdout}"
    assert "ImportError" not in done.stdout and "SyntaxError" not in done.stdout, done.stdout


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
