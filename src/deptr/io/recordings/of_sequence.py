"""Tracks of a sequence into recordings, and back out of bags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from deptr.cameras import Camera
from deptr.errors import DataError
from deptr.io.frame_source import FALLBACK_RATE, FrameSource
from deptr.io.frames import open_source
from deptr.io.recordings.bag import Bag
from deptr.io.recordings.bag_source import BagSource
from deptr.io.recordings.bag_writer import TOPICS, BagWriter
from deptr.io.recordings.camera_info import camera_of
from deptr.io.recordings.foxglove_writer import FoxgloveWriter
from deptr.io.recordings.moment import Moment, Recorder
from deptr.io.recordings.rerun_writer import RerunWriter
from deptr.io.recordings.ros_messages import detections_of
from deptr.io.sequence_tracks import UNNAMED, SequenceTracks, class_numbers, names_of
from deptr.io.tables import TrackTable
from deptr.records import DepthKind, Image, depth_of, depth_std_of

_DETECTIONS = "vision_msgs/msg/Detection2DArray"


def write_bag(path: Path, sequence: SequenceTracks) -> None:
    """Write the folder of a ROS 2 bag, or an ``.mcap`` file.

    Raises:
        DataError: The images that were tracked are damaged, or the recording cannot be written.
        MissingExtraError: rosbags is not installed.
    """
    with BagWriter(path) as recorder:
        _write(recorder, sequence)


def write_foxglove(path: Path, sequence: SequenceTracks) -> None:
    """Write an MCAP file with Foxglove's schemas; errors as in `write_bag`."""
    with FoxgloveWriter(path) as recorder:
        _write(recorder, sequence)


def write_rerun(path: Path, sequence: SequenceTracks) -> None:
    """Write an ``.rrd`` file; errors as in `write_bag`."""
    with RerunWriter(path) as recorder:
        _write(recorder, sequence)


def read_bag(path: Path) -> SequenceTracks:
    """Tracks of the `vision_msgs` detections in a bag, its only ones or those of ``/deptr/detections_2d``.

    A message is a frame. Identities have to be whole numbers.

    Raises:
        DataError: The bag cannot be read, holds no detections, or these have no identities.
    """
    names: list[str] = []
    rows: list[TrackTable] = []
    seconds: dict[int, float] = {}
    start: int | None = None
    size, focal_px = None, None
    with Bag(path) as bag:
        topic = _detections_topic(bag)
        for frame, stamped in enumerate(bag.messages(topic), start=1):
            start = stamped.nanoseconds if start is None else start
            seconds[frame] = (stamped.nanoseconds - start) / 1e9
            found = detections_of(stamped.message)
            if found.tracker_id is None:
                problem = f"message {frame} has a box without an identity"
                raise DataError(f"{path} {topic}", problem, hint="these are detections: track them first")
            places = len(names) + np.arange(len(found))  # of its classes, until all names are known
            names += [str(name) or UNNAMED for name in found.data["class_name"]]
            rows.append(
                TrackTable.of(
                    str(path),
                    frame=np.full(len(found), frame),
                    track_id=found.tracker_id,
                    xyxy=found.xyxy,
                    score=found.confidence,
                    class_id=places,
                    depth=depth_of(found),
                    depth_std=depth_std_of(found),
                )
            )
        info = bag.first(TOPICS["camera"][0])
        if info is not None:
            size = int(info.width), int(info.height)
            camera = camera_of(info, size)
            focal_px = None if camera is None else camera.focal_px
    numbers = class_numbers(names)
    tracks = _joined(str(path), rows)
    tracks = replace(tracks, class_id=np.array([numbers[names[k]] for k in tracks.class_id], np.int64))
    steps = np.diff(list(seconds.values()))
    return SequenceTracks(
        name=path.stem,
        tracks=tracks,
        fps=float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else None,
        size=size,
        frame_count=len(seconds),
        depth_kind=DepthKind.METRIC if np.isfinite(tracks.depth).any() else None,
        focal_px=focal_px,
        class_names=names_of(numbers),
        seconds=seconds,
    )


def written_only(path: Path) -> SequenceTracks:
    """Say that tracks are not read out of such files.

    Raises:
        DataError: Always.
    """
    raise DataError(path, "is for looking at; tracks are not read out of it", hint="convert the run itself")


def moments_of(sequence: SequenceTracks) -> Iterator[Moment]:
    """Each frame of a sequence, with its image where what was tracked is still there.

    Raises:
        DataError: What was tracked is damaged.
    """
    if sequence.video is None:
        yield from _moments(sequence, None)
        return
    topic = (sequence.run.get("source") or {}).get("topic")
    with open_source(sequence.video, topic=topic) as source:
        yield from _moments(sequence, source)


def _write(recorder: Recorder, sequence: SequenceTracks) -> None:
    for moment in moments_of(sequence):
        recorder.write(moment)


def _moments(sequence: SequenceTracks, source: FrameSource | None) -> Iterator[Moment]:
    start = source.start if isinstance(source, BagSource) else 0
    camera = _camera(sequence, source)
    names = dict(sequence.class_names)
    fps = sequence.fps or FALLBACK_RATE
    last = -1.0
    for index, seconds, image in _images(source, sequence.length):
        told = float(sequence.seconds_of(np.array([index]))[0]) if seconds is None else seconds
        last = max(told if np.isfinite(told) else (index - 1) / fps, last)
        tracked = sequence.tracks.at(index, sequence.depth_kind)
        yield Moment(start + round(last * 1e9), tracked, image, camera, names)


def _images(source: FrameSource | None, length: int) -> Iterator[tuple[int, float | None, Image | None]]:
    """Number, seconds and image of each frame; those without an image too, for their tracks."""
    last = 0
    for frame in source if source is not None else ():
        yield from ((k, None, None) for k in range(last + 1, frame.index))
        yield frame.index, frame.timestamp, frame.image
        last = frame.index
    yield from ((k, None, None) for k in range(last + 1, length + 1))


def _camera(sequence: SequenceTracks, source: FrameSource | None) -> Camera | None:
    if isinstance(source, BagSource) and source.camera is not None:
        return source.camera
    return None if sequence.focal_px is None else Camera.of_focal(sequence.focal_px, sequence.extent())


def _detections_topic(bag: Bag) -> str:
    found = [topic.name for topic in bag.topics() if topic.kind == _DETECTIONS]
    own = TOPICS["2d"][0]
    if own in found or len(found) == 1:
        return own if own in found else found[0]
    problem = "holds several topics of detections" if found else "holds no detections"
    expected = f"{own}, or one topic of {_DETECTIONS}"
    raise DataError(bag.path, problem, expected=expected, found=", ".join(found) or "none")


def _joined(source: str, tables: list[TrackTable]) -> TrackTable:
    if not tables:
        return TrackTable.of(source, frame=[], track_id=[], xyxy=np.zeros((0, 4)))
    names = [name for name in vars(tables[0]) if name != "source"]
    return TrackTable(source, **{n: np.concatenate([getattr(table, n) for table in tables]) for n in names})
