"""Telling which extra is missing before a heavy import fails."""

from __future__ import annotations

from importlib.util import find_spec

from deptr.errors import MissingExtraError


def need(feature: str, extra: str, *modules: str) -> None:
    """Check that modules are installed, without importing them.

    Raises:
        MissingExtraError: One is not.

    Example:
        >>> need("numbers", "base", "numpy")
    """
    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(feature, extra)
