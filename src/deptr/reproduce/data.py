"""What lies in the folder of the data: splits, annotations, lists of sequences, archives still packed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deptr.errors import DataError
from deptr.io.folders import image_files
from deptr.io.ground_truth import read_ground_truth
from deptr.io.seqinfo import sequence_folders
from deptr.io.sequences import MOT17_DETECTORS, Sequence, benchmark_of, find_sequences, folder_sequence
from deptr.io.text_files import lines_of, read_text
from deptr.reproduce.archives import fingerprint, members
from deptr.reproduce.check import Check
from deptr.reproduce.studies import Study

TOPIC = "data"


@dataclass(frozen=True)
class Split:
    """A part of the data, as it is found.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        sequences: Names of its videos.
        frames: Of all of them.
        pixels: Width times height of an image, 0 where no file says it.
        fingerprint: Stands for annotations and images.
        archives: What it has to be unpacked from, empty: it lies in folders.
        archived_bytes: What it takes on the disk once unpacked.
    """

    name: str
    sequences: tuple[str, ...]
    frames: int
    pixels: int
    fingerprint: str
    archives: tuple[Path, ...] = ()
    archived_bytes: int = 0


def look(study: Study, root: Path) -> tuple[dict[str, Split], list[Check]]:
    """The splits that a study needs, as far as they are there, and what is to be said of them."""
    splits: dict[str, Split] = {}
    wanted = dict.fromkeys((study.train, study.train if study.halves else study.scored, study.test))
    checks: list[Check] = []
    if not root.is_dir():
        text = f"{root}: no such folder"
        return {}, [Check(TOPIC, "stop", text, f"get {study.name} from {study.home}")]
    for name in filter(None, wanted):
        try:
            split = _folders(study, root, name) or _packed(study, root, name)
        except DataError as error:
            checks.append(Check(TOPIC, "stop", str(error)))
            continue
        if split is None:
            checks.append(_missing(study, root, name))
            continue
        splits[name] = split
        checks += [_there(split), *_seqmap(study, root, split), *_official(study, split)]
    licence = Check(TOPIC, "note", f"licence of {study.name}: {study.licence}")
    return splits, [*checks, licence]


def sequences_of(study: Study, root: Path, split: str) -> list[Sequence]:
    """Sequences of a split in folders; those of a test set have no ground truth.

    Raises:
        DataError: The folder has another layout.
    """
    if split == study.test:
        found = [folder_sequence(path) for path in sequence_folders(_test_folder(study, root), depth=1)]
        return sorted(found, key=lambda sequence: sequence.name)
    return find_sequences(study.name, root, split=split)


def folder_of(sequence: Sequence) -> Path:
    """Its own folder."""
    if sequence.images is None:
        raise DataError(sequence.name, "no images", expected="the frames of the sequence in img1")
    return sequence.images.parent


def _test_folder(study: Study, root: Path) -> Path:
    bases = [root / name for name in benchmark_of(study.name).folders] + [root]
    return next((base / study.test for base in bases if (base / study.test).is_dir()), root / study.test)


def _folders(study: Study, root: Path, name: str) -> Split | None:
    """The split in folders; None where there is none.

    Raises:
        DataError: Images or annotations are missing or cannot be read.
    """
    bases = [root / folder for folder in benchmark_of(study.name).folders] + [root]
    if not any((base / name).is_dir() for base in bases):
        return None
    sequences = sequences_of(study, root, name)
    if not sequences:
        raise DataError(root / name, "no sequences", expected="folders with img1")
    digest = hashlib.blake2b(digest_size=16)
    frames = 0
    for sequence in sequences:
        folder = folder_of(sequence)
        images = image_files(sequence.images or folder)
        if len(images) < sequence.length:
            found = f"{len(images)} of {sequence.length} images"
            raise DataError(folder, "images are missing", found=found, hint="unpack it again")
        frames += sequence.length
        digest.update(f"{sequence.name} {sequence.length} {sequence.size}\n".encode())
        digest.update("".join(f"{path.name} {path.stat().st_size}\n" for path in images).encode())
        if sequence.ground_truth is not None:
            truth = read_ground_truth(benchmark_of(study.name), sequence)
            if not truth.scored.any():
                raise DataError(
                    sequence.ground_truth, "no row counts", expected="objects of the scored class"
                )
            digest.update(sequence.ground_truth.read_bytes())
    size = sequences[0].size or (0, 0)
    names = tuple(sequence.name for sequence in sequences)
    return Split(name, names, frames, size[0] * size[1], digest.hexdigest())


def _packed(study: Study, root: Path, name: str) -> Split | None:
    """The split in the official archives; None where there is none.

    Raises:
        DataError: One of several is missing, truncated, or another archive.
    """
    names = study.archives.get(name, ())
    there = [root / word for word in names if (root / word).is_file()]
    if not there:
        return None
    for word in names:
        if not (root / word).is_file():
            hint = f"get it from {study.home}"
            raise DataError(root / word, f"one archive of the split {name} is missing", hint=hint)
    pattern = benchmark_of(study.name).sequence_names
    found = [member for path in there for member in members(path, name, pattern)]
    videos: Mapping[str, int] = {
        sequence: sum(member.is_image for member in found if member.sequence == sequence)
        for sequence in sorted({member.sequence for member in found})
    }
    if study.name == "mot17":
        kept = {word.rpartition("-")[0]: word for word in reversed(sorted(videos, key=_detector_rank))}
        videos = {word: videos[word] for word in sorted(kept.values())}
    lacking = [
        word
        for word in videos
        if name != study.test and not any(m.place == "gt/gt.txt" for m in found if m.sequence == word)
    ]
    if lacking:
        raise DataError(
            there[0], "ground truth is missing", expected="gt/gt.txt", found=", ".join(lacking[:3])
        )
    size = sum(member.size for member in found)
    return Split(
        name, tuple(videos), sum(videos.values()), 0, fingerprint(found), tuple(there), archived_bytes=size
    )


def _detector_rank(name: str) -> int:
    ending = name.rpartition("-")[2]
    return MOT17_DETECTORS.index(ending) if ending in MOT17_DETECTORS else 0


def _missing(study: Study, root: Path, name: str) -> Check:
    packed = " or ".join(study.archives.get(name, ()))
    looked = f"{root}/{name}" + (f", {packed}" if packed else "")
    if name == study.test:
        text = f"no split {name} in {looked}: no files for the test server will be written"
        return Check(TOPIC, "note", text)
    return Check(TOPIC, "stop", f"no split {name} in {looked}", f"get it from {study.home}")


def _there(split: Split) -> Check:
    packed = f", to unpack from {', '.join(path.name for path in split.archives)}" if split.archives else ""
    text = f"{split.name}: {len(split.sequences)} videos, {split.frames:,} frames{packed}"
    return Check(TOPIC, "ok", text)


def _seqmap(study: Study, root: Path, split: Split) -> list[Check]:
    """Whether the list of sequences, if there is one, and the folders agree."""
    bases = [root, *(root / folder for folder in benchmark_of(study.name).folders)]
    places = [base / word.format(split=split.name) for base in bases for word in study.seqmap]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return []
    listed = [line.strip() for line in lines_of(read_text(path)) if line.strip()][1:]
    if study.name == "mot17":  # lists each video once per detector
        listed = list(dict.fromkeys(name.rpartition("-")[0] for name in listed))
        names = {name.rpartition("-")[0] for name in split.sequences}
    else:
        names = set(split.sequences)
    lacking = [name for name in listed if name not in names]
    if lacking:
        text = f"{path.name} lists {len(listed)} videos of {split.name}, without {', '.join(lacking[:3])}"
        return [Check(TOPIC, "stop", text, "unpack what is missing")]
    return [Check(TOPIC, "ok", f"{path.name} and the split {split.name} agree")]


def _official(study: Study, split: Split) -> list[Check]:
    official = study.videos.get(split.name)
    if official is None or official == len(split.sequences):
        return []
    text = f"{split.name}: {len(split.sequences)} videos, the official split has {official}"
    return [Check(TOPIC, "note", text, "figures cannot be set beside the paper's")]


def halved(split: Split) -> tuple[Split, Split]:
    """Frames of both halves, as far as counting goes."""
    first = split.frames // 2
    return replace(split, frames=first), replace(split, name="val", frames=split.frames - first)
