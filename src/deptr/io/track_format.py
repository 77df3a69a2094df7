"""What a format of tracks is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deptr.io.sequence_tracks import SequenceTracks


@dataclass(frozen=True)
class Format:
    """One way to write tracks down.

    Attributes:
        name: Its word on the command line.
        told: What it is, for help and messages.
        ending: What the name of its file ends with; empty for a folder.
        read: Reads a file or folder of it.
        write: Writes one, whole or not at all.
    """

    name: str
    told: str
    ending: str
    read: Callable[[Path], SequenceTracks]
    write: Callable[[Path, SequenceTracks], None]
