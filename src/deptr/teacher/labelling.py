"""Labels of one sequence: windows of frames in, finished windows out, in constant memory, resumable."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deptr.errors import DataError
from deptr.io.frame_source import FrameSource
from deptr.io.frames import open_source
from deptr.io.label_maps import pack_depth, shrink_depth
from deptr.io.label_runs import LabelRun
from deptr.io.labels import FrameLabels, LabelInfo, read_info, read_labels, write_labels
from deptr.progress import Progress, SilentProgress
from deptr.teacher.boxes import SequenceBoxes, hash_frames
from deptr.teacher.depth_teachers import DepthFrames
from deptr.teacher.frames import BoxedFrame
from deptr.teacher.journal import Journal, WindowLabels, locked
from deptr.teacher.repair import changed_frames, count_labels, has_these_boxes, repair
from deptr.teacher.rows import LabelOptions, Teachers, label_frames, unreadable_rows
from deptr.teacher.video_depth_windows import Window, windows_of
from deptr.threads import read_ahead

DECODED_AHEAD = 8


@dataclass(frozen=True)
class SequenceJob:
    """One sequence to label.

    Attributes:
        name: Name of the sequence in the store.
        source: Anything `deptr.io.frames.open_source` takes that has an end.
        boxes: Which boxes get a label.
    """

    name: str
    source: str
    boxes: SequenceBoxes


@dataclass(frozen=True)
class SequenceReport:
    """What labelling a sequence came to.

    Attributes:
        name: Name of the sequence.
        frames: Frames of the sequence.
        boxes: Boxes that have a row.
        valid: Boxes whose depth may be learnt from.
        windows: Windows computed now; 0 if everything was there.
        relabelled: Frames whose boxes had changed and were labelled anew.
        unreadable: Frames that could not be decoded.
        notes: How frames are numbered where that is not plain, in sentences.
    """

    name: str
    frames: int
    boxes: int
    valid: int
    windows: int = 0
    relabelled: int = 0
    unreadable: int = 0
    notes: tuple[str, ...] = ()


def label_sequence(
    job: SequenceJob,
    run: LabelRun,
    teachers: Teachers,
    options: LabelOptions,
    *,
    progress: Progress | None = None,
    overlap: bool = False,
) -> SequenceReport:
    """Label a sequence, as far as it is not labelled already.

    Killed at any moment it goes on where it was, losing at most the window it was in, and ends with the same
    bytes as without interruption. Labels of frames whose boxes have changed are made anew, the others kept.

    Args:
        job: The sequence.
        run: Where the labels go.
        teachers: Must be the run's own; the run's name stands for them.
        options: Likewise.
        progress: Told the last finished frame.
        overlap: Whether the depth of the next window is computed while this one's masks are.

    Raises:
        DataError: Boxes reach past the end of the frames, frames change their size, nothing can be
            decoded, another process writes the sequence, or the disk is full. What is finished stays.
    """
    report = progress or SilentProgress()
    with locked(run, job.name):
        frames_hash = hash_frames(job.source)
        windows = 0
        notes: tuple[str, ...] = ()
        if not _is_labelled(run, job.name, frames_hash, teachers):
            walk = _Walk(job, run, teachers, options, frames_hash)
            windows = walk.go(report, overlap=overlap)
            notes = walk.notes
        changed = 0
        if not has_these_boxes(run.path(job.name), job.boxes):
            changed = _relabel(job, run, teachers, options)
        rows, valid = count_labels(run.path(job.name))
        info = read_info(run.path(job.name))
    return SequenceReport(
        job.name, info.frame_count, rows, valid, windows, changed, len(info.unreadable), notes
    )


def _relabel(job: SequenceJob, run: LabelRun, teachers: Teachers, options: LabelOptions) -> int:
    """Make the labels of changed frames anew and return how many these are."""
    labels = read_labels(run.path(job.name))
    changed = changed_frames(labels.rows, job.boxes)
    with open_source(job.source) as source:
        check_boxes(job, source)
        frames = boxed_frames(job, source)
        labels = repair(labels, changed, frames, job.boxes, teachers=teachers, options=options)
    write_labels(run.path(job.name), labels)
    return len(changed)


def _revisions(teachers: Teachers) -> dict[str, str]:
    return {
        f"masks {teachers.masks.name}": teachers.masks.revision,
        f"depth {teachers.depth.name}": teachers.depth.revision,
    }


def _is_labelled(run: LabelRun, name: str, frames_hash: str, teachers: Teachers) -> bool:
    """Whether the sequence has labels of these frames by these teachers, whatever the boxes."""
    path = run.path(name)
    if not path.is_file():
        return False
    info = read_info(path)
    return info.frames_hash == frames_hash and info.revisions == _revisions(teachers)


def boxed_frames(job: SequenceJob, source: FrameSource) -> Iterator[BoxedFrame]:
    """The frames of a source with their boxes.

    Raises:
        DataError: A frame has another size than the source.
    """
    for frame in source:
        height, width = frame.image.shape[:2]
        if (width, height) != source.size:
            expected = f"{source.size[0]}x{source.size[1]} as the first"
            where = f"frame {frame.index} has another size"
            raise DataError(job.source, where, expected=expected, found=f"{width}x{height}")
        yield BoxedFrame(frame.index, frame.image, job.boxes.at(frame.index))


def check_boxes(job: SequenceJob, source: FrameSource) -> None:
    """Refuse boxes that reach past the end, as far as the end is known before decoding.

    Raises:
        DataError: They do, or the source has no end.
    """
    if source.live:
        raise DataError(job.source, "a live source cannot be labelled", expected="a video or a folder")
    if source.frame_count is not None and job.boxes.last_frame > source.frame_count:
        raise too_many_boxes(job, source.frame_count)


def too_many_boxes(job: SequenceJob, last_frame: int) -> DataError:
    """The error for boxes on frames that do not exist."""
    found = f"boxes on frame {job.boxes.last_frame}, but {job.source} ends at frame {last_frame}"
    hint = "are these the boxes of this video, at this frame rate?"
    return DataError(job.boxes.source, "boxes reach past the end of the frames", found=found, hint=hint)


@dataclass(frozen=True)
class _Step:
    """A window with its depth, and the depth teacher's state after it."""

    window: Window[BoxedFrame]
    depth: DepthFrames
    state: dict[str, npt.NDArray[Any]]


class _Walk:
    """One attempt to label a sequence, from where the last one stopped to its end."""

    def __init__(
        self, job: SequenceJob, run: LabelRun, teachers: Teachers, options: LabelOptions, frames_hash: str
    ) -> None:
        self.job, self.run, self.teachers, self.options = job, run, teachers, options
        self.frames_hash = frames_hash
        self.journal = Journal(run, job.name, f"{frames_hash} {_revisions(teachers)}")
        begun = self.journal.begun()
        self.first = begun.window + 1 if begun else 0
        self.last_frame = begun.last_frame if begun else 0
        self.unreadable = begun.unreadable if begun else ()
        self.depth_state = begun.depth_state if begun else None
        self.readable = 0
        self.notes: tuple[str, ...] = ()

    def go(self, progress: Progress, *, overlap: bool) -> int:
        """Label what is missing, join the windows and return how many of them were computed now."""
        number = self.first - 1
        with open_source(self.job.source) as source:
            check_boxes(self.job, source)
            self.notes = tuple(source.notes())
            steps = self._steps(source)
            with closing(read_ahead(steps, 1) if overlap else steps) as ready:
                for step in ready:
                    number = step.window.number
                    self._commit(step)
                    progress.update(self.last_frame, source.frame_count, sequence=self.job.name)
            if not self.readable:
                raise DataError(self.job.source, "no frame could be decoded")
            tail = self._tail(self.readable + source.skipped)
            size = source.size
        self.journal.finish(self._info(size), number + 1, tail)
        return number + 1 - self.first

    def _steps(self, source: FrameSource) -> Generator[_Step, None, None]:
        session = self.teachers.depth.open(self.depth_state)
        for window in windows_of(
            read_ahead(self._decoded(source), DECODED_AHEAD), itertools.count(self.first)
        ):
            depth = session.push(window)
            yield _Step(window, depth, session.state())

    def _decoded(self, source: FrameSource) -> Iterator[BoxedFrame]:
        for frame in boxed_frames(self.job, source):
            self.readable += 1
            yield frame

    def _commit(self, step: _Step) -> None:
        """Label the window's final frames, and the unreadable ones among and before them."""
        frames = step.window.final
        rows = {
            frame.index: labels
            for frame, labels in zip(
                frames, label_frames(frames, list(step.depth.maps), self.teachers, self.options), strict=True
            )
        }
        missing = sorted(set(range(self.last_frame + 1, frames[-1].index)) - rows.keys())
        rows |= {index: unreadable_rows(index, self.job.boxes.at(index)) for index in missing}
        self.unreadable += tuple(missing)
        self.last_frame = frames[-1].index
        self.depth_state = step.state
        dense = features = None
        if self.options.dense:
            dense = [pack_depth(shrink_depth(depth_map)) for depth_map in step.depth.maps]
        if self.options.features and step.depth.features is not None:
            features = list(step.depth.features)
        joined = FrameLabels.join(rows[index] for index in sorted(rows))
        window = WindowLabels(
            step.window.number, self.last_frame, joined, [frame.index for frame in frames], dense, features
        )
        self.journal.commit(window, self.unreadable, step.state)

    def _tail(self, known_frames: int) -> FrameLabels:
        """Rows of unreadable frames after the last readable one."""
        end = max(self.last_frame, known_frames)
        if self.job.boxes.last_frame > end:
            raise too_many_boxes(self.job, end)
        missing = range(self.last_frame + 1, end + 1)
        self.unreadable += tuple(missing)
        self.last_frame = end
        return FrameLabels.join(unreadable_rows(index, self.job.boxes.at(index)) for index in missing)

    def _info(self, size: tuple[int, int]) -> LabelInfo:
        masks, depth = self.teachers.masks, self.teachers.depth
        fits = (self.depth_state or {}).get("fits", np.zeros((0, 2)))
        licences = {
            f"{name}: {licence}"
            for name, licence in ((masks.name, masks.licence), (depth.name, depth.licence))
        }
        return LabelInfo(
            sequence=self.job.name,
            masks=masks.name,
            depth=depth.name,
            depth_kind=depth.kind,
            licence="; ".join(sorted(licences)),
            settings=self.run.folder.name.rpartition("-")[2],
            frames_hash=self.frames_hash,
            frame_count=self.last_frame,
            size=size,
            revisions=_revisions(self.teachers),
            unreadable=self.unreadable,
            fits=tuple((float(scale), float(shift)) for scale, shift in fits),
        )
