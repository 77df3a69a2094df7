"""``counts.csv``: a row for each crossing, on disk as soon as it happens."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from deptr.errors import DataError
from deptr.pipeline.counting.counter import Crossing

HEAD = "frame,seconds,place,track_id,class_id,direction"


class CountsWriter:
    """Writes crossings.

    Args:
        path: The file; its folder must exist.

    Raises:
        DataError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("w", encoding="utf-8", newline="\n")
            self._file.write(f"{HEAD}\n")
        except OSError as error:
            raise DataError(path, "cannot be written", found=error.strerror or str(error)) from error

    def write(self, frame: int, seconds: float, crossings: tuple[Crossing, ...]) -> None:
        """Append the crossings of a frame.

        Raises:
            DataError: The disk is full.
        """
        try:
            for crossing in crossings:
                word = "in" if crossing.entered else "out"
                who = f"{crossing.track_id},{'' if crossing.class_id < 0 else crossing.class_id}"
                self._file.write(f"{frame},{seconds:.4f},{crossing.place},{who},{word}\n")
            self._file.flush()
        except OSError as error:
            raise DataError(self._path, "cannot be written", found=error.strerror or str(error)) from error

    def __enter__(self) -> CountsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
