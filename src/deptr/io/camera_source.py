"""Frames from a camera that is plugged in."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from deptr.errors import DataError
from deptr.io.frame_source import Frame, FrameSource

_PATIENCE = 2.0  # seconds without a frame after which a camera counts as gone


class CameraSource(FrameSource):
    """A camera by its number; frames carry the time at which they arrived."""

    live = True

    def __init__(self, number: int, *, fps: float | None = None) -> None:
        import cv2

        self.name = f"camera {number}"
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            hint = "is it plugged in, and used by no other program?"
            raise DataError(self.name, "cannot be opened", hint=hint)
        reported = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if fps is not None else (reported if np.isfinite(reported) and reported > 0 else None)
        self.size = (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they arrive.

        Raises:
            DataError: The camera gives no more frames.
        """
        import cv2

        index, start, last = 0, None, time.monotonic()
        while True:
            arrived, image = self._capture.read()
            now = time.monotonic()
            if not arrived:
                if now - last > _PATIENCE:
                    raise DataError(self.name, f"gives no more frames after frame {index}")
                time.sleep(0.02)
                continue
            start, last, index = now if start is None else start, now, index + 1
            rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
            yield Frame(index, now - start, rgb, captured=now)

    def close(self) -> None:
        """Free the camera for others."""
        self._capture.release()
