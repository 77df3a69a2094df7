"""How the choices of a run are written, so that messages name them as the user does."""

from __future__ import annotations


class Spelling:
    """How the choices of a run are written, for messages: here as arguments in Python.

    Example:
        >>> Spelling().choice("depth", "pseudo"), Spelling().choice("fps")
        ("depth='pseudo'", 'fps')
        >>> Spelling().parameters(high_score=0.2)
        "parameters={'high_score': 0.2}"
    """

    help = "help(deptr.track)"

    def choice(self, name: str, value: object = None) -> str:
        """A choice by its name, or what to write to take `value`."""
        return name if value is None else f"{name}={value!r}"

    def parameters(self, **values: float) -> str:
        """What to write to give the tracker these parameters."""
        return f"parameters={values}"
