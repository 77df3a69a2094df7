"""What Python itself and editors show of a tracker: each parameter by name, default, meaning and range."""

from __future__ import annotations

import inspect

import pytest

from deptr.tracking.registry import TRACKER_NAMES, parameters_of, tracker_class


@pytest.mark.parametrize("name", TRACKER_NAMES)
def test_signature_and_docstring_show_every_parameter(name: str) -> None:
    made = tracker_class(name)
    shown = inspect.signature(made).parameters
    assert list(shown)[:2] == ["depth", "frame_rate"]
    assert "parameters" not in shown
    for parameter in parameters_of(name):
        assert shown[parameter.name].default == parameter.default
        assert f"{parameter.name}: {parameter.help}; {parameter.legal}" in (made.__doc__ or "")
