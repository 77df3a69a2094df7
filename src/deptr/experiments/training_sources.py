"""Synthetic worlds as sources of training frames; training itself knows none of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from deptr.errors import UsageError
from deptr.experiments.pasted_people import PastedPeople
from deptr.records import LabelledFrame
from deptr.synth.cutouts import BackgroundFolder, CutoutFolder
from deptr.synth.single import CompositeWorld, CrowdWorld
from deptr.synth.truth import Wanted
from deptr.training.builder import SourceBuilder, coco_frames, coco_source
from deptr.training.config import SourceSettings, TrainSettings
from deptr.training.data import FrameSource

EVALUATION_SEED = 2**31
EVALUATION_SIZE = (384, 640)


class CompositeSource:
    """Cut-out people before photos, at the size that the network will see.

    Args:
        cutouts: Folder of RGBA cut-outs.
        backgrounds: Folder of photos without people.
    """

    def __init__(self, cutouts: str, backgrounds: str) -> None:
        self.cutouts, self.backgrounds = CutoutFolder(cutouts), BackgroundFolder(backgrounds)
        self.worlds: dict[tuple[int, int], CompositeWorld] = {}

    def frame(self, seed: int, size: tuple[int, int]) -> LabelledFrame:
        """The frame of that seed."""
        if size not in self.worlds:
            self.worlds[size] = CompositeWorld(self.cutouts, self.backgrounds, size, Wanted(), 30)
        return self.worlds[size].frame(seed)

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """A random frame; evaluation's seeds are never drawn."""
        return self.frame(int(rng.integers(EVALUATION_SEED)), size)


def composite_source(settings: SourceSettings) -> CompositeSource:
    """The composite world that the settings name."""
    for key in ("cutouts", "backgrounds"):
        if not getattr(settings, key):
            raise UsageError(f"data source of kind 'composite': missing key {key!r}")
    return CompositeSource(settings.cutouts, settings.backgrounds)


class CrowdSource:
    """Drawn people in painted places, with the depth of the scenery too; needs no files."""

    def __init__(self) -> None:
        self.worlds: dict[tuple[int, int], CrowdWorld] = {}

    def frame(self, seed: int, size: tuple[int, int]) -> LabelledFrame:
        """The frame of that seed."""
        if size not in self.worlds:
            self.worlds[size] = CrowdWorld(size, Wanted(dense_depth=True), 30)
        return self.worlds[size].frame(seed)

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """A random frame; evaluation's seeds are never drawn."""
        return self.frame(int(rng.integers(EVALUATION_SEED)), size)


def crowd_source(settings: SourceSettings) -> CrowdSource:
    """The crowd world."""
    return CrowdSource()


def photo_source(settings: SourceSettings) -> FrameSource:
    """The training part of a COCO json, with people pasted in if the settings say so."""
    photos = coco_source(settings)
    if not settings.paste:
        return photos
    if not settings.cutouts:
        raise UsageError("data source of kind 'coco' with 'paste': missing key 'cutouts'")
    return PastedPeople(photos, CutoutFolder(settings.cutouts), settings.paste)


BUILDERS: Mapping[str, SourceBuilder] = {
    "coco": photo_source,
    "composite": composite_source,
    "crowd": crowd_source,
}


def evaluation_sets(settings: TrainSettings) -> dict[str, list[LabelledFrame]]:
    """Frames that no training step sees, by name: held-out images and seeds of their own."""
    sets = {}
    for source in settings.data.evaluate:
        name = source.name or source.kind
        if source.kind == "coco":
            frames = coco_frames(source, held_out=source.held_out_every > 0)
            sets[name] = [frames.frame(index) for index in range(len(frames))]
        else:
            world = crowd_source(source) if source.kind == "crowd" else composite_source(source)
            seeds = range(EVALUATION_SEED, EVALUATION_SEED + source.count)
            sets[name] = [world.frame(seed, EVALUATION_SIZE) for seed in seeds]
    return sets
