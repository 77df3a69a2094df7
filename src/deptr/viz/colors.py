"""One colour for each identity, far from its neighbours' and the same in every picture."""

from __future__ import annotations

Color = tuple[int, int, int]

INK: Color = (16, 19, 26)
PAPER: Color = (245, 246, 248)
_PALETTE: tuple[Color, ...] = (
    (255, 176, 0),
    (47, 155, 255),
    (255, 77, 94),
    (61, 220, 132),
    (184, 107, 255),
    (0, 213, 224),
    (255, 122, 45),
    (240, 98, 192),
    (184, 224, 74),
    (124, 140, 255),
    (255, 225, 77),
    (0, 168, 143),
    (255, 158, 158),
    (201, 162, 122),
    (159, 216, 255),
    (217, 184, 255),
)


def identity_palette() -> tuple[Color, ...]:
    """The colours of identities 1, 2, 3, ..., after which they begin again."""
    return _PALETTE


def identity_color(track_id: int) -> Color:
    """RGB colour of an identity: bright enough to be seen on dark and light ground.

    Example:
        >>> identity_color(1) == identity_color(1), identity_color(1) == identity_color(2)
        (True, False)
    """
    return _PALETTE[(track_id - 1) % len(_PALETTE)]


def ink_on(color: Color) -> Color:
    """Black or white, whichever can be read on a colour.

    Example:
        >>> ink_on((255, 255, 0)) == INK, ink_on((0, 0, 160)) == PAPER
        (True, True)
    """
    red, green, blue = color
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 120 else PAPER


def mixed(color: Color, other: Color, share: float) -> Color:
    """`color` with `share` of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue
