"""Tracks for Rerun: images, boxes, places and depths over time in an ``.rrd`` file."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from deptr.errors import MissingExtraError
from deptr.files import atomic_path
from deptr.io.recordings.moment import Moment, colour_of, label_of
from deptr.records import depth_of

APPLICATION, TIMELINE = "deptr", "time"
IMAGE, BOXES, PLACES = "world/camera/image", "world/camera/image/tracks", "world/tracks"
DEPTHS = "depth"


class RerunWriter:
    """Writes moments into an ``.rrd`` file, which appears when it is closed.

    Boxes lie over ``world/camera/image``, places with their deviations in ``world/tracks``, and the depth of
    each identity over time in ``depth/ID``. Nothing is sent anywhere: the library's telemetry stays off, and
    its usage statistics are those of its viewer, which is not started.

    Args:
        path: The file; what is there is replaced.

    Raises:
        DataError: It cannot be written.
        MissingExtraError: rerun-sdk is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        os.environ["TELEMETRY_ENABLED"] = "false"  # read when the library is loaded
        try:
            import rerun
        except ImportError:
            raise MissingExtraError("Rerun", "rerun") from None
        self._stack = ExitStack()
        self._camera_told = False
        try:
            temporary = self._stack.enter_context(atomic_path(path))
            self._stream = rerun.RecordingStream(APPLICATION, send_properties=False)
            self._stream.save(temporary)
            self._stack.callback(self._stream.disconnect)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        self._log("world", rerun.ViewCoordinates.RIGHT_HAND_Y_DOWN, static=True)

    def write(self, moment: Moment) -> None:
        """Add a moment."""
        import rerun

        self._stream.set_time(TIMELINE, duration=moment.nanoseconds / 1e9)
        self._tell_camera(moment)
        picture = moment.jpeg()
        if picture is not None:
            self._log(IMAGE, rerun.EncodedImage(contents=picture, media_type="image/jpeg"))
        colours = [colour_of(identity) for identity in moment.identities]
        labels = [label_of(moment, row) for row in range(len(moment.tracked))]
        boxes = moment.tracked.xyxy
        self._log(
            BOXES,
            rerun.Boxes2D(array=boxes, array_format=rerun.Box2DFormat.XYXY, colors=colours, labels=labels),
            rerun.AnyValues(track_id=np.array(moment.identities, np.int64)),
        )
        self._tell_places(moment, colours, labels)
        for identity, depth in zip(moment.identities, depth_of(moment.tracked), strict=True):
            if np.isfinite(depth):
                self._log(f"{DEPTHS}/{identity}", rerun.Scalars(float(depth)))

    def close(self) -> None:
        """End the file and put it where it belongs."""
        self._stack.close()

    def __enter__(self) -> RerunWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _tell_camera(self, moment: Moment) -> None:
        import rerun

        camera = moment.camera
        if camera is None or self._camera_told:
            return
        pinhole = rerun.Pinhole(
            image_from_camera=camera.matrix, resolution=camera.size, camera_xyz=rerun.ViewCoordinates.RDF
        )
        self._log(IMAGE, pinhole, static=True)
        self._camera_told = True

    def _tell_places(self, moment: Moment, colours: list[Any], labels: list[str]) -> None:
        import rerun

        places = moment.places()
        known = np.isfinite(places.position).all(axis=1)
        if moment.camera is None:
            return
        rows = np.flatnonzero(known).tolist()
        deviations = np.sqrt(places.covariance[known].diagonal(axis1=1, axis2=2))
        self._log(
            PLACES,
            rerun.Boxes3D(
                centers=places.position[known],
                sizes=places.size[known],
                colors=[colours[k] for k in rows],
                labels=[labels[k] for k in rows],
            ),
        )
        self._log(
            f"{PLACES}/deviation",
            rerun.Ellipsoids3D(
                centers=places.position[known], half_sizes=deviations, colors=[colours[k] for k in rows]
            ),
        )

    def _log(self, place: str, *what: Any, static: bool = False) -> None:
        self._stream.log(place, *what, static=static)
