"""The documents tell the truth: commands exist, marked ones run, Python runs, links lead somewhere.

A block that opens with ```bash run``` is executed; of other bash blocks every command and option must exist.
Python is executed, unless its block opens with ```python sketch``` because it needs data: what that imports
must exist.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from deptr.cli.main import COMMANDS, LazyGroup, app, main

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "assets").glob("*.md")),
]
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str, marks: str | None = None) -> list[tuple[str, str]]:
    """Name and text of each block of a language, of those with these marks if given."""
    return [
        (f"{path.relative_to(ROOT)}:{path.read_text()[: match.start()].count(chr(10)) + 1}", match[3])
        for path in DOCUMENTS
        for match in _BLOCK.finditer(path.read_text())
        if match[1] == language and (marks is None or match[2].split() == marks.split())
    ]


def commands(block: str) -> list[list[str]]:
    """Words of each command, continuation lines joined and comments removed."""
    lines = block.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def named(found: list[tuple[str, str]]) -> list[object]:
    return [pytest.param(text, id=name) for name, text in found] or [
        pytest.param("", id="none", marks=pytest.mark.skip(reason="no such block"))
    ]


@pytest.mark.parametrize("block", named(blocks("bash")))
def test_commands_in_the_documents_exist(block: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line in commands(block):
        words = [word for word in line if not re.fullmatch(r"[A-Z_]+=.*", word)]
        if words[0] == "make":
            assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in words[1:]), words
        elif Path(words[0]).name == "deptr":
            check_options(words[1:])


def check_options(words: list[str]) -> None:
    """Every option must be one of its command's."""
    command = typer.main.get_command(app)
    context = command.make_context("deptr", [], resilient_parsing=True)
    assert isinstance(command, LazyGroup)
    assert words[0] in COMMANDS, f"there is no deptr {words[0]}"
    inner = command.get_command(context, words[0])
    assert inner is not None, f"deptr {words[0]} is not there"
    rest = words[1:]
    subcommands = getattr(inner, "list_commands", lambda _: [])(context)
    if subcommands and rest and rest[0] in subcommands:
        inner, rest = inner.get_command(context, rest[0]), rest[1:]
    known = {option for parameter in inner.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known | {"--help", "--debug"}, f"{word} is no option of {words}"


@pytest.mark.parametrize("block", named(blocks("bash", "run")))
def test_marked_commands_run(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    for words in commands(block):
        assert words[0] == "deptr"
        with pytest.raises(SystemExit) as ended:
            main(words[1:])
        message = capsys.readouterr().err
        if "needs the extra" in message:
            pytest.skip(message.strip().splitlines()[-1])
        assert not ended.value.code, f"{words}: {message}"


@pytest.mark.parametrize("block", named(blocks("python", "")))
def test_python_in_the_documents_runs(block: str, tmp_path: Path) -> None:
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-W", "error::DeprecationWarning:deptr", "-c", block]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("block", named(blocks("python", "sketch")))
def test_what_sketches_import_exists(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_pictures_are_small() -> None:
    for picture in (ROOT / "assets").rglob("*"):
        if picture.suffix in {".jpg", ".png", ".gif"}:
            assert picture.stat().st_size < 300_000, picture
