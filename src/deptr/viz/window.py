"""A window that shows a run while it goes on, where there is a display.

It lives in a process of its own: PyAV and OpenCV each bring libraries of X11, and where both are loaded, a
window of OpenCV hangs.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO

import cv2
import numpy as np

from deptr.errors import UsageError
from deptr.records import Image

_ENDS = {27, ord("q")}  # Escape and q
_SIZE = struct.Struct("<II")
_MILLISECONDS = 15  # between two looks at keys and pictures


def check_display(option: str) -> None:
    """See that a window can be opened.

    Args:
        option: What the user wrote, for the message.

    Raises:
        UsageError: There is no display, or OpenCV was built without windows.
    """
    # without one, OpenCV's window library ends the whole process
    if sys.platform.startswith("linux") and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))):
        raise UsageError(f"{option}: there is no display; look at the video or the JSON lines instead")
    if "GUI:                           NONE" in cv2.getBuildInformation():
        raise UsageError(f"{option}: this OpenCV was built without windows; install opencv-python")


class Window:
    """Shows pictures one after the other.

    Args:
        title: Of the window.
    """

    def __init__(self, title: str) -> None:
        command = [sys.executable, "-m", "deptr.viz.window", title]
        # a group of its own, so that Ctrl-C ends the run first and then the window
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, start_new_session=True
        )

    def show(self, picture: Image) -> bool:
        """Show a picture; False when the user closed the window or pressed q or Escape."""
        pipe = self._process.stdin
        if self._process.poll() is not None or pipe is None:
            return False
        try:
            pipe.write(_SIZE.pack(*picture.shape[:2]) + np.ascontiguousarray(picture).tobytes())
            pipe.flush()
        except OSError:
            return False
        return True

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Pictures:
    """Reads pictures in a thread and holds the newest."""

    def __init__(self, file: BinaryIO) -> None:
        self.newest: Image | None = None
        self.ended = False
        threading.Thread(target=self._read, args=(file,), daemon=True).start()

    def _read(self, file: BinaryIO) -> None:
        while len(head := file.read(_SIZE.size)) == _SIZE.size:
            height, width = _SIZE.unpack(head)
            content = file.read(3 * height * width)
            if len(content) < 3 * height * width:
                break
            self.newest = np.frombuffer(content, np.uint8).reshape(height, width, 3)
        self.ended = True


def _show(title: str, file: BinaryIO) -> None:
    pictures, shown = _Pictures(file), None
    while not pictures.ended:
        newest = pictures.newest
        if newest is not None and newest is not shown:
            cv2.imshow(title, cv2.cvtColor(newest, cv2.COLOR_RGB2BGR))
            shown = newest
        if cv2.waitKey(_MILLISECONDS) & 0xFF in _ENDS:
            return
        if shown is not None and cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
            return


if __name__ == "__main__":
    _show(sys.argv[1], sys.stdin.buffer)
