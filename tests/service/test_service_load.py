"""The load test of the service, shorter than the one whose figures stand in the documents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "service_load.py"


@pytest.mark.slow
def test_clients_that_come_and_die_under_load_leave_nothing_behind(tmp_path: Path) -> None:
    page = tmp_path / "service.md"
    command = [sys.executable, str(SCRIPT), "--seconds", "1", "--markdown", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert ", 0 and 0 waiting frames were left" in " ".join(page.read_text().split())
