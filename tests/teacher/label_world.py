"""A small world on disk: ellipses at known depths over a sloping floor, as `deptr synth` would write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deptr.io.rle import encode_mask

SIZE = (64, 96)  # height, width
DEPTHS = (4.0, 6.0, 9.0)  # metres, of objects 1, 2, 3


def object_masks(frame: int) -> np.ndarray:
    """Full masks ``(3, H, W)`` of the objects, whoever stands in front."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    phase = frame / 12
    centres = [(34, 30 + 12 * np.sin(phase)), (32, 60 + 15 * np.cos(phase)), (28, 48 + 6 * np.sin(frame / 9))]
    radii = [(20, 9), (16, 7), (12, 6)]
    return np.array(
        [
            ((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 <= 1
            for (y, x), (tall, wide) in zip(centres, radii, strict=True)
        ]
    )


def make_world(folder: Path, frames: int = 40, seed: int = 0, *, masks: bool = True) -> Path:
    """Write a sequence and return its folder."""
    rng = np.random.default_rng(seed)
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    (folder / "depth").mkdir()
    backdrop = rng.integers(60, 120, (*SIZE, 3), np.uint8)
    floor = np.repeat(np.linspace(30, 10, SIZE[0])[:, None], SIZE[1], 1)
    truth: list[str] = []
    coco: dict[str, Any] = {
        "info": {"depth_kind": "metric"},
        "images": [],
        "annotations": [],
        "categories": [],
    }
    coco["categories"].append({"id": 1, "name": "person"})
    for frame in range(1, frames + 1):
        image, depth = backdrop.copy(), floor.copy()
        seen = object_masks(frame)
        for index in (2, 1, 0):  # the farthest first
            image[seen[index]] = (250, 80 * index, 30 + 50 * index)
            depth[seen[index]] = DEPTHS[index]
            seen[index + 1 :] &= ~seen[index]
        cv2.imwrite(str(folder / "img1" / f"{frame:06d}.png"), image)
        cv2.imwrite(str(folder / "depth" / f"{frame:06d}.png"), np.rint(depth * 1000).astype(np.uint16))
        coco["images"].append(
            {
                "id": frame,
                "file_name": f"img1/{frame:06d}.png",
                "frame": frame,
                "width": SIZE[1],
                "height": SIZE[0],
            }
        )
        for index, (full, visible) in enumerate(zip(object_masks(frame), seen, strict=True)):
            y, x = np.flatnonzero(full.any(1)), np.flatnonzero(full.any(0))
            box = [int(x[0]), int(y[0]), int(x[-1] - x[0] + 1), int(y[-1] - y[0] + 1)]
            truth.append(f"{frame},{index + 1},{','.join(map(str, box))},1,1,1")
            note = {"id": len(truth), "image_id": frame, "category_id": 1, "bbox": box, "track_id": index + 1}
            if masks:
                note["segmentation"] = {"size": list(SIZE), "counts": encode_mask(visible).decode()}
            coco["annotations"].append(note | {"depth": DEPTHS[index]})
    (folder / "gt" / "gt.txt").write_text("\n".join(truth) + "\n")
    (folder / "annotations.json").write_text(json.dumps(coco))
    (folder / "depth" / "depth.json").write_text('{"depth_kind": "metric", "scale": 0.001}')
    info = f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=10\nseqLength={frames}\n"
    (folder / "seqinfo.ini").write_text(info + f"imWidth={SIZE[1]}\nimHeight={SIZE[0]}\nimExt=.png\n")
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Every finished file of a run with its content."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
