"""Which boxes get a label: read once per sequence, handed out frame by frame."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.io.columns import counts
from deptr.io.folders import entries
from deptr.io.mot_text import read_detections, read_tracks
from deptr.io.seqinfo import image_folder
from deptr.io.text_files import lines_of, read_text
from deptr.records import FloatArray, IntArray
from deptr.teacher.frames import FrameBoxes

GROUND_TRUTH = "gt"
DETECTIONS = "det"
SAMPLE = 1 << 16  # bytes hashed at each of three places of a file


@dataclass(frozen=True)
class SequenceBoxes:
    """All boxes of a sequence, frames ascending, in the order of the file within a frame.

    Attributes:
        source: Where they come from, for messages.
        frame: ``(N,)`` int64 from 1.
        object_id: ``(N,)`` int64, -1 = no identity.
        class_id: ``(N,)`` int32 from 0.
        boxes_xyxy: ``(N, 4)`` float32 pixels.
    """

    source: str
    frame: IntArray
    object_id: IntArray
    class_id: IntArray
    boxes_xyxy: FloatArray

    @property
    def last_frame(self) -> int:
        """Number of the last frame that has a box, 0 without any."""
        return int(self.frame[-1]) if len(self.frame) else 0

    def frames_between(self, first: int, last: int) -> list[int]:
        """Numbers of the frames from `first` to `last` that have boxes."""
        start, stop = np.searchsorted(self.frame, [first, last + 1])
        return [int(number) for number in np.unique(self.frame[start:stop])]

    def at(self, frame: int) -> FrameBoxes:
        """Boxes of one frame."""
        start, stop = np.searchsorted(self.frame, [frame, frame + 1])
        place = slice(int(start), int(stop))
        return FrameBoxes(self.boxes_xyxy[place], self.object_id[place], self.class_id[place])


def read_boxes(path: str | Path) -> SequenceBoxes:
    r"""Boxes from MOT text: ground truth keeps its identities, rows with 0 in column 7 are left out.

    Raises:
        DataError: The file is missing, malformed or holds no box.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "gt.txt"
        >>> _ = file.write_text("1,7,10,20,30,60,1,1,1\n1,8,0,0,9,9,0,1,1\n")
        >>> read_boxes(file).at(1).object_id
        array([7])
    """
    file = Path(path)
    if _has_identities(read_text(file)):
        tracks = read_tracks(file)
        frame, identity, boxes, score = tracks.frame, tracks.track_id, tracks.xyxy, tracks.score
    else:
        table = read_detections(file)
        frame, boxes, score = table.frame, table.xyxy, table.score
        identity = np.full(len(frame), -1, np.int64)
    kept = counts(score)
    if not kept.any():
        expected = "rows whose column 7 is not 0"
        raise DataError(file, "no box to label", expected=expected, found=f"{len(kept)} rows")
    classes = np.zeros(int(kept.sum()), np.int32)
    return SequenceBoxes(str(file), frame[kept], identity[kept], classes, boxes[kept].astype(np.float32))


def _has_identities(text: str) -> bool:
    """Whether the first row names an identity, as ground truth and tracks do."""
    words = next((line for line in lines_of(text) if line.strip()), "").split(",")
    try:
        return len(words) > 1 and float(words[1]) >= 0
    except ValueError:
        return False


def hash_frames(source: str | Path) -> str:
    """Hash of a video file or of the images of a folder, see `hash_files`.

    Raises:
        DataError: There is nothing to hash.
    """
    path = Path(source)
    if not path.exists():
        raise DataError(source, "no such file or folder")
    folder = image_folder(path) or path
    files = [path] if path.is_file() else sorted(entry for entry in entries(folder) if entry.is_file())
    if not files:
        raise DataError(source, "holds no files")
    return hash_files(files)


def hash_files(files: list[Path]) -> str:
    """Hash of files, 32 hexadecimal digits.

    Of each file its name, its length and three samples count (beginning, middle, end), so that a data set of
    many gigabytes is known again in seconds.
    """
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as content:
            for start in sorted({0, max(size // 2, 0), max(size - SAMPLE, 0)}):
                content.seek(start)
                digest.update(content.read(SAMPLE))
    return digest.hexdigest()
