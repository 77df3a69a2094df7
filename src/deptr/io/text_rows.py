"""Rows of numbers in a text file, read fast when clean and diagnosed to the line when not."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deptr.errors import DataError
from deptr.io.text_files import lines_of

Rows = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# which rows break the rule, the column at fault, the problem, what was expected, what the user can do
Check = tuple[Mask, int, str, str, str | None]

# what numpy's reader accepts: nothing that Python alone takes for a number, such as 1_000
_NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE | re.ASCII
)
_SHOWN = 40
REMOVE_COMMENT = "remove the comment: the file may hold rows only"


def line_of_row(text: str, row: int) -> int:
    r"""Line, from 1, on which data row `row`, from 0, stands; blank lines are no rows.

    Example:
        >>> line_of_row("1,2\n\n3,4\n", 1)
        3
    """
    rows = (number for number, line in enumerate(lines_of(text), 1) if line.strip())
    return next(number for count, number in enumerate(rows) if count == row)


def parse_rows(text: str, source: str | Path, *, columns: Sequence[int], names: Sequence[str]) -> Rows:
    r"""All rows of comma-separated numbers; blank lines are skipped.

    A comma at the end of every line, as some writers leave it, ends no further column.

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
    if "\r" in text:
        text = "\n".join(lines_of(text))
    rows = _load(text)
    if rows is None:
        text = _without_last_commas(text)
        rows = _load(text)
    if rows is None or rows.shape[1] not in columns:
        _diagnose(text, source, columns, names)
        raise DataError(source, "cannot be read", expected="rows of numbers")
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


def number_of(word: str) -> float | None:
    """The number a word is, None for what only Python takes for one, and for what is none.

    Example:
        >>> number_of(" 1.5 "), number_of("1_000"), number_of("x")
        (1.5, None, None)
    """
    return float(word) if _NUMBER.fullmatch(word.strip()) else None


def is_comment(line: str) -> bool:
    """Whether a line is a remark instead of a row, as `numpy.savetxt` writes its header."""
    return line.lstrip().startswith(("#", "//", "%"))


def refuse_comment(source: str | Path, number: int, line: str) -> None:
    """Raise for a line that is a remark.

    Raises:
        DataError: It is one.
    """
    if is_comment(line):
        found = repr(line.strip()[:_SHOWN])
        raise DataError(
            source, "a comment", line=number, expected="rows only", found=found, hint=REMOVE_COMMENT
        )


def row_advice(fields: Sequence[str], *, first: bool) -> str | None:
    """What to do about a row with a word where a number belongs.

    Only a line without a single number holds the names of columns: to remove any other would lose data.

    Args:
        fields: The row.
        first: Whether no row stands before it.

    Example:
        >>> row_advice(["frame", "id"], first=True)
        'remove the line with the names of the columns'
        >>> row_advice(["1", "2", "person"], first=True)
        'write a number there; the other columns of the row are data'
    """
    numbers = sum(bool(_NUMBER.fullmatch(field.strip())) for field in fields)
    if numbers:
        return "write a number there; the other columns of the row are data"
    return "remove the line with the names of the columns" if first else None


def _load(text: str) -> Rows | None:
    """All rows at once; None when some line is no row, or there is none."""
    if not text.strip():
        return None
    try:
        return np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.float64, comments=None, ndmin=2)
    except ValueError:
        return None


def _without_last_commas(text: str) -> str:
    """The text without the comma at the end of its lines, where every line has one."""
    lines = [line.rstrip() for line in lines_of(text)]
    if not all(line.endswith(",") for line in lines if line):
        return text
    return "\n".join(line[:-1] for line in lines)


def _diagnose(text: str, source: str | Path, columns: Sequence[int], names: Sequence[str]) -> None:
    """Raise for the first line that is not `columns` numbers, as many as the lines before it."""
    count: int | None = None
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip():
            continue
        refuse_comment(source, number, line)
        shown = repr(line.strip()[:_SHOWN])
        fields = line.split(",")
        legal = columns if count is None else (count,)
        if len(fields) - 1 in legal and not fields[-1].strip():
            _refuse_words(fields, source, number, names, first=count is None)
        if len(fields) not in legal:
            expected = " or ".join(", ".join(map(str, legal)).rsplit(", ", 1))
            if count is not None:
                expected += " as in the lines before"
            hint = "columns are separated by commas" if len(fields) == 1 else None
            if ";" in line:
                hint = "columns are separated by commas, and fractions by points"
            found = f"{len(fields)} ({shown})"
            problem = "wrong number of columns"
            raise DataError(source, problem, line=number, expected=expected, found=found, hint=hint)
        _refuse_words(fields, source, number, names, first=count is None)
        count = len(fields)


def _refuse_words(
    fields: Sequence[str], source: str | Path, line: int, names: Sequence[str], *, first: bool
) -> None:
    for column, field in enumerate(fields):
        if _NUMBER.fullmatch(field.strip()):
            continue
        name = names[column] if column < len(names) else f"column {column + 1}"
        if column == len(fields) - 1 and not field.strip():
            problem = f"{name}: nothing behind the comma at the end of the line"
            hint = "give every line a comma at its end, or none"
            raise DataError(source, problem, line=line, expected="a number", found="''", hint=hint)
        found, advice = repr(field.strip()[:_SHOWN]), row_advice(fields, first=first)
        raise DataError(source, name, line=line, expected="a number", found=found, hint=advice)
