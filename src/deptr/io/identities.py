"""Identities as exact whole numbers: some systems give out 64 bits, of which a float holds 53."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.records import FloatArray, IntArray

LARGEST_EXACT = 2**53  # from here on different whole numbers become one float
LARGEST = 2**63 - 1
COLUMN = 1


def exact_identities(text: str, source: str | Path, values: FloatArray) -> IntArray:
    """Identities of all rows, ``(N,)`` int64, read once more from the text where floats cannot hold them.

    Args:
        text: Comma-separated rows, the identity second; blank lines are no rows.
        source: Where it comes from, for messages.
        values: ``(N,)`` the same identities as floats, whole numbers.

    Raises:
        DataError: An identity is beyond 64 bits with sign, or is not written in full.

    Example:
        >>> exact_identities("1,4611686018427387905,0,0,4,8", "a.txt", np.array([4.6e18]))
        array([4611686018427387905])
    """
    if not (np.abs(values) >= LARGEST_EXACT).any():
        return values.astype(np.int64)
    exact = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not line.strip():
            continue
        word = line.split(",")[COLUMN].strip()
        identity = whole_number(word)
        if identity is None or abs(identity) > LARGEST:
            expected = f"a whole number up to {LARGEST}, in full"
            hint = "give the objects smaller numbers"
            raise DataError(
                source, "id: too large to be exact", line=number, expected=expected, found=word, hint=hint
            )
        exact.append(identity)
    return np.array(exact, np.int64)


def whole_number(word: str) -> int | None:
    """The number that a word writes in full, None for one with an exponent beyond what a float holds.

    Example:
        >>> whole_number("9007199254740993"), whole_number("7.0"), whole_number("9.1e15")
        (9007199254740993, 7, None)
    """
    if re.fullmatch(r"[+-]?\d+", word):
        return int(word)
    value = float(word)
    return int(value) if abs(value) < LARGEST_EXACT and value.is_integer() else None
