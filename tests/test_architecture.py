"""Imports go one way: the table of docs/architecture.md, run in fresh processes with the rest blocked."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "deptr"
FOLDERS = sorted(path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__")
EVERYWHERE = {"boxes", "cameras", "engines", "errors", "files", "progress", "records", "threads", "weights"}
MAY_IMPORT = {
    "io": set(),
    "teacher": {"io"},
    "detector": set(),
    "training": {"io", "detector", "synth", "tracking"},
    "depth": set(),
    "tracking": set(),
    "synth": {"io"},
    "evaluation": {"io", "tracking"},
    "viz": {"io"},
    "service": {"io", "tracking", "detector"},
    "pipeline": {"io", "depth", "tracking", "detector", "teacher", "viz"},
    "experiments": {
        "io",
        "depth",
        "teacher",
        "detector",
        "training",
        "tracking",
        "synth",
        "evaluation",
        "viz",
    },
    "reproduce": {"io", "teacher", "detector", "training", "tracking", "evaluation", "experiments"},
    "cli": set(FOLDERS) - {"cli"},
}
# modules that importing any file of the folder must not pull in
BLOCKED = {
    "io": ["torch"],
    "depth": ["torch", "cv2", "supervision"],
    "tracking": ["torch", "cv2", "supervision"],
    "viz": ["torch"],
    "cli": ["torch"],
    "pipeline": ["torch", "cv2"],
    "evaluation": ["torch"],
    "synth": ["torch"],
}


def name_of(path: Path) -> str:
    parts = ("deptr", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports_when_run(node: ast.AST) -> set[str]:
    """Modules of the package that the code below a node imports, at once or later, types apart."""
    names: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            names |= {alias.name for alias in child.names}
        elif isinstance(child, ast.ImportFrom):
            wholes = {f"{child.module}.{alias.name}" for alias in child.names}
            names |= {whole if whole in MODULES else str(child.module) for whole in wholes}
        names |= imports_when_run(child)
    return names & set(MODULES) - {"deptr"}


def test_no_module_imports_itself_by_way_of_others() -> None:
    below = {name: imports_when_run(ast.parse(path.read_text())) for name, path in MODULES.items()}
    for name, first in below.items():
        reached: set[str] = set()
        waiting = set(first)
        while waiting:
            found = waiting.pop()
            reached.add(found)
            waiting |= below[found] - reached
        assert name not in reached, f"{name} is in a circle with {sorted(reached)}"


@pytest.mark.parametrize("module", sorted(EVERYWHERE))
def test_what_may_be_imported_from_everywhere_stands_below_all_folders(module: str) -> None:
    assert imported_folders(SOURCE / f"{module}.py") <= EVERYWHERE


def test_items_travel_between_threads_in_one_module() -> None:
    users = {name for name, path in MODULES.items() if re.search(r"\bqueue\.Queue\b", path.read_text())}
    assert users == {"deptr.threads"}


def imported_folders(path: Path) -> set[str]:
    """Folders and root modules of the package that a file imports, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("deptr.")}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_imports_only_what_the_table_allows(folder: str) -> None:
    allowed = MAY_IMPORT[folder] | EVERYWHERE | {folder, "__version__"}
    for path in sorted((SOURCE / folder).rglob("*.py")):
        assert imported_folders(path) <= allowed, path


@pytest.mark.parametrize("folder", sorted(set(BLOCKED) & set(FOLDERS)))
def test_importing_a_folder_pulls_in_nothing_heavy(folder: str) -> None:
    modules = [
        ".".join(("deptr", *path.relative_to(SOURCE).with_suffix("").parts))
        for path in sorted((SOURCE / folder).rglob("*.py"))
        if path.name != "__init__.py"
    ]
    code = f"import sys; sys.modules.update(dict.fromkeys({BLOCKED[folder]!r}))\n"
    code += "\n".join(f"import {module}" for module in modules)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_base_import_is_fast_and_without_torch() -> None:
    code = (
        "import sys, time; start = time.process_time(); import deptr; deptr.ByteTrack; deptr.DepthFusion; "
        "print(time.process_time() - start, 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, torch_loaded = result.stdout.split()
    assert torch_loaded == "False"
    assert float(seconds) < 1.5  # CPU time, so that a busy machine does not fail it


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in (SOURCE, ROOT / "tests", ROOT / "benchmarks")
        for path in sorted(folder.rglob("*.py"))
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_functions_stay_small(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = len((ast.get_docstring(node) or "").splitlines())
            length = (node.end_lineno or 0) - node.lineno - docstring
            assert length < 60, f"{path.name}: {node.name} has {length} lines"
