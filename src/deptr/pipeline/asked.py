"""What a run was asked, as plain values: two runs that were asked the same need not both be done."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deptr.io.json_lines import plain

if TYPE_CHECKING:
    from deptr.pipeline.request import Request

_LEFT_OUT = {"spelling"}  # how it was asked, not what


def asked(request: Request) -> dict[str, Any]:
    """A request as plain values, with the size and time of its files.

    Example:
        >>> from deptr.pipeline.request import Request
        >>> content = asked(Request(source="walk.mp4", fps=10))
        >>> content["source"], content["fps"], content["files"]
        ('walk.mp4', 10, {})
    """
    content: dict[str, Any] = _values(request)
    names = {str(value) for value in (request.source, request.detections) if isinstance(value, (str, Path))}
    files = sorted(name for name in names if Path(name).is_file())
    stats = {name: Path(name).stat() for name in files}
    content["files"] = {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}
    return content


def _values(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        named = [field.name for field in fields(value) if field.name not in _LEFT_OUT]
        return {name: _values(getattr(value, name)) for name in named}
    return plain(value)
