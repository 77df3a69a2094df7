"""With depth off and the authors' settings, each tracker gives the tracks of the authors' own code.

The outputs were made with the authors' constants per frame, on the 10 fps drive too: one frame is one step,
which is what a tracker of this package does at the reference rate of 30 fps. Lost tracks live 30 frames
there; only ByteTrack counts its buffer in time, 10 frames on that drive.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from deptr.records import FloatArray
from deptr.tracking.fusion import DepthFusion
from deptr.tracking.registry import create_tracker

BYTETRACK = {"boxes": "filtered", "match_cost": 0.9}
OBSERVED = {"boxes": "observed"}
CASES = [
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


def detections_of(folder: Path) -> list[FloatArray]:
    """Rows x1, y1, x2, y2, score of each frame, in the file's order."""
    rows = np.loadtxt(folder / "det.txt", delimiter=",", usecols=(0, 2, 3, 4, 5, 6))
    rows[:, 3:5] += rows[:, 1:3]
    length = int((folder / "seqinfo.ini").read_text().lower().split("seqlength=")[1].split()[0])
    return [rows[rows[:, 0] == frame, 1:] for frame in range(1, length + 1)]


def by_frame(rows: FloatArray) -> dict[int, dict[int, FloatArray]]:
    """Frame to identity to xywh box."""
    frames: dict[int, dict[int, FloatArray]] = {}
    for frame, identity, *box in rows[:, :6]:
        frames.setdefault(int(frame), {})[int(identity)] = np.array(box)
    return frames


def run(tracker: str, parameters: dict[str, object], frames: list[FloatArray]) -> FloatArray:
    followed = create_tracker(tracker, depth=DepthFusion.none(), frame_rate=30, **parameters)
    out = []
    for frame, rows in enumerate(frames, 1):
        tracks = followed.update(sv.Detections(xyxy=rows[:, :4].reshape(-1, 4), confidence=rows[:, 4]))
        size = tracks.xyxy[:, 2:] - tracks.xyxy[:, :2]
        out.append(np.c_[np.full(len(tracks), frame), tracks.tracker_id, tracks.xyxy[:, :2], size])
    return np.concatenate(out)


@pytest.mark.data
@pytest.mark.parametrize(("golden", "tracker", "parameters"), CASES, ids=[case[0] for case in CASES])
def test_same_boxes_and_same_identities(
    golden: str, tracker: str, parameters: dict[str, object], golden_root: Path, data_root: Path
) -> None:
    folder = golden.removeprefix("ocsort_byte_").removeprefix(tracker + "_")
    folder = folder.replace("kitti_pedestrian_", "kitti/pedestrian/").replace("mot17_", "mot17/")
    theirs = by_frame(np.loadtxt(golden_root / "trackers" / f"{golden}.txt", delimiter=","))
    ours = by_frame(run(tracker, parameters, detections_of(data_root / folder)))
    name_of: dict[int, int] = {}
    for frame in sorted(set(theirs) | set(ours)):
        a, b = theirs.get(frame, {}), ours.get(frame, {})
        assert len(a) == len(b), f"frame {frame}: {len(a)} boxes of the authors, {len(b)} of ours"
        boxes = np.stack(list(b.values()))
        for identity, box in a.items():
            distances = np.abs(boxes - box).max(1)
            nearest = list(b)[int(distances.argmin())]
            assert distances.min() < ROUNDING_PX, f"frame {frame}: identity {identity} has no box of ours"
            assert name_of.setdefault(identity, nearest) == nearest, f"frame {frame}: {identity} swapped"
    assert len(set(name_of.values())) == len(name_of), "two of the authors' identities are one of ours"
