"""Which sources many runs take: files, folders of videos, lists in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deptr.errors import DataError, UsageError
from deptr.io.folders import natural_key
from deptr.io.frame_source import is_url
from deptr.io.image_source import is_sequence
from deptr.io.text_files import read_text

VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".ts", ".mpg", ".mpeg", ".wmv", ".flv"}
LIST = "@"  # before the name of a file with a source a line


def find_sources(words: Sequence[str]) -> list[str]:
    """The sources that some words name.

    A folder that holds videos or sequence folders stands for these, in natural order. ``@FILE`` stands for
    the lines of a file, relative to it; empty lines and those that begin with ``#`` count for nothing.

    Raises:
        DataError: A list cannot be read or is empty.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> for name in ("b10.mp4", "b9.mp4", "notes.txt"):
        ...     _ = (folder / name).touch()
        >>> [Path(source).name for source in find_sources([str(folder), "0"])]
        ['b9.mp4', 'b10.mp4', '0']
    """
    found: list[str] = []
    for word in words:
        if word.startswith(LIST):
            found += [source for line in _lines(Path(word[1:])) for source in find_sources([line])]
        else:
            found += [str(path) for path in _inside(Path(word))] or [word]
    return found


def names_of(sources: Sequence[str]) -> list[str]:
    """A name for each source, with its folder's before it where two would be called the same.

    Raises:
        UsageError: The same source comes twice.

    Example:
        >>> names_of(["a/walk.mp4", "b/walk.mp4", "rtsp://door/1"])
        ['a-walk', 'b-walk', 'door-1']
    """
    parts = [_parts(source) for source in sources]
    twice = [source for source, count in Counter(sources).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]}: is named twice")
    for depth in range(1, max(map(len, parts), default=1) + 1):
        names = ["-".join(one[-depth:]) for one in parts]
        if len(set(names)) == len(names):
            break
    else:
        raise UsageError(f"two sources would be called {Counter(names).most_common(1)[0][0]}")
    short = Counter(one[-1] for one in parts)
    chosen = [one[-1] if short[one[-1]] == 1 else name for one, name in zip(parts, names, strict=True)]
    return chosen if len(set(chosen)) == len(chosen) else names


def _parts(source: str) -> list[str]:
    if is_url(source):
        words = source.split("://", 1)[1].rsplit("@", 1)[-1]
        return ["-".join(filter(None, words.replace(":", "/").split("/")))]
    path = Path(source)
    last = path.name if path.is_dir() else path.stem
    return [part for part in (*path.parent.parts, last) if part not in ("/", "..", ".")]


def _lines(path: Path) -> list[str]:
    lines = [line.strip() for line in read_text(path).splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise DataError(path, "names no source", expected="a source a line")
    return [line if is_url(line) or line.isdecimal() else str(path.parent / line) for line in found]


def _inside(folder: Path) -> list[Path]:
    """Videos and sequences in a folder; none where it is a source itself."""
    if not folder.is_dir() or is_sequence(folder):
        return []
    inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__"))]
    found = [
        path for path in inside if path.suffix.lower() in VIDEOS or (path.is_dir() and is_sequence(path))
    ]
    return sorted(found, key=lambda path: natural_key(path.name))
