"""Two Ray workers, one killed on the way: the same bytes as on one machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from label_world import files_of, make_world

from deptr.errors import UsageError
from deptr.teacher.build import TeacherPlan
from deptr.teacher.engine import label_locally
from deptr.teacher.jobs import find_jobs
from deptr.teacher.ray_engine import label_with_ray

pytest.importorskip("ray")


@pytest.mark.slow
def test_two_workers_one_killed_give_the_same_bytes(tmp_path: Path) -> None:
    for index in range(4):
        make_world(tmp_path / "data" / f"s{index}", 250, seed=index)
    jobs = find_jobs([str(tmp_path / "data")])
    plan = TeacherPlan("synthetic", "synthetic", device="cpu")
    local = label_locally(jobs, tmp_path / "local", plan)
    killed: list[int] = []

    def kill_one_worker() -> None:
        deadline = time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            for state in tmp_path.glob("ray/*/.work/*/state.npz"):
                lock = state.parent.with_suffix(".lock")
                pid = int(lock.read_text() or 0) if lock.is_file() else 0
                if pid and pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
                    break
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one_worker)
    killer.start()
    spread = label_with_ray(jobs, tmp_path / "ray", plan, workers=2)
    killer.join()
    assert killed
    assert not spread.failures
    assert [report.name for report in spread.reports] == ["s0", "s1", "s2", "s3"]
    assert min(report.windows for report in spread.reports) < local.reports[0].windows  # it went on, not anew
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "local")


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="workers: expected a whole number from 1, got 0"):
        label_with_ray([], tmp_path, TeacherPlan("synthetic", "synthetic"), workers=0)
