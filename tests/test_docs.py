"""The documents tell the truth: their code runs, their commands parse, their links lead somewhere.

The blocks of Python and bash of a document are run in its order, in one fresh folder beside `assets`, as a
reader would run them. Below `<!-- not run: REASON -->` stands a block that needs what a test has not, such as
a data set: its commands must parse and what its Python imports must exist.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

import deptr
from deptr.cli.main import COMMANDS, app, main

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "assets").glob("*.md")),
    *sorted((ROOT / "src").rglob("*.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
]
_BLOCK = re.compile(r"(?:^<!-- not run: ([^\n]+) -->\n)?^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS_PAGE = ROOT / "docs" / "commands.md"  # written when the site is built
SLOW_TO_RUN = {ROOT / "docs" / "gallery.md"}
# what a block that is not run may call besides `deptr`, `make` and the project's own scripts
OTHER_PROGRAMS = {"git", "pip", "podman", "pre-commit", "pytest", "torchrun"}


@dataclass(frozen=True)
class Block:
    """A block of code: where it stands, its language, its text, and why it is not run, if so."""

    place: str
    language: str
    text: str
    not_run: str | None


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path) -> list[Block]:
    """The blocks of Python and bash of a document."""
    text = path.read_text()
    return [
        Block(f"{name_of(path)}:{text[: match.start(2)].count(chr(10)) + 1}", match[2], match[3], match[1])
        for match in _BLOCK.finditer(text)
        if match[2] in {"python", "bash"}
    ]


def with_blocks(*, run: bool) -> list[object]:
    """Documents that have blocks, or blocks that are run, as parameters."""
    return [
        pytest.param(path, id=name_of(path), marks=[pytest.mark.slow] if run and path in SLOW_TO_RUN else [])
        for path in DOCUMENTS
        if any(not run or block.not_run is None for block in blocks(path))
    ]


def commands(text: str) -> list[list[str]]:
    """Words of each command, continuation lines joined, comments and variables before it removed."""
    lines = text.replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    stripped = [
        words[next((i for i, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), 0) :]
        for words in found
        if words
    ]
    return [words for words in stripped if words]


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """The (sub)command that words of `deptr` name, and the words that are left for it."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("deptr", [], resilient_parsing=True)
    assert words and words[0] in COMMANDS, f"there is no deptr {' '.join(words)}"
    command, rest = root.get_command(context, words[0]), words[1:]
    while hasattr(command, "list_commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.list_commands(context), f"deptr {words[0]} has no {rest[0]}"
        command, rest = command.get_command(context, rest[0]), rest[1:]
    return command, rest


def check_line(words: list[str]) -> None:
    """A command of a document can be given: the program is there, the line parses."""
    program, *rest = words
    if program == "deptr":
        if rest not in (["--help"], ["--version"]):
            command, left = find_command([word for word in rest if word != "--debug"])
            if left != ["--help"]:
                command.make_context(f"deptr {rest[0]}", left)
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text()
        assert all(re.search(rf"^{word}:", makefile, re.MULTILINE) for word in rest if "=" not in word), words
    elif program == "python" and rest[0] != "-m":
        text = (ROOT / rest[0]).read_text()
        assert all(word.split("=")[0] in text for word in rest[1:] if word.startswith("--")), words
    else:
        assert program in OTHER_PROGRAMS | {"python"}, f"{program}: may it stand in a document?"


@pytest.mark.parametrize("path", with_blocks(run=True))
def test_code_of_the_documents_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    for block in blocks(path):
        if block.not_run is None and block.language == "python":
            run_python(block)
        elif block.not_run is None:
            for words in commands(block.text):
                run_command(words, block, capsys)


def run_command(words: list[str], block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a line of `deptr` in this process; skip where an extra is not installed."""
    assert words[0] == "deptr", f"{block.place}: {words[0]} cannot be run by a test; say so"
    with pytest.raises(SystemExit) as ended:
        main(words[1:])
    message = capsys.readouterr().err
    if "needs the extra" in message:
        pytest.skip(message.strip().splitlines()[-1])
    assert not ended.value.code, f"{block.place}: {words}: {message}"


def run_python(block: Block) -> None:
    """Run a block as a program of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-W", "error::DeprecationWarning:deptr", "-c", block.text]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{block.place}: {result.stderr}"


def known_here(module: str) -> bool:
    """Whether a module is ours, or of another project that is installed."""
    top = module.partition(".")[0]
    return top == "deptr" or importlib.util.find_spec(top) is not None


@pytest.mark.parametrize("path", with_blocks(run=False))
def test_code_of_the_documents_names_what_exists(path: Path) -> None:
    for block in blocks(path):
        if block.language == "bash":
            for words in commands(block.text):
                check_line(words)
        elif block.not_run is not None:
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom) and known_here(str(node.module)):
                    module = importlib.import_module(str(node.module))
                    for alias in node.names:  # a module of a package is an attribute only once it is imported
                        inside = f"{node.module}.{alias.name}"
                        found = hasattr(module, alias.name) or importlib.util.find_spec(inside)
                        assert found, ast.unparse(node)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_in_the_prose_exist(path: Path) -> None:
    """Arguments may be left out there; the command and each option that is named must exist."""
    prose = _BLOCK.sub("", path.read_text())
    for text in re.findall(r"(?:`| {4})deptr ([^`\n]+)", prose):
        words = [word for word in text.split() if word not in {"--debug", "--help", "--version", "\\"}]
        if not words or words[0].isupper():
            continue
        command, rest = find_command(words)
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        assert {word.split("=")[0] for word in rest if word.startswith("--")} <= known, text


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_blocks_are_written_as_tests_and_site_read_them(path: Path) -> None:
    """The site does not take ```bash run``` for a block; a mark is followed by its block."""
    text = path.read_text()
    marks = len(re.findall(r"^<!-- not run", text, re.MULTILINE))
    assert marks == sum(block.not_run is not None for block in blocks(path))
    fences = re.findall(r"^```(.*)$", text, re.MULTILINE)
    assert len(fences) % 2 == 0
    assert all(re.fullmatch(r"\w*", fence) for fence in fences), fences
    assert not any(fences[1::2]), fences


def test_every_public_name_has_its_place_in_the_reference() -> None:
    reference = "".join(path.read_text() for path in (ROOT / "docs" / "api").glob("*.md"))
    shown = set(re.findall(r"^::: deptr\.(\w+)$", reference, re.MULTILINE))
    assert set(dir(deptr)) - {"__version__"} <= shown


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_inside_the_project_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if "://" not in target:
            found = (path.parent / target).resolve()
            assert found == COMMANDS_PAGE or found.exists(), target


def test_pictures_are_small() -> None:
    for folder in ("assets", "docs"):
        for picture in (ROOT / folder).rglob("*"):
            if picture.suffix in {".jpg", ".png", ".gif", ".webp"}:
                assert picture.stat().st_size < 300_000, picture
