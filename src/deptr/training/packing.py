"""Everything that a training recipe reads as one small zip, for a machine that has only the package."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from deptr.errors import UsageError
from deptr.files import atomic_path
from deptr.progress import Progress, SilentProgress
from deptr.synth.cutouts import PictureFolder, read_picture
from deptr.training.builder import coco_frames, half_backbone, held_out_names
from deptr.training.config import SourceSettings, TrainSettings
from deptr.training.images import read_image

Entry = tuple[str, "Future[bytes] | bytes"]  # name inside the zip and content
BACKBONE = "backbone.pth"
SUFFIX = ".avif"  # half the size of WebP at the same sharpness
ENCODERS = 4  # threads; the encoder does not hold the interpreter


@dataclass(frozen=True)
class PackLimits:
    """How small pictures become.

    Attributes:
        side_px: Longest side of photos.
        cutout_px: Longest side of cut-outs.
        quality: Of AVIF, 1 to 100.
    """

    side_px: int = 384
    cutout_px: int = 256
    quality: int = 40

    def __post_init__(self) -> None:
        if min(self.side_px, self.cutout_px) < 32 or not 1 <= self.quality <= 100:
            raise UsageError(f"pack: expected sides from 32 and a quality in 1..100, got {self}")


def write_pack(
    settings: TrainSettings,
    recipe: str | Path,
    output: str | Path,
    limits: PackLimits | None = None,
    *,
    progress: Progress | None = None,
) -> int:
    """Write a recipe and what its training sources read; evaluation's images stay behind.

    Unzipped into an empty folder, ``deptr train recipe.toml`` runs there: names are the recipe's own, which
    must be relative. Boxes are scaled with their images; held-out images, cut-outs made of them and the
    recipe's evaluation are left out.

    Args:
        settings: The recipe's.
        recipe: Its file.
        output: The zip, replaced as a whole.
        limits: How small pictures become.
        progress: Told after each source.

    Returns:
        Size of the zip in bytes.

    Raises:
        UsageError: A path of the recipe is absolute.
        DataError: A file or folder of a source cannot be read.
    """
    limits, progress = limits or PackLimits(), progress or SilentProgress()
    written: set[str] = set()
    with (
        atomic_path(output) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        text = Path(recipe).read_text(encoding="utf-8")
        if settings.model.backbone_weights:
            archive.writestr(BACKBONE, half_backbone(settings.model))
            text = re.sub(
                r'^backbone_weights = "[^"]*"', f'backbone_weights = "{BACKBONE}"', text, flags=re.M
            )
        archive.writestr("recipe.toml", _without_evaluation(text))
        held_out = held_out_names(settings)
        for number, source in enumerate(settings.data.train, start=1):
            with ThreadPoolExecutor(ENCODERS) as threads:
                pending: deque[Entry] = deque()
                for entry in _entries(source, limits, written, threads, held_out):
                    pending.append(entry)
                    if len(pending) > 4 * ENCODERS:
                        _write(archive, pending.popleft())
                for entry in pending:
                    _write(archive, entry)
            progress.update(number, len(settings.data.train), megabytes=temporary.stat().st_size / 1e6)
    return Path(output).stat().st_size


def _without_evaluation(text: str) -> str:
    """A recipe without its ``[[data.evaluate]]`` tables and the comments on top of them."""
    lines, kept, dropped = text.splitlines(keepends=True), [], False
    for line in lines:
        if line.startswith("["):
            dropped = line.startswith("[[data.evaluate]]")
        if not dropped:
            kept.append(line)
    return "".join(kept)


def _write(archive: zipfile.ZipFile, entry: Entry) -> None:
    name, content = entry
    archive.writestr(name, content if isinstance(content, bytes) else content.result())


def _entries(
    source: SourceSettings,
    limits: PackLimits,
    written: set[str],
    threads: ThreadPoolExecutor,
    held_out: Collection[str],
) -> Iterator[Entry]:
    folders = [(source.cutouts, "RGBA", limits.cutout_px), (source.backgrounds, "RGB", limits.side_px)]
    if source.kind == "coco":
        yield from _coco(source, limits, written, threads)
    elif source.kind == "empty":
        folders.append((source.images, "RGB", limits.side_px))
    for folder, mode, side in folders:
        if folder and folder not in written:
            written.add(folder)
            for path in PictureFolder(folder, "pictures", held_out).paths:
                picture = PillowImage.fromarray(read_picture(path, mode))
                content = threads.submit(_encoded, picture, side, limits.quality)
                yield _inside(folder, f"{path.stem}{SUFFIX}"), content


def _coco(
    source: SourceSettings, limits: PackLimits, written: set[str], threads: ThreadPoolExecutor
) -> Iterator[Entry]:
    """Pictures of the training part; the json keeps every image, so that the same ones are held out there."""
    folder = source.images or str(Path(source.annotations).parent)
    for entry in coco_frames(source, held_out=False).images:
        name = str(entry["file_name"])
        inside = _inside(folder, Path(name).with_suffix(SUFFIX).as_posix())
        if inside not in written:
            written.add(inside)
            picture = PillowImage.fromarray(read_image(Path(folder) / name))
            yield inside, threads.submit(_encoded, picture, limits.side_px, limits.quality)
    if source.annotations not in written:
        written.add(source.annotations)
        yield _inside(source.annotations), _smaller_json(Path(source.annotations), Path(folder), limits)


def _smaller_json(path: Path, folder: Path, limits: PackLimits) -> bytes:
    """A COCO json whose images are as large as the packed ones."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    factors = {}
    for entry in content["images"]:
        with PillowImage.open(folder / str(entry["file_name"])) as picture:
            width, height = picture.size
        size = _smaller_size((width, height), limits.side_px)
        entry["file_name"] = Path(str(entry["file_name"])).with_suffix(SUFFIX).as_posix()
        entry["width"], entry["height"] = size
        if entry.get("focal_px") is not None:
            entry["focal_px"] = float(entry["focal_px"]) * size[0] / width
        factors[entry["id"]] = np.tile([size[0] / width, size[1] / height], 2)
    for item in content["annotations"]:
        box = np.asarray(item["bbox"], float) * factors[item["image_id"]]
        item["bbox"] = [round(float(value), 2) for value in box]
    return json.dumps(content, separators=(",", ":")).encode()


def _inside(*parts: str) -> str:
    path = Path(*parts)
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"pack: expected paths below the working folder in the recipe, got {path}")
    return path.as_posix()


def _smaller_size(size: tuple[int, int], side_px: int) -> tuple[int, int]:
    scale = min(1.0, side_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _encoded(picture: PillowImage.Image, side_px: int, quality: int) -> bytes:
    size = _smaller_size(picture.size, side_px)
    smaller = picture if size == picture.size else picture.resize(size, PillowImage.Resampling.LANCZOS)
    buffer = io.BytesIO()
    smaller.save(buffer, "AVIF", quality=quality, speed=8)
    return buffer.getvalue()
