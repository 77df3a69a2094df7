"""Cut-outs and backgrounds of our own for tests of the composite world: drawn people, painted places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from deptr.synth.backdrop import PaintedPlace
from deptr.synth.pose import Activity, Manner, pose_of
from deptr.synth.puppet import draw_person
from deptr.synth.rng import generator
from deptr.synth.single import random_camera
from deptr.synth.wardrobe import Outfit


def write_pictures(folder: Path, people: int = 4, places: int = 2) -> tuple[Path, Path]:
    """Folders of cut-outs and of backgrounds."""
    cutouts, backgrounds = folder / "cutouts", folder / "backgrounds"
    cutouts.mkdir(parents=True)
    backgrounds.mkdir()
    for index in range(people):
        rng = generator(77, index)
        pose = pose_of(Activity.WALK, float(rng.random()), Manner.random(rng))
        angle = float(rng.uniform(0, 6))
        sprite = draw_person(pose, Outfit.random(rng), angle=angle, elevation=0.0, rows=256)
        premultiplied = sprite.rgba.astype(np.float64)
        alpha = premultiplied[:, :, 3:]
        colours = np.where(alpha > 0, premultiplied[:, :, :3] * 255 / np.maximum(alpha, 1), 0)
        rgba = np.dstack([np.clip(np.rint(colours), 0, 255), alpha]).astype(np.uint8)
        Image.fromarray(rgba, "RGBA").save(cutouts / f"person_{index}.png")
    for index in range(places):
        rng = generator(78, index)
        image = PaintedPlace.random(rng).image(random_camera(rng, (180, 240)))
        Image.fromarray(image).save(backgrounds / f"place_{index}.jpg")
    return cutouts, backgrounds
