"""A sequence as MOTChallenge lays it out, the tracks as ground truth: a folder, or CVAT's zip "MOT 1.1".

``gt/gt.txt`` has eleven columns: frame, identity, left, top, width, height, 1, class, visibility, -1, depth
(-1 = unknown). Classes are numbered from 1 in the order of ``gt/labels.txt``.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np

from deptr.errors import DataError
from deptr.files import atomic_path, atomic_write
from deptr.io.annotation.rows import Rows
from deptr.io.frames import open_source
from deptr.io.seqinfo import read_seqinfo
from deptr.io.sequence_tracks import UNNAMED, SequenceTracks
from deptr.io.text_files import lines_of, read_text
from deptr.io.text_rows import parse_rows

TRUTH, LABELS, INFO = "gt/gt.txt", "gt/labels.txt", "seqinfo.ini"
_COLUMNS = (7, 8, 9, 10, 11)


def write_mot_sequence(path: str | Path, sequence: SequenceTracks) -> None:
    """A folder that `eval`, `convert` and `train` read, with the images where they are known.

    A folder of images is named in ``seqinfo.ini``; of a video, the frames are written as ``img1/000001.jpg``.

    Raises:
        DataError: It cannot be written, or the video not be read.
    """
    folder = Path(path)
    for name, text in _texts(sequence).items():
        with atomic_write(folder / name) as file:
            file.write(text)
    if sequence.video is not None and sequence.video.is_file():
        with open_source(str(sequence.video)) as frames:
            for frame in frames:
                image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
                with atomic_path(folder / "img1" / f"{frame.index:06d}.jpg") as temporary:
                    cv2.imwrite(str(temporary), image, [cv2.IMWRITE_JPEG_QUALITY, 95])


def write_mot_zip(path: str | Path, sequence: SequenceTracks) -> None:
    """The zip that CVAT takes as "MOT 1.1".

    Raises:
        DataError: It cannot be written.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _texts(sequence).items():
            archive.writestr(zipfile.ZipInfo(name), text)


def read_mot_sequence(path: str | Path) -> SequenceTracks:
    """Ground truth of a folder as tracks; rows whose confidence is 0 do not count and are left out.

    Raises:
        DataError: There is none, or a row is wrong.
    """
    folder = Path(path)
    truth, labels, rows = folder / TRUTH, folder / LABELS, Rows(path)
    names = [line.strip() for line in lines_of(read_text(labels)) if line.strip()] if labels.is_file() else []
    table = parse_rows(read_text(truth), truth, columns=_COLUMNS, names=("frame", "id"))
    for row in table[table[:, 6] != 0]:
        said = dict(zip(("class", "visibility", "any", "depth"), row[7:].tolist(), strict=False))
        number = int(said.get("class", -1))
        label = names[number - 1] if 0 < number <= len(names) else UNNAMED if number < 0 else str(number)
        left, top, width, height = row[2:6].tolist()
        numbers = {key: said.get(key, -1.0) for key in ("visibility", "depth")}
        known = {key: value for key, value in numbers.items() if value >= 0 and np.isfinite(value)}
        rows.add(int(row[0]), int(row[1]), (left, top, left + width, top + height), label, known)
    info = read_seqinfo(folder)
    numbers = {name: number for number, name in enumerate(names, 1)}
    found = rows.sequence(folder.resolve().name, labels=names, known=numbers, fps=info.rate, size=info.size)
    return SequenceTracks(**{**vars(found), "frame_count": info.length or None})


def read_mot_zip(path: str | Path) -> SequenceTracks:
    """As `read_mot_sequence`, of a zip.

    Raises:
        DataError: It is no zip, or holds no ``gt/gt.txt``.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / Path(path).stem
        try:
            with zipfile.ZipFile(path) as archive:
                for name in (TRUTH, LABELS, INFO):
                    if name in archive.namelist():
                        (place / name).parent.mkdir(parents=True, exist_ok=True)
                        (place / name).write_bytes(archive.read(name))
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(path, "cannot be read as a zip", found=str(error)) from error
        if not (place / TRUTH).is_file():
            raise DataError(path, "not a zip of MOT", expected=f"{TRUTH} in it")
        return read_mot_sequence(place)


def _texts(sequence: SequenceTracks) -> dict[str, str]:
    table = sequence.tracks
    classes = sorted(set(table.class_id.tolist()) - {-1} | set(sequence.class_names))
    place = {number: k for k, number in enumerate(classes, 1)} | {-1: -1}
    size = table.xyxy[:, 2:] - table.xyxy[:, :2]
    lines = [
        f"{frame},{identity},{x!r},{y!r},{w!r},{h!r},1,{place[number]},{_known(seen)},-1,{_known(depth)}\n"
        for frame, identity, (x, y), (w, h), number, seen, depth in zip(
            table.frame.tolist(),
            table.track_id.tolist(),
            table.xyxy[:, :2].tolist(),
            size.tolist(),
            table.class_id.tolist(),
            table.visibility.tolist(),
            table.depth.tolist(),
            strict=True,
        )
    ]
    width, height = sequence.extent()
    info = {"name": sequence.name, "seqLength": max(sequence.length, 1), "imWidth": width, "imHeight": height}
    if sequence.fps:
        info["frameRate"] = f"{sequence.fps:g}"
    if sequence.video is not None and sequence.video.is_dir():
        info["imDir"] = str(sequence.video.resolve())
    text = "[Sequence]\n" + "".join(f"{name}={value}\n" for name, value in info.items())
    names = "".join(f"{sequence.class_name(number)}\n" for number in classes)
    return {TRUTH: "".join(lines), LABELS: names, INFO: text}


def _known(value: float) -> str:
    return repr(value) if np.isfinite(value) else "-1"
