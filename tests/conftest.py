"""What all tests share: where the measuring data lies, if it does."""

from __future__ import annotations

import os
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
