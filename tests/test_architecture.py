"""Imports go one way: the table of docs/architecture.md, run in fresh processes with the rest blocked."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "deptr"
FOLDERS = sorted(path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__")
EVERYWHERE = {"boxes", "errors", "files", "progress", "records", "weights"}
MAY_IMPORT = {
    "io": set(),
    "teacher": {"io"},
    "detector": set(),
    "training": {"io", "detector"},
    "tracking": set(),
    "synth": {"io"},
    "evaluation": {"io", "tracking"},
    "viz": {"io"},
    "experiments": {"io", "teacher", "detector", "training", "tracking", "synth", "evaluation", "viz"},
    "cli": {"io", "teacher", "detector", "training", "tracking", "synth", "evaluation", "viz", "experiments"},
}
# modules that importing any file of the folder must not pull in
BLOCKED = {
    "io": ["torch"],
    "tracking": ["torch", "cv2", "supervision"],
    "viz": ["torch"],
    "cli": ["torch"],
    "evaluation": ["torch"],
    "synth": ["torch"],
}


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
