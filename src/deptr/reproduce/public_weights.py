"""The public weights that a reproduction starts from: whether they are there, whole, and which they are."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from deptr.detector.config import HUB_CHECKPOINTS
from deptr.errors import DataError
from deptr.reproduce.check import Check
from deptr.reproduce.settings import Machine, Request
from deptr.weights import DETECTOR_WEIGHTS, WEIGHTS, Weights, default_folder, fetch_weights

TOPIC = "weights"


@dataclass(frozen=True)
class Checkpoint:
    """Public weights on this machine.

    Attributes:
        entry: What is published.
        place: The file or folder.
        sha256: Of the checkpoint file.
    """

    entry: Weights
    place: Path
    sha256: str


def needed(request: Request) -> list[Weights]:
    """What a request starts from: the detector's checkpoint and both teachers', if these are networks."""
    hub = HUB_CHECKPOINTS[request.training.size]
    detector = next(entry for entry in DETECTOR_WEIGHTS if entry.hub_id == hub)
    labelling = request.labelling
    teachers = [labelling.depth] if labelling.regions == "box" else [labelling.masks, labelling.depth]
    return [detector, *(WEIGHTS[name] for name in teachers if name in WEIGHTS)]


def look(request: Request, machine: Machine) -> tuple[dict[str, Checkpoint], list[Check]]:
    """The checkpoints that are there, by name, and what is to be said of all."""
    found: dict[str, Checkpoint] = {}
    checks: list[Check] = []
    folder = request.weights or default_folder()
    for entry in needed(request):
        place = place_of(entry, folder)
        file = place / entry.file if entry.is_folder else place
        if not file.is_file():
            checks.append(_absent(entry, folder, machine.download))
            continue
        try:
            check_whole(entry, place)
        except DataError as error:
            checks.append(Check(TOPIC, "stop", str(error)))
            continue
        digest = sha256_of(file)
        found[entry.name] = Checkpoint(entry, place, digest)
        text = f"{entry.name}: {place}, licence {entry.licence}, sha256 {digest[:16]}"
        checks.append(Check(TOPIC, "ok", text))
        if entry.sha256 and entry.sha256 != digest:
            text = f"{entry.name} is not the published file, whose sha256 is {entry.sha256[:16]}"
            checks.append(Check(TOPIC, "note", text, "the result says so"))
    return found, checks


def numbers(request: Request, found: dict[str, Checkpoint]) -> int:
    """How many numbers the detector has, by the size of its checkpoint in single precision."""
    entry = needed(request)[0]
    if entry.name in found:
        return (found[entry.name].place / entry.file).stat().st_size // 4
    return entry.size_mb * 250_000


def place_of(entry: Weights, folder: Path) -> Path:
    """Where a checkpoint lies: in the folder of weights; a detector's also where the hub's client has it."""
    place = entry.place(folder)
    if place.exists() or entry not in DETECTOR_WEIGHTS:
        return place
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(entry.hub_id, entry.file)
    return Path(cached).parent if isinstance(cached, str) else place


def fetch(request: Request) -> None:
    """Download what is not there.

    Raises:
        DataError: The hub cannot be reached, or the folder not be written.
    """
    folder = request.weights or default_folder()
    for entry in needed(request):
        place = place_of(entry, folder)
        if not (place / entry.file if entry.is_folder else place).is_file():
            fetch_weights(entry, folder)


def _absent(entry: Weights, folder: Path, download: bool) -> Check:
    text = f"{entry.name}: {entry.size_mb} MB from {entry.url}, licence {entry.licence}"
    if download:
        return Check(TOPIC, "get", text)
    files = " and ".join(entry.files)
    target = entry.place(folder) if entry.is_folder else folder
    return Check(TOPIC, "stop", text, f"put {files} into {target}, or add --download")


def check_whole(entry: Weights, place: Path) -> None:
    """Refuse a checkpoint that is truncated, without loading it.

    Raises:
        DataError: It is.
    """
    file = place / entry.file if entry.is_folder else place
    hint = "download it again"
    if "config.json" in entry.files:
        try:
            json.loads((place / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(place / "config.json", "cannot be read", found=str(error), hint=hint) from error
    size = file.stat().st_size
    if file.suffix == ".safetensors":
        expected = _safetensors_size(file)
        if expected != size:
            wanted = f"{expected:,} bytes as its header says" if expected else "a header of safetensors"
            raise DataError(file, "weights are truncated", expected=wanted, found=f"{size:,}", hint=hint)
    elif not zipfile.is_zipfile(file):
        raise DataError(file, "weights are truncated", found=f"{size:,} bytes without an end", hint=hint)


def _safetensors_size(file: Path) -> int:
    """Bytes that a file must have, 0 where its header cannot be read."""
    try:
        with file.open("rb") as content:
            length = int.from_bytes(content.read(8), "little")
            header = json.loads(content.read(length))
        ends = [value["data_offsets"][1] for name, value in header.items() if name != "__metadata__"]
        return 8 + length + max(ends, default=0)
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError):
        return 0


def sha256_of(file: Path) -> str:
    """Hash of a whole file."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
