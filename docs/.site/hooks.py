"""What the site adds to the pages in docs/: files from elsewhere, commands, homes of public names.

Pages link to each other by their places in the repository, so that they read the same there and on the site.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import deptr
from deptr.cli.main import COMMANDS, app

ROOT = Path(__file__).parents[2]
# files of the repository outside docs/ -> their places on the site
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CITATION.cff": "citation.txt",
    "LICENSE": "license.txt",
    "assets/README.md": "bundled-files.md",
    "assets/tracked.jpg": "images/tracked.jpg",
    "recipes/deptr-identity-boxes.toml": "recipes/deptr-identity-boxes.toml",
    "recipes/deptr-nano-person.toml": "recipes/deptr-nano-person.toml",
    "recipes/deptr-nano-person-depth.toml": "recipes/deptr-nano-person-depth.toml",
    "recipes/deptr-nano-person-native.toml": "recipes/deptr-nano-person-native.toml",
    "recipes/deptr-nano-person-mosaics.toml": "recipes/deptr-nano-person-mosaics.toml",
    "recipes/deptr-nano-person-closing.toml": "recipes/deptr-nano-person-closing.toml",
    "recipes/deptr-nano-person-furniture.toml": "recipes/deptr-nano-person-furniture.toml",
    "recipes/deptr-nano-person-decoys.toml": "recipes/deptr-nano-person-decoys.toml",
    "src/deptr/detector/weights/README.md": "model-card.md",
}
REPOSITORY_PLACE = {place: name for name, place in ELSEWHERE.items()}
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
# what a reader's browser would fetch from another host unasked
LOADS = {
    ".html": re.compile(r"<(?!a\b)\w+[^>]+(?:src|srcset|href|poster|data)=\"(?:https?:)?//[^>]+>"),
    ".css": re.compile(r"(?:url\(|@import\s)\s*[\"']?(?:https?:)?//[^)]+"),
}
PUBLIC_NAME = re.compile(r"^::: deptr\.(\w+)$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the site shows besides docs/."""
    for name, place in ELSEWHERE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, "commands.md", content=commands_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn places in the repository into places on the site, public names into where they are defined."""
    here = page.file.src_uri
    folder = (ROOT / REPOSITORY_PLACE.get(here, f"docs/{here}")).parent

    def on_site(link: re.Match[str]) -> str:
        target = os.path.relpath(folder / link[1], ROOT)
        place = ELSEWHERE.get(target, os.path.relpath(ROOT / target, ROOT / "docs"))
        return f"]({os.path.relpath(place, Path(here).parent)}"

    return PUBLIC_NAME.sub(lambda name: f"::: {home_of(name[1])}", LINK.sub(on_site, markdown))


def on_post_build(config: MkDocsConfig) -> None:
    """End the build when a page would fetch anything from another host."""
    for path in Path(config.site_dir).rglob("*.*"):
        outside = LOADS[path.suffix].search(path.read_text()) if path.suffix in LOADS else None
        if outside:
            raise PluginError(f"{path}: loads from another host: {outside[0]}")


def home_of(name: str) -> str:
    """Where a public name of the package is defined, which is where its docstring is read."""
    if name not in dir(deptr):
        return f"deptr.{name}"
    value = getattr(deptr, name)
    return f"{value.__module__}.{value.__qualname__}"


def commands_page() -> str:
    """Every command with its arguments and options, as `--help` tells them."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("deptr", [], resilient_parsing=True)
    parts = [
        "# Commands\n\nWhat `deptr COMMAND --help` says. Options that a page does not mention keep"
        " their defaults; `deptr --debug` shows the traceback of an error.\n"
    ]
    for word in COMMANDS:
        parts += command_section(root.get_command(context, word), f"deptr {word}", 2)
    return "\n".join(parts)


def command_section(command: Any, title: str, level: int) -> Iterator[str]:
    """Heading, description and table of a command; then its subcommands."""
    context = command.make_context(title, [], resilient_parsing=True)
    description = (command.help or command.short_help or "").replace("\b", "")
    yield f"{'#' * level} {title}\n\n{escaped(description)}\n"
    subcommands = command.list_commands(context) if hasattr(command, "list_commands") else []
    for name in subcommands:
        yield from command_section(command.get_command(context, name), f"{title} {name}", level + 1)
    if not subcommands:
        records = [parameter.get_help_record(context) for parameter in command.params]
        rows = [f"| `{names}` | {escaped(told)} |" for names, told in filter(None, records)]
        yield "\n".join(["| | |", "|---|---|", *rows, ""])


def escaped(text: str) -> str:
    """Text that means itself inside a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").strip()
