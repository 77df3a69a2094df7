"""The trackers with one mechanism taken out: the code as it stands, with a line of it changed.

The mechanisms are listed in `mutations_of_*.py`. A mechanism's own test runs a scene with the code as it is
and again `without` the mechanism, in this process; `test_mutations.py` runs those tests on changed copies.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = "deptr.tracking"
BOXES = "deptr.boxes"
SOURCE = Path(__file__).parents[2] / "src" / "deptr"
IN_A_COPY = "DEPTR_MUTANT"  # set where tests run against a changed copy


@dataclass(frozen=True)
class Mutation:
    """One change that takes a mechanism out.

    Attributes:
        name: The mechanism.
        edits: Lines of the code, each found at one place of the files that hold mechanisms, and
            what they become.
        tests: Tests of this folder, ``file.py::test_name``, at least one of which must fail then.
    """

    name: str
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]


def files() -> list[Path]:
    """All that holds mechanisms."""
    return [SOURCE / "boxes.py", *sorted((SOURCE / "tracking").rglob("*.py"))]


def place_of(lines: str, name: str) -> Path:
    """The file that holds these lines of the mutation of that name.

    Raises:
        LookupError: No file holds them, or they stand in several places.
    """
    counts = {path: path.read_text().count(lines) for path in files()}
    found = [path for path, count in counts.items() if count]
    if sum(counts.values()) != 1:
        places = ", ".join(str(path.relative_to(SOURCE)) for path in found) or "no file"
        raise LookupError(
            f"mutation {name!r}: expected its lines once in {SOURCE}, found {sum(counts.values())} times in "
            f"{places}; if the code moved on, tell tests/tracking/mutations_of_*.py its new lines:\n{lines}"
        )
    return found[0]


def changed_sources(mutations: Sequence[Mutation]) -> dict[Path, str]:
    """Files with these mechanisms taken out, and their new text."""
    texts: dict[Path, str] = {}
    for mutation in mutations:
        for old, new in mutation.edits:
            path = place_of(old, mutation.name)
            texts[path] = texts.get(path, path.read_text()).replace(old, new)
    return texts


def mutations() -> dict[str, Mutation]:
    """All of them by name."""
    from mutations_of_depth import OF_DEPTH
    from mutations_of_learned import OF_LEARNED
    from mutations_of_likelihood import OF_LIKELIHOOD
    from mutations_of_trackers import OF_TRACKERS

    return {mutation.name: mutation for mutation in (*OF_TRACKERS, *OF_DEPTH, *OF_LIKELIHOOD, *OF_LEARNED)}


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Inside, `deptr.tracking` is imported anew without these mechanisms; import it by `importlib` there."""
    if os.environ.get(IN_A_COPY):
        pytest.skip("this copy of the code is changed already")
    texts = changed_sources([mutations()[name] for name in names])
    parent = importlib.import_module("deptr")
    original = importlib.import_module(PACKAGE)
    boxes = importlib.import_module(BOXES)
    kept = {name: module for name, module in sys.modules.items() if _inside(name)}
    finder = _Finder(texts)
    try:
        for name in kept:
            del sys.modules[name]
        sys.meta_path.insert(0, finder)
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _inside(name)]:
            del sys.modules[name]
        sys.modules.update(kept)
        parent.tracking, parent.boxes = original, boxes  # type: ignore[attr-defined]


def _inside(name: str) -> bool:
    return name in (PACKAGE, BOXES) or name.startswith(PACKAGE + ".")


class _Finder(MetaPathFinder):
    """Finds the changed files; all others are found as usual."""

    def __init__(self, texts: dict[Path, str]) -> None:
        self._texts = {_module_name(path): (path, text) for path, text in texts.items()}

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._texts:
            return None
        file, text = self._texts[fullname]
        loader: Loader = _ChangedLoader(fullname, file, text)
        return spec_from_file_location(fullname, file, loader=loader)


class _ChangedLoader(SourceFileLoader):
    """Compiles the changed text and leaves no compiled file behind."""

    def __init__(self, fullname: str, path: Path, text: str) -> None:
        super().__init__(fullname, str(path))
        self._text = text

    def get_code(self, fullname: str) -> object:
        return compile(self._text, self.path, "exec", dont_inherit=True)


def _module_name(path: Path) -> str:
    return ".".join(("deptr", *path.relative_to(SOURCE).with_suffix("").parts))
