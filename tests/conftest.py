"""What all tests share: where the measuring data lies, if it does, and the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: this test needs the measuring data")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"{variable}: no such folder: {value}")
    return folder


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of real detections and ground truth; skips when there is none."""
    return _folder("DEPTR_DATA")


@pytest.fixture(scope="session")
def golden_root() -> Path:
    """Folder of the original implementations' outputs; skips when there is none."""
    return _folder("DEPTR_GOLDEN")


# not in cli/conftest.py: pytest would collect that one before this file, and both are called conftest
@pytest.fixture
def deptr(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line in this process; gives exit code, output and messages."""
    from deptr.cli.main import main

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run
