"""With depth off and the authors' settings, each tracker gives the tracks of the authors' own code.

The authors' constants are per frame, so one frame is one step of 1/30 s, on the 10 fps drive too. There lost
tracks live 30 frames; only ByteTrack counts its buffer in time, 10 frames on that drive. Small scenes lie in
`tests/golden`, whose README says how they were made; real ones are measuring data.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from deptr.records import FloatArray
from deptr.tracking.fusion import DepthFusion
from deptr.tracking.registry import create_tracker

SMALL = Path(__file__).parents[1] / "golden"
Settings = dict[str, float | str | bool]
SORT: Settings = {"boxes": "filtered", "high_score": 0.59, "new_score": 0.59}
BYTETRACK: Settings = {"boxes": "filtered", "match_cost": 0.9}
OBSERVED: Settings = {"boxes": "observed"}
SMALL_CASES: list[tuple[str, str, Settings]] = [
    ("sort_age1", "sort", SORT | {"lost_seconds": 1 / 30}),
    ("sort_age30", "sort", SORT),
    ("bytetrack", "bytetrack", BYTETRACK),
    ("ocsort", "ocsort", OBSERVED),
    ("ocsort_byte", "ocsort", OBSERVED | {"byte": True}),
    ("hybridsort", "hybridsort", OBSERVED),
    ("botsort", "botsort", {"boxes": "filtered"}),
    ("botsort_reid", "botsort", {"boxes": "filtered"}),
]
REAL_CASES: list[tuple[str, str, Settings]] = [
    ("bytetrack_kitti_pedestrian_0015", "bytetrack", BYTETRACK | {"lost_seconds": 10 / 30}),
    ("bytetrack_mot17_MOT17-09", "bytetrack", BYTETRACK),
    ("ocsort_kitti_pedestrian_0015", "ocsort", OBSERVED),
    ("ocsort_mot17_MOT17-09", "ocsort", OBSERVED),
    ("ocsort_byte_kitti_pedestrian_0015", "ocsort", OBSERVED | {"byte": True}),
    ("ocsort_byte_mot17_MOT17-09", "ocsort", OBSERVED | {"byte": True}),
    ("hybridsort_kitti_pedestrian_0015", "hybridsort", OBSERVED),
    ("hybridsort_mot17_MOT17-09", "hybridsort", OBSERVED),
]
ROUNDING_PX = 0.05


def detections_of(rows: FloatArray, embeddings: FloatArray | None = None) -> sv.Detections:
    """Detections of rows of left, top, width, height, score."""
    boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    data = {} if embeddings is None else {"embedding": embeddings}
    return sv.Detections(xyxy=boxes, confidence=rows[:, 4], data=data)


def small_scene(number: int, *, embeddings: bool) -> list[sv.Detections]:
    scene = np.load(SMALL / f"scene_{number}.npz")
    rows = scene["det"].astype(np.float64).round(2)
    looks = scene["embedding"].astype(np.float64) if embeddings else None
    return [
        detections_of(rows[here, 1:], None if looks is None else looks[here])
        for here in (rows[:, 0] == frame for frame in range(1, 61))
    ]


def real_scene(folder: Path) -> list[sv.Detections]:
    rows = np.loadtxt(folder / "det.txt", delimiter=",", usecols=(0, 2, 3, 4, 5, 6))
    length = int((folder / "seqinfo.ini").read_text().lower().split("seqlength=")[1].split()[0])
    return [detections_of(rows[rows[:, 0] == frame, 1:]) for frame in range(1, length + 1)]


def tracks_of(tracker: str, parameters: Settings, frames: list[sv.Detections]) -> FloatArray:
    """Rows of frame, identity, left, top, width, height."""
    followed = create_tracker(tracker, depth=DepthFusion.none(), frame_rate=30, **parameters)
    out = []
    for frame, detections in enumerate(frames, 1):
        tracks = followed.update(detections)
        size = tracks.xyxy[:, 2:] - tracks.xyxy[:, :2]
        out.append(np.c_[np.full(len(tracks), frame), tracks.tracker_id, tracks.xyxy[:, :2], size])
    return np.concatenate(out)


def agreement(theirs: FloatArray, ours: FloatArray) -> float:
    """Share of the rows of both with the same box in the same frame and one pairing of identities."""
    shared: Counter[tuple[int, int]] = Counter()
    for frame in np.unique(theirs[:, 0]):
        a, b = theirs[theirs[:, 0] == frame], ours[ours[:, 0] == frame]
        distances = np.abs(a[:, None, 2:6] - b[None, :, 2:6]).max(2)
        rows, columns = np.nonzero(distances < ROUNDING_PX)
        assert len(set(rows)) == len(rows) and len(set(columns)) == len(columns), "boxes are told apart"
        shared.update(zip(a[rows, 1].astype(int).tolist(), b[columns, 1].astype(int).tolist(), strict=True))
    same, left, right = 0, set(theirs[:, 1]), set(ours[:, 1])
    for (a_id, b_id), count in shared.most_common():
        if a_id in left and b_id in right:
            same += count
            left.remove(a_id)
            right.remove(b_id)
    return 2 * same / (len(theirs) + len(ours))


@pytest.mark.parametrize("scene", [1, 2, 3])
@pytest.mark.parametrize(("golden", "tracker", "parameters"), SMALL_CASES, ids=[c[0] for c in SMALL_CASES])
def test_small_scenes_have_the_authors_boxes_and_identities(
    golden: str, tracker: str, parameters: Settings, scene: int
) -> None:
    tracks = np.load(SMALL / "tracks.npz")
    theirs = tracks[f"{golden}_{scene}"].astype(np.float64)
    confirmed = f"{golden}_{scene}_confirmed"  # BoT-SORT's authors also report what is not confirmed yet
    if confirmed in tracks:
        theirs = theirs[tracks[confirmed]]
    frames = small_scene(scene, embeddings=golden.endswith("reid"))
    assert agreement(theirs, tracks_of(tracker, parameters, frames)) == 1.0


@pytest.mark.data
@pytest.mark.parametrize(("golden", "tracker", "parameters"), REAL_CASES, ids=[c[0] for c in REAL_CASES])
def test_real_scenes_have_the_authors_boxes_and_identities(
    golden: str, tracker: str, parameters: Settings, golden_root: Path, data_root: Path
) -> None:
    folder = golden.removeprefix("ocsort_byte_").removeprefix(tracker + "_")
    folder = folder.replace("kitti_pedestrian_", "kitti/pedestrian/").replace("mot17_", "mot17/")
    theirs = np.loadtxt(golden_root / "trackers" / f"{golden}.txt", delimiter=",")
    assert agreement(theirs, tracks_of(tracker, parameters, real_scene(data_root / folder))) == 1.0
