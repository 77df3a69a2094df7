"""From names on the command line to teachers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from deptr.errors import DataError, UsageError
from deptr.teacher.depth_teachers import (
    DepthAnythingTeacher,
    DepthMapFolder,
    DepthTeacher,
    VideoDepthTeacher,
)
from deptr.teacher.masks import BoxMasks, MaskTeacher, Sam2Masks
from deptr.teacher.metric_depth import DEPTH_ANYTHING_3, MOGE, load_metric_depth
from deptr.teacher.rows import LabelOptions, Teachers
from deptr.teacher.synthetic import SyntheticDepth, SyntheticMasks, SyntheticNoise
from deptr.weights import MASKS, WEIGHTS, find_weights, weights_named

SYNTHETIC, EDGETAM = "synthetic", "edgetam"
MASK_NAMES = (*(name for name, entry in WEIGHTS.items() if entry.purpose == MASKS), SYNTHETIC)
DEPTH_NAMES = (*(name for name, entry in WEIGHTS.items() if entry.purpose != MASKS), SYNTHETIC)


@dataclass(frozen=True)
class TeacherPlan:
    """Which teachers to use and how; everything that changes a label is in here or in `options`.

    Attributes:
        masks: One of `MASK_NAMES`.
        depth: One of `DEPTH_NAMES`; does not matter with `depth_maps`.
        depth_maps: Folder with depth maps of the user's own, instead of a model.
        key_every: Frames between key frames in SAM's video mode, 0 for image mode.
        input_size: Shorter side of the depth network's input.
        half: Half precision.
        focal_px: Focal length of the images in pixels, for networks that tell metres.
        noise: Of the synthetic stand-ins.
        options: What is labelled and how.
        weights: Folder with the weights, None for the usual place.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        download: Whether to fetch missing weights.
    """

    masks: str = "sam2.1-hiera-tiny"
    depth: str = "vda-small"
    depth_maps: str | None = None
    key_every: int = 0
    input_size: int = 518
    half: bool = False
    focal_px: float | None = None
    noise: SyntheticNoise = field(default_factory=SyntheticNoise)
    options: LabelOptions = field(default_factory=LabelOptions)
    weights: str | None = None
    device: str = "auto"
    download: bool = False

    def __post_init__(self) -> None:
        if self.masks not in MASK_NAMES:
            raise UsageError(f"masks: expected one of {', '.join(MASK_NAMES)}, got {self.masks!r}")
        if self.depth_maps is None and self.depth not in DEPTH_NAMES:
            raise UsageError(f"depth: expected one of {', '.join(DEPTH_NAMES)}, got {self.depth!r}")
        if self.focal_px is not None and not (math.isfinite(self.focal_px) and self.focal_px > 0):
            raise UsageError(f"focal_px: expected a positive number of pixels, got {self.focal_px:g}")
        if self.input_size < 14:
            raise UsageError(f"input_size: expected at least 14 pixels, got {self.input_size}")

    @property
    def run_name(self) -> str:
        """Readable beginning of the run's name."""
        regions = (
            "box" if self.options.regions == "box" else self.masks + ("-video" if self.key_every else "")
        )
        return f"{regions}+{'maps' if self.depth_maps else self.depth}"

    def licences(self) -> dict[str, str]:
        """Licence of each set of weights that the plan uses."""
        used = [] if self.options.regions == "box" else [self.masks]
        used += [] if self.depth_maps else [self.depth]
        return {name: WEIGHTS[name].licence for name in used if name in WEIGHTS}


class TeacherFactory:
    """Loads the models once and gives each sequence its teachers.

    Args:
        plan: What to load.

    Raises:
        DataError: Weights are missing, truncated or of another model.
    """

    def __init__(self, plan: TeacherPlan) -> None:
        self.plan = plan
        self.device = pick_device(plan.device)
        self._masks: MaskTeacher | None = None
        self._depth: DepthTeacher | None = None
        if plan.options.regions == "box":
            self._masks = BoxMasks()
        elif plan.masks != SYNTHETIC:
            self._masks = self._load_masks()
        if plan.depth_maps is None and plan.depth != SYNTHETIC:
            self._depth = self._load_depth()

    @property
    def depth(self) -> DepthTeacher | None:
        """The depth network, None where depth comes from files."""
        return self._depth

    def settings(self) -> dict[str, Any]:
        """Everything that changes a label, for the name of the run."""
        plan, masks, depth = self.plan, self._masks, self._depth
        chosen: dict[str, Any] = {
            "masks": "box" if plan.options.regions == "box" else plan.masks,
            "mask_weights": masks.revision if masks else "",
            "mask_key_every": plan.key_every,
            "depth": "maps" if plan.depth_maps else plan.depth,
            "depth_maps": plan.depth_maps or "",
            "depth_weights": depth.revision if depth else "",
            "input_size": plan.input_size,
            "half": plan.half,
            "options": asdict(plan.options),
        }
        if plan.focal_px is not None:
            chosen["focal_px"] = plan.focal_px
        if SYNTHETIC in (plan.masks, plan.depth):
            chosen["noise"] = asdict(plan.noise)
        return chosen

    def teachers(self, source: str | Path, sequence: str) -> Teachers:
        """Teachers of one sequence.

        Args:
            source: Folder of the sequence, which synthetic teachers read.
            sequence: Its name.

        Raises:
            DataError: The sequence has no masks or depth maps where they are to come from files.
        """
        masks = self._masks or SyntheticMasks(source, sequence, self.plan.noise)
        if self._depth is not None:
            return Teachers(masks, self._depth)
        if self.plan.depth_maps is not None:
            return Teachers(masks, DepthMapFolder(self.plan.depth_maps, sequence))
        return Teachers(masks, SyntheticDepth(source, sequence, self.plan.noise))

    def _find(self, name: str) -> Path:
        return find_weights(name, self.plan.weights, download=self.plan.download)

    def _load_masks(self) -> MaskTeacher:
        plan, entry = self.plan, weights_named(self.plan.masks)
        folder = self._find(plan.masks)
        revision = hash_file(folder / entry.file)
        if plan.masks == EDGETAM:
            return self._load_edgetam(folder, revision)
        if plan.key_every:
            from transformers import Sam2VideoModel

            from deptr.teacher.video_masks import Sam2VideoMasks

            video = _from_folder(Sam2VideoModel.from_pretrained, folder).to(self.device).eval()
            return Sam2VideoMasks(
                video, name=plan.masks, key_every=plan.key_every, licence=entry.licence, revision=revision
            )
        from transformers import Sam2Model

        model = _from_folder(Sam2Model.from_pretrained, folder).to(self.device).eval()
        return Sam2Masks(model, name=plan.masks, licence=entry.licence, revision=revision, half=plan.half)

    def _load_edgetam(self, folder: Path, revision: str) -> MaskTeacher:
        """EdgeTAM takes the same prompts and answers alike; its image encoder is one of timm's."""
        from transformers import EdgeTamModel

        plan = self.plan
        if plan.key_every:
            raise UsageError(f"key_every: {EDGETAM} labels single images; set it to 0, or take a sam2.1")
        try:
            model = _from_folder(EdgeTamModel.from_pretrained, folder).to(self.device).eval()
        except ImportError as error:
            found, hint = " ".join(str(error).split())[:120], "pip install timm"
            raise DataError(folder, "needs a package that is missing", found=found, hint=hint) from error
        licence = WEIGHTS[EDGETAM].licence
        return Sam2Masks(model, name=EDGETAM, licence=licence, revision=revision, half=plan.half)

    def _load_depth(self) -> DepthTeacher:
        plan, entry = self.plan, weights_named(self.plan.depth)
        place = self._find(plan.depth)
        if entry.name == DEPTH_ANYTHING_3 or entry.name.startswith(MOGE):
            return load_metric_depth(
                entry.name,
                place,
                device=self.device,
                licence=entry.licence,
                revision=hash_file(place / entry.file),
                focal_px=plan.focal_px,
            )
        if entry.is_folder:
            from transformers import DepthAnythingForDepthEstimation

            network = (
                _from_folder(DepthAnythingForDepthEstimation.from_pretrained, place).to(self.device).eval()
            )
            return DepthAnythingTeacher(
                network,
                name=entry.name,
                licence=entry.licence,
                revision=hash_file(place / entry.file),
                input_size=plan.input_size,
            )
        from deptr.teacher.video_depth_weights import load_video_depth

        model = load_video_depth(place, entry.name.removeprefix("vda-")).to(self.device)
        return VideoDepthTeacher(
            model,
            entry.name,
            entry.licence,
            hash_file(place),
            plan.input_size,
            plan.half,
            plan.options.features,
        )


def pick_device(name: str) -> torch.device:
    """A device by name; ``"auto"`` is the first GPU if there is one.

    Raises:
        UsageError: There is no such device.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"device: expected auto, cpu, cuda or cuda:N, got {name!r}") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"device: {name} asked for, but there are {torch.cuda.device_count()} CUDA devices")
    return device


def hash_file(path: Path) -> str:
    """Hash of a whole file, 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _from_folder(load: Callable[..., Any], folder: Path) -> Any:
    """A `transformers` model from a folder of weights; nothing may be missing or of another shape.

    Raises:
        DataError: The file is truncated, of another model or of another size of model.
    """
    from safetensors import SafetensorError
    from transformers.utils import logging

    logging.disable_progress_bar()  # the command line has its own
    try:
        model, report = load(folder, local_files_only=True, output_loading_info=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError) as error:
        found = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DataError(
            folder, "weights cannot be loaded", found=found, hint="truncated? download them again"
        ) from error
    missing = sorted(report.get("missing_keys", ()))
    if missing:
        found = f"{len(missing)} tensors missing, {missing[0]!r} first"
        raise DataError(
            folder,
            "weights are of another model",
            found=found,
            hint="do config.json and file belong together?",
        )
    return model
