"""What code a result rests on: the files that a module imports, and the versions that count."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import deptr

LIBRARIES = ("lap", "numpy", "scipy", "trackeval")
_PACKAGE = Path(deptr.__file__).parent


def code_of(module: str, *, leave_out: str = "") -> list[Path]:
    """Files of this package that a module is made of: its own and all that it imports, wherever it does so.

    Args:
        module: Full name, such as ``deptr.tracking.bytetrack``.
        leave_out: Prefix of modules that are not followed, such as ``deptr.tracking``.

    Example:
        >>> names = {path.name for path in code_of("deptr.tracking.bytetrack")}
        >>> {"bytetrack.py", "base.py", "fusion.py", "boxes.py", "records.py"} <= names, "ocsort.py" in names
        (True, False)
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file_of(name)
        if path is None or name in found or (leave_out and name.startswith(leave_out)):
            continue
        found[name] = path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [found[name] for name in sorted(found)]


def _file_of(module: str) -> Path | None:
    """Where a module of this package lies; None for other packages, folders and names that are no module."""
    parts = module.split(".")
    path = _PACKAGE.joinpath(*parts[1:]).with_suffix(".py")
    return path if parts[0] == "deptr" and len(parts) > 1 and path.is_file() else None


def installed_version(package: str) -> str:
    """Version of an installed package, ``none`` when it is not installed.

    Example:
        >>> installed_version("no-such-package")
        'none'
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def hash_of(paths: Iterable[Path]) -> str:
    """SHA-256 over the bytes of files, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
