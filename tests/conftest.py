"""What all tests share: where the measuring data lies, if it does, and the command line."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

# A shell that runs tests in the background lets them ignore Ctrl-C, and with them every command they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
