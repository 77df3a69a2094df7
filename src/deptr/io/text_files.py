"""Text as systems leave it: the one place that turns bytes of a text, json or TOML file into something."""

from __future__ import annotations

import codecs
import json
import sys
from pathlib import Path
from typing import Any

from deptr.errors import DataError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# byte order marks, the longer before those they begin with: editors and PowerShell write them
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(path: str | Path) -> str:
    r"""The whole text of a file, without a byte order mark: UTF-8, or what its mark says (UTF-16, UTF-32).

    Raises:
        DataError: There is no such file, it cannot be read, or it is not text.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "det.txt"
        >>> _ = file.write_bytes("1,2\r\n".encode("utf-16"))
        >>> read_text(file)
        '1,2\r\n'
    """
    file = Path(path)
    content = _read_bytes(file)
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    body = content[len(mark) :]
    expected = f"{encoding.upper()} text"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(encoding, errors="ignore").count("\n") + 1
        found = f"byte 0x{body[error.start]:02x}"
        raise DataError(file, "not a text file", line=line, expected=expected, found=found) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(file, "not a text file", line=line, expected=expected, found="a zero byte")
    return text


def read_json(path: str | Path) -> Any:
    """What a json file holds.

    Raises:
        DataError: It is missing, cannot be read, or is not json.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(path, "not a json file", found=str(error)) from error


def read_toml(path: str | Path) -> dict[str, Any]:
    """A TOML file as a mapping.

    Raises:
        DataError: It is missing, cannot be read, or is not TOML.
    """
    if not Path(path).is_file():
        raise DataError(path, "cannot be read", found="no such file")
    text = read_text(path)
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:
        raise DataError(path, "not a TOML file", found=str(error)) from error


def lines_of(text: str) -> list[str]:
    r"""Lines as numpy's reader and every editor count them; `str.splitlines` splits at more.

    Example:
        >>> lines_of("1\r\n2\r3\n")
        ['1', '2', '3', '']
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise DataError(file, "no such file") from None
    except IsADirectoryError:
        raise DataError(file, "not a file", expected="a text file", found="a folder") from None
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        found = getattr(error, "strerror", None) or str(error)
        raise DataError(file, "cannot be read", found=found) from error
