"""The page itself: one file with everything it needs inside, which asks no other host for anything."""

from __future__ import annotations

import html
from importlib.resources import files
from pathlib import Path
from typing import Any

from deptr.files import atomic_write
from deptr.viz.colors import identity_palette
from deptr.viz.report.content import packed

SCRIPTS = (
    "data.js", "state.js", "player.js", "stage.js", "birdseye.js", "timeline.js", "depth.js", "panel.js",
    "events.js", "download.js", "main.js",
)  # fmt: skip


def write_page(path: str | Path, content: dict[str, Any]) -> int:
    """Write a page, whole or not at all.

    Args:
        path: The file.
        content: What `content_of` made.

    Returns:
        Its size in bytes.

    Raises:
        DataError: It cannot be written.
    """
    text = page(content)
    with atomic_write(path) as file:
        file.write(text)
    return len(text.encode())


def page(content: dict[str, Any]) -> str:
    """The text of a page."""
    folder = files("deptr.viz.report") / "page"
    scripts = "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    parts = {
        "TITLE": html.escape(str(content["title"])),
        "STYLE": (folder / "page.css").read_text(encoding="utf-8"),
        "SCRIPT": scripts,
        "PALETTE": ",".join("#" + bytes(color).hex() for color in identity_palette()),
        "DATA": packed(content),
    }
    text = (folder / "page.html").read_text(encoding="utf-8")
    for name, value in parts.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text
