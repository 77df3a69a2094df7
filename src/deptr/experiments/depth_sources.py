"""What each source of depth is worth on the same boxes: how much it knows, its error, its time, its gain."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deptr.depth.in_boxes import depth_in_boxes
from deptr.errors import DataError, UsageError
from deptr.evaluation.cells import detections_of
from deptr.evaluation.depth_quality import DepthQuality, match, quality
from deptr.evaluation.judge import check_tracks
from deptr.evaluation.methods import Method, start, track_rows
from deptr.evaluation.trackeval_memory import RawScores, raw_scores
from deptr.io.depth_maps import DepthMaps
from deptr.io.folders import image_files, number_images
from deptr.io.image_source import read_image
from deptr.io.open_depth_maps import open_depth_maps
from deptr.io.sequences import Benchmark
from deptr.io.sequences import Sequence as Recording
from deptr.io.text_files import read_json
from deptr.progress import Progress, SilentProgress
from deptr.records import DepthKind, FloatArray, depth_kind_of, depth_of, with_depth
from deptr.synth.depth_sensor import DepthSensor
from deptr.tracking.depth.pseudo_depth import PseudoDepth

if TYPE_CHECKING:
    import supervision as sv

Fill = Callable[["sv.Detections"], "sv.Detections"]  # what a run with this source would spend its time on
Look = Callable[[int], Fill]  # by frame from 1: reads what the source needs first, which is not timed


@dataclass(frozen=True)
class SourceWorth:
    """What came out for one source over all sequences.

    Attributes:
        source: Its word.
        quality: Of its depths against true depth: typical of the sequences.
        milliseconds: Processor time that the depths of a frame take, mean.
        scores: Tracker to sequence to TrackEval's fields.
    """

    source: str
    quality: DepthQuality
    milliseconds: float
    scores: Mapping[str, Mapping[str, RawScores]]


def measure_sources(
    benchmark: Benchmark,
    recordings: Sequence[Recording],
    *,
    sources: Sequence[str],
    methods: Sequence[Method],
    progress: Progress | None = None,
) -> list[SourceWorth]:
    """Each source on the same detections of synthetic sequences.

    Args:
        benchmark: Whose rules hold.
        recordings: Sequences of `deptr synth`, with depth maps where a source reads them.
        sources: Words of `SOURCES`.
        methods: Who tracks, each named by its tracker.
        progress: Told after each sequence of each source.

    Raises:
        UsageError: No such source.
        DataError: A sequence lacks what a source needs.
    """
    unknown = [word for word in sources if word not in SOURCES]
    if unknown:
        raise UsageError(f"sources: expected words among {', '.join(SOURCES)}, got {', '.join(unknown)}")
    told, done = progress or SilentProgress(), 0
    found = []
    for source in sources:
        qualities, seconds = [], 0.0
        scores: dict[str, dict[str, RawScores]] = {method.tracker: {} for method in methods}
        for recording in recordings:
            moments, spent = _filled(benchmark, recording, SOURCES[source](recording))
            qualities.append(_quality(benchmark, recording, moments))
            seconds += spent
            for method in methods:
                tracks = check_tracks(recording, _tracks(method, recording, moments))
                scores[method.tracker][recording.name] = raw_scores(benchmark, recording, tracks)
            done += 1
            told.update(done, len(sources) * len(recordings), source=source)
        frames = sum(recording.length for recording in recordings)
        found.append(SourceWorth(source, DepthQuality.typical(qualities), 1000 * seconds / frames, scores))
    return found


def _filled(benchmark: Benchmark, recording: Recording, look: Look) -> tuple[list[sv.Detections], float]:
    """Detections of each frame with the source's depths, and the processor's seconds that these took."""
    table = detections_of(benchmark, recording, depth_kind=DepthKind.METRIC)
    moments, seconds = [], 0.0
    for frame in range(1, recording.length + 1):
        fill, detections = look(frame), table.at(frame)
        begin = time.process_time()
        moments.append(fill(detections))
        seconds += time.process_time() - begin
    return moments, seconds


def _tracks(method: Method, recording: Recording, moments: Sequence[sv.Detections]) -> FloatArray:
    update = start(method, recording)
    return np.concatenate([track_rows(frame, update(found)) for frame, found in enumerate(moments, 1)])


def _quality(benchmark: Benchmark, recording: Recording, moments: Sequence[sv.Detections]) -> DepthQuality:
    table = detections_of(benchmark, recording, depth_kind=DepthKind.METRIC)
    depth = np.concatenate([depth_of(found) for found in moments])
    kind = next((depth_kind_of(found) for found in moments if len(found)), DepthKind.METRIC)
    filled = replace(table, depth=np.asarray(depth, np.float64), depth_kind=kind)
    return quality(match(benchmark, recording, filled), recording.length)


def _none(recording: Recording) -> Look:
    def fill(detections: sv.Detections) -> sv.Detections:
        kept = {name: values for name, values in detections.data.items() if name != "depth"}
        return replace(detections, data=kept, metadata={})

    return lambda frame: fill


def _exact(recording: Recording) -> Look:
    return lambda frame: lambda detections: detections


def _map(recording: Recording) -> Look:
    maps = _depth_maps(recording)
    return lambda frame: _read_in_boxes(_map_at(maps, frame))


def _sensor(recording: Recording) -> Look:
    maps, focal_px, sensor = _depth_maps(recording), _focal_lengths(recording), DepthSensor()

    def look(frame: int) -> Fill:
        return _read_in_boxes(sensor.measure(_map_at(maps, frame), focal_px=focal_px[frame - 1], frame=frame))

    return look


def _pseudo(recording: Recording) -> Look:
    if recording.size is None:
        raise DataError(recording.name, "size of the images is not known", expected="imWidth in seqinfo.ini")
    plane = PseudoDepth(recording.size)
    return lambda frame: plane.update


def _network(recording: Recording) -> Look:
    from deptr.detector.inference import Detector

    if recording.images is None:
        raise DataError(recording.name, "no images", expected="a folder img1, which the network looks at")
    images = dict(number_images(image_files(recording.images)).images)
    detector = Detector.from_pretrained()

    def look(frame: int) -> Fill:
        image = read_image(images[frame]) if frame in images else None
        if image is None:
            raise DataError(recording.name, f"no image of frame {frame}", expected="an image of each frame")
        return lambda detections: detector.depth_of(image, detections)

    return look


# word -> what looks at one sequence
SOURCES: Mapping[str, Callable[[Recording], Look]] = {
    "none": _none,
    "exact": _exact,
    "map": _map,
    "sensor": _sensor,
    "pseudo": _pseudo,
    "network": _network,
}


def _read_in_boxes(depth_map: FloatArray) -> Fill:
    def fill(detections: sv.Detections) -> sv.Detections:
        found = depth_in_boxes(depth_map, np.asarray(detections.xyxy))
        return with_depth(detections, found.depth, found.std, DepthKind.METRIC)

    return fill


def _folder(recording: Recording) -> Path:
    """Where `deptr synth` wrote a sequence."""
    if recording.images is None:
        raise DataError(recording.name, "not written by deptr synth", expected="img1, depth, cameras.json")
    return recording.images.parent


def _depth_maps(recording: Recording) -> DepthMaps:
    # numbers in names tell the frame, so neither the source nor its rate matters
    return open_depth_maps(_folder(recording) / "depth", None, fps=recording.frame_rate or 1.0)


def _map_at(maps: DepthMaps, frame: int) -> FloatArray:
    depth_map = maps.at(frame, 0.0)
    if depth_map is None:
        raise DataError(maps.name, f"no depth map of frame {frame}", expected="a map of each frame")
    return depth_map


def _focal_lengths(recording: Recording) -> list[float]:
    """Focal length of each frame in pixels."""
    path = _folder(recording) / "cameras.json"
    try:
        lengths = [float(camera["matrix"][0][0]) for camera in read_json(path)]
    except (KeyError, TypeError, IndexError, ValueError):
        lengths = []
    if len(lengths) < recording.length:
        expected = f"a pinhole camera for each of {recording.length} frames"
        raise DataError(path, "not the cameras of this sequence", expected=expected, found=str(len(lengths)))
    return lengths
