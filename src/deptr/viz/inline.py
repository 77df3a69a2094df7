"""A video inside a notebook."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

LARGEST = 20_000_000  # bytes that a notebook should carry in one cell


def video_html(path: Path, width: int = 640) -> str:
    """A player with the video in it, which needs neither the file nor a server any more.

    A video that is too large for a notebook is named instead.

    Example:
        >>> file = getfixture("tmp_path") / "tiny.mp4"
        >>> _ = file.write_bytes(b"mp4")
        >>> video_html(file)
        '<video controls width="640" src="data:video/mp4;base64,bXA0"></video>'
    """
    size = path.stat().st_size
    if size > LARGEST:
        return f"<p>{escape(str(path))}: {size / 1e6:.0f} MB, too large to show here</p>"
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<video controls width="{width}" src="data:video/mp4;base64,{data}"></video>'
