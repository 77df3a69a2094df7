"""What is not installed is not tested, and the end of a run says so."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

# tests/detector and tests/teacher need these; so do modules of src whose docstrings hold examples
OPTIONAL = ("torch", "transformers", "safetensors", "pyarrow", "fastapi", "uvicorn", "prometheus_client")
MISSING = [name for name in OPTIONAL if find_spec(name) is None]


def pytest_configure(config: pytest.Config) -> None:
    """Where an extra is missing, examples in modules that need it are skipped; else they are errors."""
    if MISSING:
        config.option.doctest_ignore_import_errors = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line about what was left out."""
    if MISSING:
        terminalreporter.write_line(
            f"not installed: {', '.join(MISSING)}. Left out: tests/detector, tests/teacher and examples in "
            "modules that need them; pip install 'deptr-mot[train,teacher]' brings them."
        )
