"""Training sources by kind: photos with labels, photos without people, synthetic worlds."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from deptr.detector.inference import Detector
from deptr.errors import UsageError
from deptr.records import DepthKind, LabelledFrame
from deptr.synth.cutouts import BackgroundFolder, CutoutFolder
from deptr.synth.single import CompositeWorld, CrowdWorld, varied_heights
from deptr.synth.truth import Wanted
from deptr.training.builder import SourceBuilder, build_mixture, coco_frames, coco_source, held_out_names
from deptr.training.config import DataSettings, SourceSettings, TrainSettings
from deptr.training.data import FrameSource, Mixture
from deptr.training.decoys import Decoys, find_decoys
from deptr.training.pasted_people import PastedPeople

EVALUATION_SEED = 2**31
EVALUATION_SIZE = (384, 640)
DECOYS_ASKED = 12_000  # pieces of furniture; one in eleven deceived the fifth round


class CompositeSource:
    """Cut-out people before photos, at the size that the network will see.

    Args:
        cutouts: RGBA cut-outs.
        backgrounds: Photos without people.
    """

    def __init__(self, cutouts: CutoutFolder, backgrounds: BackgroundFolder) -> None:
        self.cutouts, self.backgrounds = cutouts, backgrounds
        self.worlds: dict[tuple[int, int], CompositeWorld] = {}

    def frame(self, seed: int, size: tuple[int, int]) -> LabelledFrame:
        """The frame of that seed."""
        if size not in self.worlds:
            self.worlds[size] = CompositeWorld(
                self.cutouts, self.backgrounds, size, Wanted(), 30, heights=varied_heights
            )
        return self.worlds[size].frame(seed)

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """A random frame; evaluation's seeds are never drawn."""
        return self.frame(int(rng.integers(EVALUATION_SEED)), size)


class CrowdSource:
    """Drawn people in painted places, with the depth of the scenery too; needs no files."""

    def __init__(self) -> None:
        self.worlds: dict[tuple[int, int], CrowdWorld] = {}

    def frame(self, seed: int, size: tuple[int, int]) -> LabelledFrame:
        """The frame of that seed."""
        if size not in self.worlds:
            self.worlds[size] = CrowdWorld(size, Wanted(dense_depth=True), 30, heights=varied_heights)
        return self.worlds[size].frame(seed)

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """A random frame; evaluation's seeds are never drawn."""
        return self.frame(int(rng.integers(EVALUATION_SEED)), size)


class EmptySource:
    """Photos that show nothing to find: what must not be taken for people.

    Args:
        photos: The photos.
    """

    def __init__(self, photos: BackgroundFolder) -> None:
        self.photos = photos

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """One photo of the folder."""
        index = int(rng.integers(len(self.photos)))
        nothing = np.zeros(0, np.float32)
        return LabelledFrame(
            image=self.photos.image(index),
            boxes_xyxy=np.zeros((0, 4), np.float32),
            class_ids=np.zeros(0, np.int64),
            depth=nothing,
            depth_std=nothing,
            depth_kind=DepthKind.METRIC,
            track_ids=np.zeros(0, np.int64),
            visibility=nothing,
            ignore_boxes_xyxy=np.zeros((0, 4), np.float32),
            name=self.photos.paths[index].name,
        )


class SourceFactory:
    """Sources from settings; opens each folder of pictures once.

    Args:
        leave_out: Beginnings of the names of cut-outs that training must not see.
        decoys: Furniture that a detector takes for people, pasted with the rest.
    """

    def __init__(self, leave_out: Collection[str] = (), decoys: Decoys | None = None) -> None:
        self._leave_out, self._decoys = leave_out, decoys
        self._cutouts: dict[str, CutoutFolder] = {}
        self._photos: dict[str, BackgroundFolder] = {}

    def builders(self) -> Mapping[str, SourceBuilder]:
        """By kind."""
        return {"coco": self.photos, "empty": self.empty, "composite": self.composite, "crowd": self.crowd}

    def photos(self, settings: SourceSettings) -> FrameSource:
        """The training part of a COCO json, with people pasted in if the settings say so."""
        return self._pasted(coco_source(settings), settings)

    def empty(self, settings: SourceSettings) -> FrameSource:
        """Photos without people, with people pasted in if the settings say so."""
        return self._pasted(EmptySource(self._open_photos(settings, "images")), settings)

    def composite(self, settings: SourceSettings) -> CompositeSource:
        """The composite world that the settings name."""
        return CompositeSource(self._open_cutouts(settings), self._open_photos(settings, "backgrounds"))

    def crowd(self, settings: SourceSettings) -> CrowdSource:
        """The crowd world."""
        return CrowdSource()

    def _pasted(self, photos: FrameSource, settings: SourceSettings) -> FrameSource:
        if not (settings.paste or settings.furniture):
            return photos
        cutouts = self._open_cutouts(settings) if settings.paste else None
        return PastedPeople(photos, cutouts, settings.paste, settings.furniture, self._decoys)

    def _open_cutouts(self, settings: SourceSettings) -> CutoutFolder:
        folder = _required(settings, "cutouts")
        if folder not in self._cutouts:
            self._cutouts[folder] = CutoutFolder(folder, self._leave_out)
        return self._cutouts[folder]

    def _open_photos(self, settings: SourceSettings, key: str) -> BackgroundFolder:
        folder = _required(settings, key)
        if folder not in self._photos:
            self._photos[folder] = BackgroundFolder(folder)
        return self._photos[folder]


def _required(settings: SourceSettings, key: str) -> str:
    value = str(getattr(settings, key))
    if not value:
        raise UsageError(f"data source of kind {settings.kind!r}: missing key {key!r}")
    return value


def training_mixture(settings: TrainSettings) -> Mixture:
    """What a run trains on: its sources without anything made of the images that evaluation uses."""
    factory = SourceFactory(held_out_names(settings), decoys_of(settings.data))
    return build_mixture(settings.data.train, factory.builders(), mosaics=settings.data.mosaics)


def places_of(settings: DataSettings) -> EmptySource | None:
    """The photos of the first source that shows nobody, None where there is no such source."""
    empty = next((source for source in settings.train if source.kind == "empty"), None)
    return None if empty is None else EmptySource(BackgroundFolder(_required(empty, "images")))


def decoys_of(settings: DataSettings, count: int = DECOYS_ASKED) -> Decoys | None:
    """Furniture that deceives the detector of the settings, None where they name none.

    Args:
        settings: With photos without people among the sources.
        count: How many pieces it is asked about.

    Raises:
        UsageError: There are no such photos, no furniture is pasted, or nothing deceives it.
    """
    if not settings.decoys:
        return None
    if not any(source.furniture for source in settings.train):
        raise UsageError("data.decoys: no source pastes furniture; set 'furniture' of one")
    photos = places_of(settings)
    if photos is None:
        raise UsageError("data.decoys: needs a source of kind 'empty', whose photos show the furniture")
    decoys = find_decoys(Detector.from_pretrained(settings.decoys), photos, range(count))
    if not decoys.numbers:
        raise UsageError(
            f"data.decoys: none of {decoys.shown} pieces deceives {settings.decoys}; leave it out"
        )
    return decoys


def evaluation_sets(settings: TrainSettings) -> dict[str, list[LabelledFrame]]:
    """Frames that no training step sees, by name: held-out images and seeds of their own."""
    sets: dict[str, list[LabelledFrame]] = {}
    factory = SourceFactory()
    for source in settings.data.evaluate:
        name = source.name or source.kind
        if source.kind == "coco":
            frames = coco_frames(source, held_out=source.held_out_every > 0)
            sets[name] = [frames.frame(index) for index in range(len(frames))]
        elif source.kind == "empty":
            raise UsageError("data.evaluate: an 'empty' source has nothing to find")
        else:
            world = factory.crowd(source) if source.kind == "crowd" else factory.composite(source)
            seeds = range(EVALUATION_SEED, EVALUATION_SEED + source.count)
            sets[name] = [world.frame(seed, EVALUATION_SIZE) for seed in seeds]
    return sets
