"""Miniatures of real benchmarks: drawn people under the official names of folders, files, lists and archives.

Whoever waits for a data set can rehearse with them, with this package or any other. Beside the official files
lie the depth maps and masks that `deptr label --masks synthetic --depth synthetic` reads.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from deptr.errors import DataError, UsageError
from deptr.files import atomic_path, atomic_write
from deptr.io.text_files import read_text
from deptr.progress import Progress
from deptr.synth.journey import CameraMotion
from deptr.synth.library import LibraryPlan, SequenceJob, split_seeds, write_library
from deptr.synth.scene import SceneOptions
from deptr.synth.writer import WriteOptions

_LEVEL = 2


@dataclass(frozen=True)
class Layout:
    """How a benchmark is handed out.

    Attributes:
        name: On the command line.
        splits: Split to the pattern of its sequences' names.
        numbers: Split to the numbers of its first sequences; others count on.
        hidden: Splits whose ground truth is not public.
        copies: Endings of the copies of each video, one per public detector.
        digits: Of the number in a picture's name.
        size: Height and width of the miniature's pictures.
        fps: Frames per second.
        camera: Motion of the camera, None as the seed has it.
        seqmap: Place of a split's list of sequences.
        archives: Split to the names of its archives, among which its sequences are divided.
        folder: Folder in the archive above a split, empty: none.
    """

    name: str
    splits: Mapping[str, str]
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    copies: tuple[str, ...] = ("",)
    digits: int = 6
    size: tuple[int, int] = (192, 320)
    fps: float = 20.0
    camera: CameraMotion | None = None
    seqmap: str = "{split}_seqmap.txt"
    archives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""

    def names(self, split: str, count: int) -> list[str]:
        """Names of the first sequences of a split."""
        known = list(self.numbers.get(split, range(1, 1 + count)))
        known += range(1 + max(known), 1 + max(known) + max(0, count - len(known)))
        return [self.splits[split].format(number) for number in known[:count]]


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        layout.name: layout
        for layout in (
            Layout(
                "dancetrack",
                dict.fromkeys(("train", "val", "test"), "dancetrack{:04d}"),
                {"train": (1, 2, 6, 8, 12), "val": (4, 5, 7, 10, 14), "test": (3, 9, 11, 13, 17)},
                hidden=("test",),
                digits=8,
                archives={
                    "train": ("train1.zip", "train2.zip"),
                    "val": ("val.zip",),
                    "test": ("test1.zip", "test2.zip"),
                },
            ),
            Layout(
                "quadtrack",  # nothing is known of its archives and names
                {"train": "quad{:04d}", "test": "quad9{:03d}"},
                size=(128, 512),
                fps=10.0,
                camera=CameraMotion.PANORAMA,
                archives={"train": ("train.zip",), "test": ("test.zip",)},
            ),
            Layout(
                "mot17",
                dict.fromkeys(("train", "test"), "MOT17-{:02d}"),
                {"train": (2, 4, 5, 9, 10, 11, 13), "test": (1, 3, 6, 7, 8, 12, 14)},
                hidden=("test",),
                copies=("-DPM", "-FRCNN", "-SDP"),
                fps=30.0,
                seqmap="seqmaps/MOT17-{split}.txt",
                archives={"train": ("MOT17.zip",), "test": ("MOT17.zip",)},
                folder="MOT17",
            ),
        )
    }
)


@dataclass(frozen=True)
class Miniature:
    """How large a miniature is.

    Attributes:
        sequences: Videos of each split.
        frames: Of each video.
        size: Height and width, None as the layout has it.
        seed: First seed within each split.
        level: 1 easy, 2 busy, 3 dense.
    """

    sequences: int = 3
    frames: int = 60
    size: tuple[int, int] | None = None
    seed: int = 0
    level: int = _LEVEL


def write_layout(
    name: str,
    output: str | Path,
    miniature: Miniature | None = None,
    *,
    archives: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> int:
    """Write a miniature of a benchmark; what an interrupted run left whole is kept.

    Args:
        name: One of `LAYOUTS`.
        output: Folder of the splits.
        miniature: How large.
        archives: Write the official archives instead of folders.
        workers: Processes.
        progress: Told of frames or sequences.

    Returns:
        How many videos there are.

    Raises:
        UsageError: There is no such layout.
        DataError: The folder holds something else, or cannot be written.
    """
    if name not in LAYOUTS:
        raise UsageError(f"layout: expected one of {', '.join(LAYOUTS)}, got {name!r}")
    layout, wanted, folder = LAYOUTS[name], miniature or Miniature(), Path(output)
    for number, split in enumerate(layout.splits):
        jobs = _jobs(layout, split, wanted, number)
        plan = LibraryPlan(jobs, WriteOptions(digits=layout.digits))
        write_library(plan, folder / split, workers=workers, progress=progress)
        sequences = [path for job in jobs for path in _officially(layout, split, folder / split / job.name)]
        with atomic_write(folder / layout.seqmap.format(split=split)) as file:
            file.write("".join(f"{word}\n" for word in ["name", *(path.name for path in sequences)]))
    if archives:
        _archive(layout, folder)
    return wanted.sequences * len(layout.splits)


def _jobs(layout: Layout, split: str, wanted: Miniature, number: int) -> tuple[SequenceJob, ...]:
    size = wanted.size or layout.size
    options = SceneOptions(size, wanted.frames, layout.fps, layout.camera, wanted.level)
    seeds = split_seeds(("train", "val", "test")[number], wanted.seed, wanted.sequences)
    names = [f"{name}{layout.copies[0]}" for name in layout.names(split, wanted.sequences)]
    return tuple(SequenceJob(name, seed, options) for name, seed in zip(names, seeds, strict=True))


def _officially(layout: Layout, split: str, folder: Path) -> list[Path]:
    """Leave of a sequence what the benchmark hands out, and make its copies."""
    detections = folder / "det" / "det.txt"
    if len(layout.copies) > 1:
        _rewrite(detections, [f"{','.join(row[:7])},-1,-1,-1" for row in _rows(detections)])
    else:
        shutil.rmtree(detections.parent, ignore_errors=True)
    truth = folder / "gt" / "gt.txt"
    if split in layout.hidden:
        shutil.rmtree(truth.parent, ignore_errors=True)
    else:
        shown = _rows(truth)
        if len(layout.copies) > 1:
            _rewrite(truth, [",".join(row[:9]) for row in shown])
        else:
            _rewrite(truth, [f"{','.join(row[:6])},1,1,1" for row in shown if row[6] != "0"])
    found = [folder]
    for ending_of_copy in layout.copies[1:]:
        copy = folder.with_name(folder.name.removesuffix(layout.copies[0]) + ending_of_copy)
        if not copy.is_dir():
            partial = copy.with_name(f".{copy.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(folder, partial)
            for info in (partial / "seqinfo.ini", partial / "annotations.json"):
                info.write_text(read_text(info).replace(folder.name, copy.name), encoding="utf-8")
            partial.replace(copy)
        found.append(copy)
    return found


def _rows(path: Path) -> list[list[str]]:
    return [line.split(",") for line in read_text(path).splitlines()] if path.is_file() else []


def _rewrite(path: Path, lines: list[str]) -> None:
    with atomic_write(path) as file:
        file.write("".join(f"{line}\n" for line in lines))


def _archive(layout: Layout, folder: Path) -> None:
    """Pack the splits as they are downloaded, and remove the folders."""
    contents: dict[str, list[tuple[Path, str]]] = {}
    for split, archives in layout.archives.items():
        sequences = sorted(path for path in (folder / split).iterdir() if (path / "img1").is_dir())
        for number, sequence in enumerate(sequences):
            archive = archives[number * len(archives) // len(sequences)]
            above = layout.folder + f"/{split}" if layout.folder else archive.removesuffix(".zip")
            files = sorted(path for path in sequence.rglob("*") if path.is_file())
            contents.setdefault(archive, []).extend(
                (path, f"{above}/{path.relative_to(folder / split).as_posix()}") for path in files
            )
    try:
        for archive, members in contents.items():
            with atomic_path(folder / archive) as temporary, zipfile.ZipFile(temporary, "w") as packed:
                for path, name in members:
                    packed.write(path, name)
        for split in layout.archives:
            shutil.rmtree(folder / split)
    except OSError as error:
        raise DataError(folder, "cannot be written", found=error.strerror or str(error)) from error
