"""Rows of tracks as annotation tools have them: collected one by one, named, and put into a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deptr.errors import DataError
from deptr.io.columns import NOT_SAID
from deptr.io.sequence_tracks import SequenceTracks, class_numbers, names_of
from deptr.io.table_files import check_tracks
from deptr.io.tables import TrackTable

NUMBERS = ("score", "depth", "depth_std", "visibility")
_HIDDEN = 0.5  # below this share an object counts as occluded
_FLAGGED = 0.25  # visibility of what is only said to be occluded


@dataclass
class Rows:
    """Rows that grow; `sequence` makes a result of them.

    Attributes:
        source: Where they come from.
    """

    source: str | Path
    _rows: list[tuple[int, int, tuple[float, ...], str, dict[str, float]]] = field(default_factory=list)

    def add(
        self,
        frame: int,
        track_id: int,
        box: tuple[float, float, float, float],
        label: str,
        numbers: Mapping[str, float | None],
    ) -> None:
        """One box, xyxy pixels; what is None or missing is not known."""
        known = {name: float(value) for name, value in numbers.items() if value is not None}
        self._rows.append((frame, track_id, box, label, known))

    def sequence(
        self,
        name: str,
        *,
        labels: list[str] | None = None,
        known: Mapping[str, int] | None = None,
        **more: Any,
    ) -> SequenceTracks:
        """The rows as a result.

        Args:
            name: Of the sequence.
            labels: Class names in the order of the file.
            known: Class numbers that the file itself gives.
            more: What else is known of the sequence.

        Raises:
            DataError: A row cannot be one of a track.
        """
        numbers = class_numbers([*(labels or ()), *(row[3] for row in self._rows)], known)
        try:
            table = TrackTable.of(
                str(self.source),
                frame=[row[0] for row in self._rows],
                track_id=[row[1] for row in self._rows],
                xyxy=[row[2] for row in self._rows],
                class_id=[numbers.get(row[3], NOT_SAID) for row in self._rows],
                **{
                    key: [row[4].get(key, 1.0 if key == "score" else math.nan) for row in self._rows]
                    for key in NUMBERS
                },
            )
        except (ValueError, OverflowError) as error:
            raise DataError(self.source, "not rows of tracks", found=str(error)) from error
        check_tracks(table)
        return SequenceTracks(name, table, class_names=names_of(numbers), **more)


class Names:
    """Identities of tracks that claim one: the first claimant has it, others get free numbers.

    A further track of another class may share it: that is an object whose class changes.

    Example:
        >>> names = Names([7, 7, None, 2])
        >>> [names.take(7, "car"), names.take(7, "car"), names.take(None, "car"), names.take(7, "van")]
        [7, 8, 9, 7]
    """

    def __init__(self, claims: list[int | None]) -> None:
        self._given: set[tuple[int, str]] = set()
        self._free = max([claim for claim in claims if claim is not None], default=0) + 1

    def take(self, claim: int | None, label: str) -> int:
        """The identity of the next track."""
        if claim is None or (claim, label) in self._given:
            claim, self._free = self._free, self._free + 1
        self._given.add((claim, label))
        return claim


def occluded(visibility: float) -> bool:
    """Whether a visibility is what tools call occluded; unknown is not."""
    return visibility < _HIDDEN


def seen_share(flag: bool, visibility: float | None) -> float | None:
    """Visibility of a box with a flag for occlusion: its own number where that agrees with the flag.

    Example:
        >>> seen_share(True, 0.3), seen_share(True, None), seen_share(False, 0.3), seen_share(False, None)
        (0.3, 0.25, 1.0, None)
    """
    if visibility is not None and occluded(visibility) == flag:
        return visibility
    return _FLAGGED if flag else None if visibility is None else 1.0


def number_of(word: Any) -> float | None:
    """A number that a tool holds as text; None where it is empty or no number.

    Example:
        >>> number_of("2.5"), number_of(""), number_of("nan"), number_of(None)
        (2.5, None, None, None)
    """
    try:
        value = float(word)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def whole_of(word: Any) -> int | None:
    """A whole number from 0 that a tool holds as text, else None."""
    return int(word) if isinstance(word, (str, int)) and str(word).isdecimal() else None


def text_of(value: float) -> str:
    """A number as text that reads back the same, empty where it is not known."""
    return repr(float(value)) if math.isfinite(value) else ""
