"""Small official benchmark trees with every case that the official scorers treat specially."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FRAMES = 40
SIZE = (640, 360)


@dataclass(frozen=True)
class World:
    """A folder with ground truth, and tracks for it: frame, id, left, top, width, height, score."""

    root: Path
    tracks: dict[str, np.ndarray]


def moving_boxes(rng: np.random.Generator, objects: int, frames: int = FRAMES) -> np.ndarray:
    """Rows frame, id, x, y, w, h of objects that cross the image at constant speed."""
    rows = []
    for identity in range(1, objects + 1):
        start, speed = rng.uniform((0, 0), (500, 250)), rng.uniform(-4, 4, 2)
        size = rng.uniform((25, 30), (60, 90))
        first, last = sorted(rng.choice(np.arange(1, frames + 1), 2, replace=False))
        first = 1 if identity == 1 else first  # some object is there from the start
        for frame in range(first, last + 1):
            rows.append([frame, identity, *(start + speed * (frame - first)), *size])
    return np.array(rows)


def answers(rng: np.random.Generator, truth: np.ndarray) -> np.ndarray:
    """A tracker's view of the truth: jitter, misses, switches and false alarms."""
    seen = truth[rng.random(len(truth)) > 0.15].copy()
    seen[:, 2:6] += rng.normal(0, 2.5, (len(seen), 4))
    late = (seen[:, 0] > FRAMES // 2) & (seen[:, 1] % 3 == 0)
    seen[late, 1] += 100
    false = np.column_stack(
        [
            np.arange(1, FRAMES + 1),
            np.full(FRAMES, 500),
            rng.uniform(0, 500, (FRAMES, 2)),
            rng.uniform(10, 60, (FRAMES, 2)),
        ]
    )
    table = np.concatenate([seen, false])
    table = table[np.argsort(table[:, 0], kind="stable")]
    return np.column_stack([np.round(table, 2), np.ones(len(table))])


def make_mot_world(tmp_path: Path) -> World:
    """Three sequences in MOT17's official layout, with distractors, reflections and unscored rows."""
    root = tmp_path / "MOT17"
    tracks = {}
    for number, name in enumerate(["MOT17-02-FRCNN", "MOT17-04-FRCNN", "MOT17-05-FRCNN"]):
        rng = np.random.default_rng(number)
        truth = np.round(moving_boxes(rng, 14), 2)
        folder = root / "train" / name
        (folder / "gt").mkdir(parents=True)
        classes = np.where(truth[:, 1] % 7 == 0, 8, np.where(truth[:, 1] % 5 == 0, 12, 1))
        scored = (truth[:, 1] % 6 != 0).astype(int) * (classes == 1)
        visibility = rng.random(len(truth))
        with (folder / "gt" / "gt.txt").open("w") as file:
            for row, flag, label, visible in zip(truth, scored, classes, visibility, strict=True):
                file.write(",".join(f"{value:g}" for value in row) + f",{flag},{label},{visible:.3f}\n")
        (folder / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nimDir=img1\nframeRate=30\nseqLength={FRAMES}\n"
            f"imWidth={SIZE[0]}\nimHeight={SIZE[1]}\nimExt=.jpg\n"
        )
        tracks[name] = answers(rng, truth)
    return World(root, tracks)


def make_kitti_world(tmp_path: Path) -> World:
    """Two sequences in KITTI's official layout, with vans, sitting persons, truncation and DontCare."""
    root = tmp_path / "kitti" / "training"
    (root / "label_02").mkdir(parents=True)
    tracks, seqmap = {}, []
    for number, name in enumerate(["0003", "0011"]):
        rng = np.random.default_rng(10 + number)
        truth = np.round(moving_boxes(rng, 18), 2)
        names = np.array(["Car", "Pedestrian", "Van", "Person", "Cyclist", "Car", "Pedestrian"])
        lines = []
        for frame, identity, x, y, w, h in truth:
            label = names[int(identity) % len(names)]
            truncated, occluded = int(rng.random() < 0.1), int(rng.choice([0, 0, 1, 2, 3]))
            depth = rng.uniform(4, 60)
            box = f"{x:g} {y:g} {x + w:g} {y + h:g}"
            lines.append(
                f"{frame - 1:g} {identity:g} {label} {truncated} {occluded} -1.5 {box} "
                f"1.5 1.6 3.9 2 1.6 {depth:g} 0"
            )
        for frame in range(0, FRAMES, 3):
            x, y = rng.uniform(0, 400, 2)
            box = f"{x:.2f} {y:.2f} {x + 150:.2f} {y + 90:.2f}"
            lines.append(f"{frame} -1 DontCare -1 -1 -10 {box} -1 -1 -1 -1000 -1000 -1000 -10")
        (root / "label_02" / f"{name}.txt").write_text("\n".join(lines) + "\n")
        seqmap.append(f"{name} empty 000000 {FRAMES:06d}")
        tracks[name] = answers(rng, truth)
    (root / "evaluate_tracking.seqmap.training").write_text("\n".join(seqmap) + "\n")
    return World(root, tracks)


def add_detections(world: World) -> World:
    """Detections beside the ground truth: the tracks' boxes with one depth per object, a metre apart."""
    for name, rows in world.tracks.items():
        lines = []
        for frame, identity, x, y, w, h, _ in rows:
            lines.append(f"{frame:g},-1,{x:g},{y:g},{w:g},{h:g},0.9,{4 + identity % 100:g},-1,-1")
        folder = world.root / "train" / name / "det"
        folder.mkdir()
        (folder / "det.txt").write_text("\n".join(lines) + "\n")
    return world


def write_fixtures(root: Path) -> None:
    """Write the fixtures of ``tests/data``: both worlds, results for them and their scores."""
    from deptr.cli.results import write_json
    from deptr.evaluation.judge import evaluate

    for name, world in (
        ("mot17", add_detections(make_mot_world(root))),
        ("kitti-car", make_kitti_world(root)),
    ):
        results = root / "results" / name
        results.mkdir(parents=True, exist_ok=True)
        for sequence, rows in world.tracks.items():
            lines = (",".join(f"{value:g}" for value in row) + ",-1,-1,-1" for row in rows)
            (results / f"{sequence}.txt").write_text("".join(f"{line}\n" for line in lines))
        verdict = evaluate(name, world.root, world.tracks)
        write_json(root / "results" / f"{name}.json", {"combined": verdict.combined})


if __name__ == "__main__":
    import sys

    write_fixtures(Path(sys.argv[1]))
