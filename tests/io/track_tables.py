"""Tables of tracks that properties are held against."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.records import DepthKind

NAMES = {1: "person", 2: "car", 9: "Fußgänger, klein"}


@st.composite
def sequences(draw: st.DrawFn, *, digits: int = 3, largest_id: int = 2**40) -> SequenceTracks:
    """Tracks with gaps, unknown depths, several classes and boxes that reach out of the image."""
    length = draw(st.integers(1, 12))
    ids = draw(st.lists(st.integers(0, largest_id), min_size=0, max_size=4, unique=True))
    rows: list[tuple[int, int, list[float], float, float, int, float, float]] = []
    number = st.floats(-50, 400).map(lambda value: round(value, digits))
    unknown = st.one_of(st.just(np.nan), st.floats(0.1, 90).map(lambda value: round(value, digits)))
    share = st.one_of(st.just(np.nan), st.sampled_from([0.0, 0.125, 0.5, 0.75, 1.0]))
    for identity in ids:
        frames = draw(st.lists(st.integers(1, length), min_size=1, max_size=8, unique=True))
        class_id = draw(st.sampled_from([-1, *NAMES]))
        for frame in frames:
            left, top = draw(number), draw(number)
            width, height = (draw(st.floats(1, 90).map(lambda value: round(value, digits))) for _ in "wh")
            box = [left, top, round(left + width, digits), round(top + height, digits)]
            score = draw(st.floats(0, 1).map(lambda value: round(value, 4)))
            rows.append((frame, identity, box, score, draw(unknown), class_id, draw(unknown), draw(share)))
    table = TrackTable.of(
        "made",
        frame=[row[0] for row in rows],
        track_id=[row[1] for row in rows],
        xyxy=[row[2] for row in rows],
        score=[row[3] for row in rows],
        depth=[row[4] for row in rows],
        class_id=[row[5] for row in rows],
        depth_std=[row[6] for row in rows],
        visibility=[row[7] for row in rows],
    )
    return SequenceTracks("made", table, 10.0, (320, 240), length, DepthKind.METRIC, class_names=dict(NAMES))


def same(found: TrackTable, expected: TrackTable, *, but: tuple[str, ...] = ()) -> None:
    """Assert that two tables hold the same rows, bit for bit, but for some columns."""
    for name, values in vars(expected).items():
        if name not in ("source", *but):
            np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)
