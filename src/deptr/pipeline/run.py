"""`deptr.track`: a whole run from Python, frame by frame or into a folder."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from deptr.errors import UsageError
from deptr.io.frame_source import FrameSource
from deptr.pipeline.camera import CameraRequest
from deptr.pipeline.counting.request import CountRequest
from deptr.pipeline.depth.request import DepthFunction, DepthRequest
from deptr.pipeline.detector_request import DetectFunction, DetectorRequest
from deptr.pipeline.follow import TrackedFrame, follow
from deptr.pipeline.live.report import LiveReport
from deptr.pipeline.live.request import LiveRequest
from deptr.pipeline.output import Summary, prepare_folder
from deptr.pipeline.outputs import Outputs
from deptr.pipeline.plan import plan
from deptr.pipeline.request import Request
from deptr.pipeline.save import save
from deptr.pipeline.timing import Seconds
from deptr.progress import Progress, SilentProgress
from deptr.records import DepthKind
from deptr.threads import Stop

if TYPE_CHECKING:
    from deptr.detector.inference import Detector
    from deptr.tracking.base import Tracker
    from deptr.tracking.depth.fusion import DepthFusion


class Run:
    """A run that is ready to begin: iterate over its frames, or `save` them, once.

    Files and devices are let go at the end, when the iterator is dropped, or on an error. A run that may
    never begin can stand in a ``with`` block.

    Attributes:
        summary: What `save` has written so far, None before.

    Args:
        request: What is asked.

    Raises:
        UsageError: A choice cannot be meant.
        DataError: A file or source cannot be read.
    """

    def __init__(self, request: Request) -> None:
        self._plan = plan(request)
        self._frames: weakref.ref[Generator[TrackedFrame, None, None]] | None = None
        self.summary: Summary | None = None

    @property
    def fps(self) -> float:
        """Frames per second of the source."""
        return self._plan.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images; the extent of all boxes where there are none."""
        return self._plan.size

    @property
    def frame_count(self) -> int | None:
        """Number of frames, None when it cannot be known."""
        return self._plan.total

    @property
    def depth_kind(self) -> DepthKind | None:
        """What the depths mean, None without any."""
        return self._plan.depth.kind

    @property
    def tracker(self) -> Tracker:
        """The tracker; its ``tracks`` tell of every track that is remembered."""
        return self._plan.tracker

    @property
    def live(self) -> LiveReport | None:
        """How late results are and what was skipped so far; None where a run takes every frame."""
        return self._plan.live

    def __iter__(self) -> Generator[TrackedFrame, None, None]:
        """The frames, tracked one after the other; images are read ahead in a thread.

        Raises:
            UsageError: The run has begun before.
            DataError: The source broke off; the frames before it were handed out.
        """
        return self._begin({}, Stop())

    def save(
        self,
        folder: str | Path | None = None,
        *,
        video: bool = True,
        jsonl: str | Path | None = None,
        show: bool = False,
        overwrite: bool = False,
        stop: Stop | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Run to the end and write what ``deptr track`` writes.

        That is ``tracks.txt``, ``tracked.mp4`` where there are images, and ``run.json``. On an error or
        Ctrl-C the files hold what was done until then, and ``run.json`` says so.

        Args:
            folder: Where to; None for ``runs/track``, or ``runs/track-2``, ... where that is taken.
            video: Whether to write the video.
            jsonl: A file that gets a line of JSON for each frame as it comes, ``-`` for standard output.
            show: Whether to open a window that shows the run; q or Escape ends it.
            overwrite: Replace the results of an earlier run in the folder.
            stop: Ends the run early between two frames when another thread requests it.
            progress: Told after each frame.

        Returns:
            What was written, also as `summary`.

        Raises:
            UsageError: The folder is not empty, there is no display, or the run has begun before.
            DataError: The source broke off, or a file cannot be written.
        """
        with self:
            spelling, stop = self._plan.request.spelling, stop or Stop()
            outputs = Outputs(video=video, jsonl=jsonl, show=show)
            outputs.check(self._plan)
            seconds: Seconds = {}
            frames = self._begin(seconds, stop)
            made = prepare_folder(folder, overwrite=overwrite, spelling=spelling)
            summary = Summary(made, self.frame_count, notes=list(self._plan.notes), seconds=seconds)
            self.summary = summary
            told = progress or SilentProgress()
            save(self._plan, frames, summary, outputs=outputs, stop=stop, progress=told)
            return summary

    def close(self) -> None:
        """End the run where it is, and let go of files and devices."""
        frames = None if self._frames is None else self._frames()
        if frames is not None:
            frames.close()
        self._plan.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, seconds: Seconds, stop: Stop) -> Generator[TrackedFrame, None, None]:
        if self._frames is not None:
            raise UsageError("this run has begun before, and a source is read once; call deptr.track again")
        frames = follow(self._plan, seconds, stop)
        self._frames = weakref.ref(frames)
        return frames


def track(
    source: str | Path | int | FrameSource | None = None,
    *,
    detections: str | Path | None = None,
    detector: str | Path | Detector | DetectFunction | None = None,
    looks: str | Path | None = None,
    tracker: str | Tracker = "bytetrack",
    parameters: Mapping[str, object] | None = None,
    fusion: DepthFusion | str | None = None,
    depth: str | DepthFunction | DepthRequest | None = None,
    depth_kind: DepthKind | str | None = None,
    depth_column: int | None = None,
    first_frame: int = 1,
    focal_px: float | None = None,
    camera: str | Path | None = None,
    poses: str | Path | None = None,
    fps: float | None = None,
    topic: str | None = None,
    classes: str | Iterable[str | int] | None = None,
    min_score: float = 0.0,
    device: str | None = None,
    detector_format: str | None = None,
    detector_size: str | int | tuple[int, int] | None = None,
    tiles: str | int | tuple[int, int] | None = None,
    live: bool | None = None,
    reconnect_seconds: float | None = None,
    max_seconds: float | None = None,
    lines: Sequence[str | Sequence[float]] = (),
    zones: Sequence[str | Sequence[float]] = (),
) -> Run:
    r"""Follow objects through a video, images, a stream or a detections file.

    Everything is checked and opened now; tracking begins with the first frame that is asked for.

    Args:
        source: A video file, folder of images, MOT sequence folder, recording (MCAP or ROS bag), camera
            number, rtsp/http address, or an open `FrameSource`; None for detections alone.
        detections: A file with detections, MOT or KITTI text; None takes ``det/det.txt`` of a MOT sequence
            folder.
        detector: Looks for objects where no file tells: a `Detector`, what `Detector.from_pretrained` takes,
            or any function from an ``(H, W, 3)`` uint8 RGB image to `supervision.Detections`. None takes the
            person detector that comes with the package.
        looks: How people look takes part in ``botsort``, ``likelihood`` and ``learned``: ``person``, or the
            file of a run of `deptr train`; None: it does not.
        tracker: ``sort``, ``bytetrack``, ``ocsort``, ``botsort``, ``hybridsort``, ``likelihood``, or a
            tracker, which forgets what it knows.
        parameters: The tracker's parameters by name, where it is given by its name.
        fusion: How depth takes part, as for a tracker's ``depth``; None means adaptive with depth.
        depth: Where depth comes from: ``file``, ``pseudo`` (guessed from the boxes and the ground plane),
            ``network`` (a DepTR network asked about the boxes, whoever found them), the name of a depth
            network such as ``depth-anything-v2-small``, any function from an ``(H, W, 3)`` uint8 RGB image to
            a depth map, a `DepthRequest`, for depth images, points, disparity and what the others can be
            told, or None, for that of the file or detector if any.
        depth_kind: What depths mean that a file, a function or a detector of your own gives; None: metric for
            a file and a function.
        depth_column: Column of the file with the depth, counted from 1; None takes the usual one.
        first_frame: Number of the first frame in the file, 0 or 1.
        focal_px: Focal length in pixels, which puts the detector's depth in metres; where depth is in metres,
            tracks have places in metres.
        camera: File with the camera, in place of `focal_px`: CameraInfo or OpenCV YAML, KITTI's calib,
            COLMAP's cameras.txt.
        poses: File with the camera's pose at each frame, TUM or KITTI text: places are then in the world.
        fps: Frames per second, over what the source says.
        topic: Image topic of a recording, where it has several.
        classes: Only these classes, names or numbers.
        min_score: Leave out detections with a lower score.
        device: Where the detector runs: ``auto``, ``cpu`` or ``cuda``.
        detector_format: Form of another project's ONNX file where it is not recognised, as `format` of
            `Detector.from_pretrained`.
        detector_size: Size of the detector's input, ``"640x384"`` or one number, where it is free.
        tiles: Columns and rows of overlapping parts that are looked at too, ``"3x2"``.
        live: Whether frames come in real time and only the newest counts, however slow the loop is; None for
            cameras and streams alone. A file then plays at its own pace.
        reconnect_seconds: For how long a camera or stream that broke off is tried again, 60 by default.
        max_seconds: When the run ends, None for the end of the source.
        lines: Lines whose crossings are counted, each ``"x1,y1,x2,y2"`` in pixels or four numbers.
        zones: Polygons whose entries and exits are counted, ``"x,y,x,y,..."`` or numbers.

    Raises:
        UsageError: A choice cannot be meant.
        DataError: A file or source cannot be read.
        MissingExtraError: The detector needs packages that are not installed.

    Example:
        >>> file = getfixture("tmp_path") / "det.txt"
        >>> _ = file.write_text("".join(f"{k},-1,{10 * k},20,30,60,0.9\n" for k in range(1, 4)))
        >>> for frame in track(detections=file, fps=10):
        ...     print(frame.index, frame.tracked.tracker_id, frame.depths)
        1 [1] [nan]
        2 [1] [nan]
        3 [1] [nan]
    """
    return Run(
        Request(
            source=source,
            detections=detections,
            detector=DetectorRequest(detector, device, detector_format, detector_size, tiles),
            looks=looks,
            tracker=tracker,
            parameters=parameters or {},
            fusion=fusion,
            depth=_depth_request(depth, depth_kind, depth_column),
            camera=CameraRequest(camera, focal_px, poses),
            first_frame=first_frame,
            fps=fps,
            topic=topic,
            classes=classes if classes is None or isinstance(classes, str) else tuple(classes),
            min_score=min_score,
            live=LiveRequest(live, reconnect_seconds, max_seconds),
            counts=CountRequest(lines, zones),
        )
    )


def _depth_request(
    depth: str | DepthFunction | DepthRequest | None, kind: DepthKind | str | None, column: int | None
) -> DepthRequest:
    """What is asked about depth, in one object."""
    if not isinstance(depth, DepthRequest):
        return DepthRequest(depth, column, kind)
    for name, value in (("depth_kind", kind), ("depth_column", column)):
        if value is not None:
            raise UsageError(f"{name}: say it in the DepthRequest, as {name.removeprefix('depth_')}")
    return depth
