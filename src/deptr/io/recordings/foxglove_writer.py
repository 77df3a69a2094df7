"""Tracks for Foxglove: image annotations and a scene, in an MCAP file that its own library writes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from deptr.cameras import Camera
from deptr.errors import MissingExtraError
from deptr.files import atomic_path
from deptr.io.recordings.camera_info import distortion_of
from deptr.io.recordings.moment import Moment, colour_of, label_of

if TYPE_CHECKING:
    from foxglove import messages

IMAGE, CALIBRATION = "/camera/image", "/camera/calibration"
ANNOTATIONS, SCENE, FRAMES = "/tracks/annotations", "/tracks/scene", "/tf"
WORLD = "world"
# from x right, y down, z forward to x forward, y left, z up
_UPRIGHT = {"x": -0.5, "y": 0.5, "z": -0.5, "w": 0.5}
_SECOND = 1_000_000_000
_THICKNESS, _FONT = 2.0, 14.0  # pixels
_TEXT_METRES = 0.25


class FoxgloveWriter:
    """Writes moments into an MCAP file with Foxglove's schemas, which appears when it is closed.

    ``/tracks/annotations`` belongs over ``/camera/image``; ``/tracks/scene`` holds a box in metres for each
    object whose place is known, in the camera's frame, which ``/tf`` puts upright into ``world``.

    Args:
        path: The file; what is there is replaced.

    Raises:
        DataError: It cannot be written.
        MissingExtraError: foxglove-sdk is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import foxglove
            from foxglove import channels
        except ImportError:
            raise MissingExtraError("Foxglove", "foxglove") from None
        self._stack = ExitStack()
        try:
            temporary = self._stack.enter_context(atomic_path(path))
            # its own, not the one that other parts of a program may log to; channels do not keep it alive
            context = self._context = foxglove.Context()
            writer = foxglove.open_mcap(temporary, allow_overwrite=True, context=context)
            self._stack.callback(writer.close)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        self._image = channels.CompressedImageChannel(IMAGE, context=context)
        self._calibration = channels.CameraCalibrationChannel(CALIBRATION, context=context)
        self._annotations = channels.ImageAnnotationsChannel(ANNOTATIONS, context=context)
        self._scene = channels.SceneUpdateChannel(SCENE, context=context)
        self._frames = channels.FrameTransformChannel(FRAMES, context=context)

    def write(self, moment: Moment) -> None:
        """Add a moment."""
        from foxglove import messages

        time = moment.nanoseconds
        stamp = messages.Timestamp(*divmod(time, _SECOND))
        camera, frame = moment.camera, moment.frame
        picture = moment.jpeg()
        if picture is not None:
            self._image.log(
                messages.CompressedImage(timestamp=stamp, frame_id=frame, data=picture, format="jpeg"),
                log_time=time,
            )
        self._annotations.log(annotations_of(moment, stamp), log_time=time)
        if camera is not None:
            self._calibration.log(_calibration(camera, stamp), log_time=time)
            self._frames.log(
                messages.FrameTransform(
                    timestamp=stamp,
                    parent_frame_id=WORLD,
                    child_frame_id=frame,
                    rotation=messages.Quaternion(**_UPRIGHT),
                ),
                log_time=time,
            )
            self._scene.log(scene_of(moment, stamp, frame), log_time=time)

    def close(self) -> None:
        """End the file and put it where it belongs."""
        self._stack.close()

    def __enter__(self) -> FoxgloveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)


def annotations_of(moment: Moment, stamp: Any) -> messages.ImageAnnotations:
    """A box and a label for each track; the metadata of a box tells identity, class, score and depth."""
    from foxglove import messages

    boxes, texts = [], []
    for k, (left, top, right, bottom) in enumerate(moment.tracked.xyxy.astype(float).tolist()):
        colour, label = _colour(moment.identities[k]), label_of(moment, k)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        boxes.append(
            messages.PointsAnnotation(
                timestamp=stamp,
                type=messages.PointsAnnotationType.LineLoop,
                points=[messages.Point2(x=x, y=y) for x, y in corners],
                outline_color=colour,
                thickness=_THICKNESS,
                metadata=_metadata(moment, k),
            )
        )
        texts.append(
            messages.TextAnnotation(
                timestamp=stamp,
                position=messages.Point2(x=left, y=top),
                text=label,
                font_size=_FONT,
                text_color=messages.Color(r=1.0, g=1.0, b=1.0, a=1.0),
                background_color=colour,
            )
        )
    return messages.ImageAnnotations(timestamp=stamp, points=boxes, texts=texts)


def scene_of(moment: Moment, stamp: Any, frame: str) -> messages.SceneUpdate:
    """A box in metres for each track whose place is known; those of the moment before are gone."""
    from foxglove import messages

    places, entities = moment.places(), []
    for k in np.flatnonzero(np.isfinite(places.position).all(axis=1)).tolist():
        x, y, z = places.position[k].tolist()
        width, height, length = places.size[k].tolist()
        above = messages.Vector3(x=x, y=y - height / 2 - _TEXT_METRES, z=z)
        entities.append(
            messages.SceneEntity(
                timestamp=stamp,
                frame_id=frame,
                id=str(moment.identities[k]),
                metadata=_metadata(moment, k),
                cubes=[
                    messages.CubePrimitive(
                        pose=messages.Pose(
                            position=messages.Vector3(x=x, y=y, z=z), orientation=messages.Quaternion(w=1.0)
                        ),
                        size=messages.Vector3(x=width, y=height, z=length),
                        color=_colour(moment.identities[k], 0.5),
                    )
                ],
                texts=[
                    messages.TextPrimitive(
                        pose=messages.Pose(position=above, orientation=messages.Quaternion(w=1.0)),
                        billboard=True,
                        font_size=_TEXT_METRES,
                        color=_colour(moment.identities[k]),
                        text=label_of(moment, k),
                    )
                ],
            )
        )
    gone = messages.SceneEntityDeletion(timestamp=stamp, type=messages.SceneEntityDeletionType.All)
    return messages.SceneUpdate(deletions=[gone], entities=entities)


def _calibration(camera: Camera, stamp: Any) -> messages.CameraCalibration:
    from foxglove import messages

    projection = np.zeros((3, 4))
    projection[:, :3] = camera.matrix
    model, bends = distortion_of(camera)
    width, height = camera.size or (0, 0)
    return messages.CameraCalibration(
        timestamp=stamp,
        frame_id=camera.frame_id,
        width=width,
        height=height,
        distortion_model="kannala_brandt" if camera.fisheye else model,
        D=bends,
        K=camera.matrix.reshape(-1).tolist(),
        R=np.eye(3).reshape(-1).tolist(),
        P=projection.reshape(-1).tolist(),
    )


def _metadata(moment: Moment, row: int) -> list[messages.KeyValuePair]:
    from foxglove import messages

    from deptr.records import depth_of

    told = {"id": str(moment.identities[row]), "class": moment.classes[row]}
    told["score"] = f"{moment.scores[row]:.3f}"
    depth = float(depth_of(moment.tracked)[row])
    if np.isfinite(depth):
        told["depth"] = f"{depth:.3f}"
    return [messages.KeyValuePair(key=key, value=value) for key, value in told.items()]


def _colour(identity: int, opacity: float = 1.0) -> messages.Color:
    from foxglove import messages

    red, green, blue = (value / 255 for value in colour_of(identity))
    return messages.Color(r=red, g=green, b=blue, a=opacity)
