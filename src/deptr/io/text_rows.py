"""Rows of numbers in a text file, read fast when clean and diagnosed to the line when not."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deptr.errors import DataError

Rows = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# which rows break the rule, the column at fault, the problem, what was expected, what the user can do
Check = tuple[Mask, int, str, str, str | None]

# what numpy's reader accepts: nothing that Python alone takes for a number, such as 1_000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
_SHOWN = 40


def read_text(path: str | Path) -> str:
    """The whole text of a file, without a byte order mark.

    Raises:
        DataError: There is no such file, it cannot be read, or it is not text.
    """
    file = Path(path)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise DataError(file, "no such file") from None
    except IsADirectoryError:
        raise DataError(file, "not a file", expected="a text file", found="a folder") from None
    except OSError as error:
        raise DataError(file, "cannot be read", found=error.strerror or str(error)) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            file,
            "not a text file",
            line=line,
            expected="UTF-8 text",
            found=f"byte 0x{content[error.start]:02x}",
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(file, "not a text file", line=line, expected="UTF-8 text", found="a zero byte")
    return text


def line_of_row(text: str, row: int) -> int:
    r"""Line, from 1, on which data row `row`, from 0, stands; blank lines are no rows.

    Example:
        >>> line_of_row("1,2\n\n3,4\n", 1)
        3
    """
    rows = (number for number, line in enumerate(_lines(text), 1) if line.strip())
    return next(number for count, number in enumerate(rows) if count == row)


def parse_rows(text: str, source: str | Path, *, columns: Sequence[int], names: Sequence[str]) -> Rows:
    r"""All rows of comma-separated numbers; blank lines are skipped.

    Args:
        text: What the file holds.
        source: Where it comes from, for messages.
        columns: Legal numbers of columns; every row must have the same.
        names: Names of the first columns, for messages.

    Returns:
        ``(N, C)`` float64; ``(0, columns[0])`` when there is no row.

    Raises:
        DataError: A row has another number of columns or a field that is no number; names the line.

    Example:
        >>> parse_rows("1,2\n3,4\n", "a.txt", columns=(2,), names=("x", "y"))
        array([[1., 2.],
               [3., 4.]])
    """
    if not text.strip():
        return np.empty((0, columns[0]))
    try:
        rows = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.float64, comments=None, ndmin=2)
    except ValueError as error:
        _diagnose(text, source, columns, names)
        raise DataError(source, "cannot be read", found=str(error)) from error
    if rows.shape[1] not in columns:
        _diagnose(text, source, columns, names)
    return rows


def refuse_first(
    text: str,
    source: str | Path,
    rows: Rows,
    checks: Sequence[Check],
    names: Sequence[str],
) -> None:
    """Raise for the earliest row that fails a check.

    Args:
        text: The text that `rows` were parsed from.
        source: Where it comes from.
        rows: ``(N, C)`` the numbers.
        checks: The rules.
        names: Names of the columns.

    Raises:
        DataError: Some row breaks some rule.
    """
    broken = [(int(np.argmax(check[0])), check) for check in checks if check[0].any()]
    if not broken:
        return
    row, (_, column, problem, expected, hint) = min(broken, key=lambda item: item[0])
    name = names[column] if column < len(names) else f"column {column + 1}"
    raise DataError(
        source,
        f"{name}: {problem}",
        line=line_of_row(text, row),
        expected=expected,
        found=f"{rows[row, column]:.10g}",
        hint=hint,
    )


def _lines(text: str) -> list[str]:
    """Lines as numpy's reader and every editor count them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _diagnose(text: str, source: str | Path, columns: Sequence[int], names: Sequence[str]) -> None:
    """Raise for the first line that is not `columns` numbers, as many as the lines before it."""
    count: int | None = None
    for number, line in enumerate(_lines(text), 1):
        if not line.strip():
            continue
        fields = line.split(",")
        legal = columns if count is None else (count,)
        if len(fields) not in legal:
            expected = " or ".join(", ".join(map(str, legal)).rsplit(", ", 1))
            if count is not None:
                expected += " as in the lines before"
            found = f"{len(fields)} ({line.strip()[:_SHOWN]!r})"
            hint = "columns are separated by commas" if len(fields) == 1 else None
            raise DataError(
                source, "wrong number of columns", line=number, expected=expected, found=found, hint=hint
            )
        count = len(fields)
        for column, field in enumerate(fields):
            if not _NUMBER.fullmatch(field.strip()):
                name = names[column] if column < len(names) else f"column {column + 1}"
                hint = "remove the line with the names of the columns" if number == 1 else None
                found = repr(field.strip()[:_SHOWN])
                raise DataError(source, name, line=number, expected="a number", found=found, hint=hint)
