"""`deptr doctor` and progress: what people see."""

from __future__ import annotations

import io
import re

import pytest

from deptr.cli import doctor, terminal
from deptr.cli.main import main
from deptr.weights import WEIGHTS


def test_doctor_tells_versions_extras_and_licences(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    told = capsys.readouterr().out
    assert not ended.value.code
    for word in ("deptr 0.", "supervision", "H.264", "ONNX Runtime", "teacher"):
        assert word in told
    for name, entry in WEIGHTS.items():
        assert re.search(rf"{name} .*{re.escape(entry.licence)}", told), name
    assert "not for commercial use" in told


def test_a_missing_extra_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "ray" else real(name))
    doctor.doctor()
    told = capsys.readouterr().out
    assert re.search(r"distributed +not installed \(lacks ray\)", told)
    assert "pip install 'deptr-mot[distributed]'" in told


def test_extras_of_the_package_are_all_explained() -> None:
    from importlib.metadata import metadata

    assert set(metadata("deptr-mot").get_all("Provides-Extra") or []) == set(doctor.ADDS)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_without_a_terminal_is_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, *[2.0 * k for k in range(1, 200)]])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    log = io.StringIO()
    with terminal.progress("track", stream=log) as report:
        for step in range(1, 11):
            report.update(step, 10, identities="3", loss=0.25)
    lines = log.getvalue().splitlines()
    assert 2 <= len(lines) < 10
    assert re.fullmatch(r"track: \d/10, [\d.]+/s, \d+ s left, identities 3, loss 0.25", lines[0])
    assert lines[-1].startswith("track: 10/10, ")
    assert "left" not in lines[-1]


def test_a_run_that_is_taken_up_again_is_not_as_fast_as_what_was_done_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Training on from step 4,500 once told 119 steps a second and 16 seconds left for half an hour."""
    clock = iter(range(10_000))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: float(next(clock)))
    log = io.StringIO()
    with terminal.progress("train", stream=log) as report:
        report.resume(4500)
        for step in range(4501, 4521):
            report.update(step, 9000)
    rates = [float(rate) for rate in re.findall(r"([\d.]+)/s", log.getvalue())]
    assert rates
    assert max(rates) <= 1.0


def test_progress_of_unknown_length() -> None:
    log = io.StringIO()
    with terminal.progress("camera", stream=log) as report:
        report.update(7, None)
    assert log.getvalue().startswith("camera: 7, ")


def test_progress_on_a_terminal_is_a_bar() -> None:
    screen = Screen()
    with terminal.progress("track", stream=screen) as report:
        for step in range(1, 6):
            report.update(step, 5, identities="2")
    assert "5/5" in screen.getvalue()
    assert "identities 2" in screen.getvalue()
