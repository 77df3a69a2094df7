"""Depth in one place: what it says, how far it can be trusted, and how boxes move when it is known."""
