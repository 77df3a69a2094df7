"""LZF, the compression inside PCD files of the coding ``binary_compressed``: reading it."""

from __future__ import annotations

_LONG = 7  # a length in three bits that says that a byte with more of it follows
_LITERALS = 32  # below: so many bytes stand there as they are, less one


def decompress_lzf(packed: bytes, size: int) -> bytes:
    r"""The bytes that were packed.

    Args:
        packed: The stream, nothing before or behind it.
        size: How many bytes it holds.

    Raises:
        ValueError: The stream is damaged or holds another number of bytes.

    Example:
        >>> decompress_lzf(b"\x02abc\x60\x02", 8)
        b'abcabcab'
    """
    out, place = bytearray(), 0
    try:
        while place < len(packed) and len(out) <= size:
            control = packed[place]
            place += 1
            if control < _LITERALS:
                out += packed[place : place + control + 1]
                place += control + 1
                continue
            length = control >> 5
            if length == _LONG:
                length += packed[place]
                place += 1
            back = ((control & 31) << 8 | packed[place]) + 1
            place, length = place + 1, length + 2
            start = len(out) - back
            if start < 0:
                raise ValueError("packed bytes refer to what is before the first")
            piece = out[start : start + length]
            out += piece if len(piece) == length else (piece * (length // back + 1))[:length]
    except IndexError:
        raise ValueError("packed bytes end in the middle") from None
    if len(out) != size or place > len(packed):
        raise ValueError(f"packed bytes hold {len(out)} bytes, not {size}")
    return bytes(out)
