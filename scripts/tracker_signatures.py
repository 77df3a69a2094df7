"""Writes what editors and type checkers see of the trackers' constructors: every parameter by its name.

    python scripts/tracker_signatures.py

A tracker takes its parameters as ``**parameters``, declared once in its parameter class. From that this
makes `src/deptr/_trackers.pyi`, in which each constructor names them with default and meaning; a test
demands that the file is what this would write.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from deptr import DepthFusion
from deptr.tracking.parameters import Parameter
from deptr.tracking.registry import TRACKER_NAMES, parameters_of, tracker_class

STUB = Path(__file__).parents[1] / "src" / "deptr" / "_trackers.pyi"
HEAD = '''"""The trackers' constructors with every parameter; written by scripts/tracker_signatures.py."""

from typing import Literal

'''
SHARED = {
    "depth": 'how depth takes part in the association, as a `DepthFusion` or in words (``"kalman"``, '
    '``"fixed:gamma=0.2"``); None means adaptive whenever detections carry it',
    "frame_rate": "frames per second, used where `update` gets no timestamp",
}
WIDTH = 106


def stub() -> str:
    """The text of the stub."""
    classes = [tracker_class(name) for name in TRACKER_NAMES]
    modules = sorted({cls.__module__.rpartition(".")[2] for cls in classes})
    imports = f"from deptr.tracking import {', '.join(modules)}\n"
    imports += f"from {DepthFusion.__module__} import DepthFusion\n"
    return HEAD + imports + "".join(f"\n{_class(name)}" for name in TRACKER_NAMES)


def _class(name: str) -> str:
    cls = tracker_class(name)
    given = ["depth: DepthFusion | str | None = None", "frame_rate: float = 30.0"]
    given += [f"{entry.name}: {_type(entry)} = {_literal(entry.default)}" for entry in parameters_of(name)]
    meanings = SHARED | {
        entry.name: entry.help if entry.kind is bool else f"{entry.help}; {entry.legal}"
        for entry in parameters_of(name)
    }
    summary = (cls.__doc__ or name).splitlines()[0]
    lines = [
        f"class {cls.__name__}({cls.__module__.rpartition('.')[2]}.{cls.__name__}):",
        "    def __init__(",
        "        self,",
        "        *,",
        *(f"        {part}," for part in given),
        "    ) -> None:",
        f'        """{summary}',
        "",
        "        Args:",
        *(line for word, meaning in meanings.items() for line in _described(word, meaning)),
        '        """',
    ]
    return "\n".join(lines) + "\n"


def _described(name: str, meaning: str) -> list[str]:
    text = f"{name}: {meaning[0].upper()}{meaning[1:]}."
    return textwrap.wrap(text, WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 16)


def _type(parameter: Parameter) -> str:
    if parameter.choices:
        return f"Literal[{', '.join(map(_literal, parameter.choices))}]"
    return parameter.kind.__name__


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
