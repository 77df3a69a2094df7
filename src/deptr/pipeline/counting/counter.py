"""Counts with supervision's own lines and zones, by the middle of a box's lower edge: where people stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deptr.pipeline.counting.request import Points

if TYPE_CHECKING:
    import supervision as sv

_REMEMBERED = 5.0  # seconds: whoever is lost for so long starts anew


@dataclass(frozen=True)
class Crossing:
    """One identity that crosses a line, or enters or leaves a zone.

    Attributes:
        place: ``line 1``, ``zone 1``, ...
        track_id: Who.
        class_id: Class, -1 = not said.
        entered: Whether inwards: over a line, from its right to its left side seen from its first point.
    """

    place: str
    track_id: int
    class_id: int
    entered: bool


@dataclass(frozen=True)
class Tally:
    """What a line or zone has counted so far.

    Attributes:
        place: ``line 1``, ``zone 1``, ...
        points: Its points in pixels.
        entered: How often somebody went in.
        left: How often somebody went out.
        inside: How many are seen in a zone now; None for a line.
    """

    place: str
    points: Points
    entered: int
    left: int
    inside: int | None


class Counter:
    """Counts frame by frame.

    Args:
        lines: Points of each line.
        zones: Points of each zone.

    Example:
        >>> import supervision as sv
        >>> counter = Counter([((0, 50), (100, 50))], [])
        >>> for bottom in (40, 60):
        ...     box = np.array([[40.0, bottom - 20, 60, bottom]])
        ...     crossed = counter.update(sv.Detections(box, tracker_id=np.array([7])), 0.1 * bottom)
        >>> [(crossing.place, crossing.track_id) for crossing in crossed]
        [('line 1', 7)]
    """

    def __init__(self, lines: list[Points], zones: list[Points]) -> None:
        import supervision as sv

        foot = (sv.Position.BOTTOM_CENTER,)
        self._lines = {
            f"line {number}": (
                points,
                sv.LineZone(sv.Point(*points[0]), sv.Point(*points[1]), triggering_anchors=foot),
            )
            for number, points in enumerate(lines, 1)
        }
        self._zones = {
            f"zone {number}": (points, sv.PolygonZone(np.array(points).round().astype(np.int64), foot))
            for number, points in enumerate(zones, 1)
        }
        self._inside: dict[str, set[int]] = {place: set() for place in self._zones}
        self._sums: dict[str, list[int]] = {place: [0, 0] for place in (*self._lines, *self._zones)}
        self._known: dict[int, tuple[np.ndarray, float]] = {}

    def update(self, tracked: sv.Detections, now: float) -> tuple[Crossing, ...]:
        """Who crosses in this frame.

        Args:
            tracked: Detections with ``tracker_id``.
            now: Seconds.
        """
        ids = [] if tracked.tracker_id is None else tracked.tracker_id.tolist()
        classes = [-1] * len(ids) if tracked.class_id is None else tracked.class_id.tolist()
        found: list[Crossing] = []
        everyone = self._with_the_lost(tracked, ids, now)
        for place, (_, line) in self._lines.items():
            inwards, outwards = line.trigger(everyone)
            for row, (identity, class_id) in enumerate(zip(ids, classes, strict=True)):
                if inwards[row] or outwards[row]:
                    found.append(Crossing(place, identity, class_id, bool(inwards[row])))
        for place, (_, zone) in self._zones.items():
            within, inside = zone.trigger(tracked), self._inside[place]
            for row, (identity, class_id) in enumerate(zip(ids, classes, strict=True)):
                if bool(within[row]) != (identity in inside):
                    found.append(Crossing(place, identity, class_id, bool(within[row])))
                    inside.symmetric_difference_update({identity})
        for crossing in found:
            self._sums[crossing.place][not crossing.entered] += 1
        return tuple(found)

    def tallies(self) -> tuple[Tally, ...]:
        """What each line and zone has counted so far."""
        lines = [
            Tally(place, points, self._sums[place][0], self._sums[place][1], None)
            for place, (points, _) in self._lines.items()
        ]
        zones = [
            Tally(place, points, self._sums[place][0], self._sums[place][1], int(zone.current_count))
            for place, (points, zone) in self._zones.items()
        ]
        return (*lines, *zones)

    def _with_the_lost(self, tracked: sv.Detections, ids: list[int], now: float) -> sv.Detections:
        """The tracked boxes, then the last ones of those not seen now: lines forget within two frames."""
        import supervision as sv

        boxes = np.asarray(tracked.xyxy, np.float64).reshape(-1, 4)
        self._known |= {identity: (box, now) for identity, box in zip(ids, boxes, strict=True)}
        self._known = {k: known for k, known in self._known.items() if now - known[1] <= _REMEMBERED}
        lost = [identity for identity in self._known if identity not in ids]
        every = np.concatenate([boxes, *(self._known[identity][0][None] for identity in lost)])
        return sv.Detections(every, tracker_id=np.array([*ids, *lost], np.int64))
