"""Where a camera stood at each frame, out of the files of TUM and KITTI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deptr.cameras import rigid
from deptr.errors import DataError, UsageError
from deptr.io.frame_source import FrameSource
from deptr.io.text_files import read_text
from deptr.records import FloatArray

MAX_GAP_S = 1.0  # between two poses that are blended
_KITTI, _TUM = 12, 8  # numbers of a line
_FROM_ZERO_S = 1.0  # times that begin below this count from the first frame


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of a camera.

    Attributes:
        name: The file.
        by: How they are matched with frames: ``number`` (KITTI) or ``time`` (TUM).
        matrices: ``(M, 4, 4)`` from the camera's axes to the world's.
        times: ``(M,)`` seconds, ascending, where they are matched by time.
        stamps: Seconds of each frame on the same clock, empty where times count from the first frame.
    """

    name: str
    by: str
    matrices: FloatArray
    times: FloatArray
    stamps: Mapping[int, float]

    def at(self, index: int, timestamp: float) -> FloatArray | None:
        """The pose ``(4, 4)`` at a frame, blended from the two around it; None where there is none."""
        if self.by == "number":
            return self.matrices[index - 1] if 0 < index <= len(self.matrices) else None
        time = self.stamps.get(index) if self.stamps else timestamp
        if time is None or not self.times[0] - 1e-6 <= time <= self.times[-1] + 1e-6:
            return None
        after = int(np.clip(np.searchsorted(self.times, time), 1, max(len(self.times) - 1, 1)))
        if len(self.times) == 1:
            return np.asarray(self.matrices[0])
        span = self.times[after] - self.times[after - 1]
        return None if span > MAX_GAP_S else self._blend(after, (time - self.times[after - 1]) / span)

    def _blend(self, after: int, share: float) -> FloatArray:
        from scipy.spatial.transform import Rotation, Slerp

        two = self.matrices[after - 1 : after + 1]
        result = np.eye(4)
        result[:3, :3] = Slerp([0, 1], Rotation.from_matrix(two[:, :3, :3]))(np.clip(share, 0, 1)).as_matrix()
        result[:3, 3] = (1 - share) * two[0, :3, 3] + share * two[1, :3, 3]
        return result


def read_poses(path: str | Path, frames: FrameSource | None) -> Poses:
    r"""Poses of the camera from its axes to the world's.

    Args:
        path: Lines of 12 numbers, the rows of a 3 x 4 matrix for each frame (KITTI), or of 8, time, place and
            quaternion x, y, z, w (TUM).
        frames: The source, whose names may tell times.

    Raises:
        DataError: It holds something else, or its times do not overlap those of the frames.

    Example:
        >>> file = getfixture("tmp_path") / "poses.txt"
        >>> _ = file.write_text("0.0 0 0 0 0 0 0 1\n1.0 2 0 0 0 0 0 1\n")
        >>> read_poses(file, None).at(1, 0.25)[:3, 3].tolist()
        [0.5, 0.0, 0.0]
    """
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        expected = f"{_KITTI} numbers (KITTI) or {_TUM} (TUM: time, x, y, z, quaternion), alike in all lines"
        wrong = DataError(path, "not a pose", line=number, expected=expected, found=f"{len(words)} words")
        try:
            rows.append(list(map(float, words)))
        except ValueError:
            raise wrong from None
        if len(words) not in (_KITTI, _TUM) or len(words) != len(rows[0]) or not np.isfinite(rows[-1]).all():
            raise wrong
    if not rows:
        raise DataError(path, "holds no pose")
    values = np.array(rows)
    try:
        if values.shape[1] == _KITTI:
            matrices = np.stack([rigid(row.reshape(3, 4), "pose") for row in values])
            return Poses(str(path), "number", matrices, np.zeros(0), {})
        return _timed(path, values, {} if frames is None else frames.stamps)
    except UsageError as error:
        raise DataError(path, "not a pose", found=str(error)) from error


def _timed(path: str | Path, values: FloatArray, stamps: Mapping[int, float]) -> Poses:
    from scipy.spatial.transform import Rotation

    lengths = np.linalg.norm(values[:, 4:], axis=1)
    if (np.abs(lengths - 1) > 0.01).any():
        raise UsageError("expected quaternions of length 1")
    values = values[np.argsort(values[:, 0], kind="stable")]
    values = values[np.concatenate([[True], np.diff(values[:, 0]) > 0])]
    times, matrices = values[:, 0], np.tile(np.eye(4), (len(values), 1, 1))
    matrices[:, :3, :3] = Rotation.from_quat(values[:, 4:]).as_matrix()
    matrices[:, :3, 3] = values[:, 1:4]
    found = f"{times[0]:.3f} to {times[-1]:.3f} s"
    if not stamps and times[0] > _FROM_ZERO_S:
        expected = "times from 0 at the first frame, or images whose names are times"
        raise DataError(path, "times of another clock than the frames'", expected=expected, found=found)
    wanted = np.array(list(stamps.values()))
    if stamps and not ((wanted >= times[0]) & (wanted <= times[-1])).any():
        expected = f"times in {wanted.min():.3f} to {wanted.max():.3f} s"
        raise DataError(path, "no pose at the time of any image", expected=expected, found=found)
    return Poses(str(path), "time", matrices, times, stamps)
