"""A file of detections in either of the two formats, read once: pipes and process substitution work too."""

from __future__ import annotations

from pathlib import Path

from deptr.io.kitti_text import looks_like_kitti, parse_kitti_detections
from deptr.io.mot_text import parse_detections
from deptr.io.tables import DetectionTable
from deptr.io.text_files import read_text
from deptr.records import DepthKind


def read_detection_file(
    path: str | Path,
    *,
    depth_column: int | None = None,
    depth_kind: DepthKind | str = DepthKind.METRIC,
    first_frame: int = 1,
) -> DetectionTable:
    """Detections of MOT or KITTI tracking text; which of them, the first row says.

    Args:
        path: The file.
        depth_column: As for `deptr.io.mot_text.read_detections`; KITTI text has its own.
        depth_kind: What the depths mean; those of KITTI text are metres.
        first_frame: Number of the first frame, 0 or 1; KITTI text counts from 0.

    Raises:
        DataError: The file is missing, empty or malformed; the message names the line.
        UsageError: `depth_column` or `first_frame` cannot be meant.

    Example:
        >>> file = getfixture("tmp_path") / "0000.txt"
        >>> _ = file.write_text("0 1 Car 0 0 -1.5 1 2 3 4 1 1 4 0 1 20 0.1")
        >>> read_detection_file(file).at(1).data["depth"]
        array([20.], dtype=float32)
    """
    text = read_text(path)
    if looks_like_kitti(text):
        return parse_kitti_detections(text, path)
    return parse_detections(
        text, path, depth_column=depth_column, depth_kind=depth_kind, first_frame=first_frame
    )
