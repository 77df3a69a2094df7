"""What following the camera costs per frame, and how well it does on a known motion.

    python benchmarks/camera_motion.py VIDEO_OR_IMAGE

Cuts a wandering 640 x 360 window out of the first picture (enlarged to be wide enough), so that the true
motion is known; then shows a window that stands still.
"""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np

from deptr.tracking.camera_motion import CameraMotion

SIZE = (640, 360)
FRAMES = 120


def windows(picture: np.ndarray, *, moving: bool) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames and the place of each one's corner."""
    angle = np.linspace(0, 6 * np.pi, FRAMES) * moving
    corners = np.stack([120 + 100 * np.sin(angle), 60 + 50 * np.cos(angle * 0.7)], axis=1)
    noise = np.random.default_rng(0)
    frames = []
    for x, y in corners:
        frame = cv2.getRectSubPix(picture, SIZE, (x + SIZE[0] / 2, y + SIZE[1] / 2)).astype(np.int16)
        frame += noise.integers(-4, 5, frame.shape, np.int16)
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return frames, corners


def main() -> None:
    """Measure and print."""
    ok, picture = cv2.VideoCapture(sys.argv[1]).read()
    if not ok:
        sys.exit(f"{sys.argv[1]}: no picture can be read")
    picture = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), (960, 540))
    boxes = np.array([[100.0, 100, 160, 260], [400, 120, 470, 300]])
    for moving in (True, False):
        frames, corners = windows(picture, moving=moving)
        camera, milliseconds, cpu_milliseconds, errors, silent = CameraMotion(), [], [], [], 0
        for index, frame in enumerate(frames):
            start, cpu_start = time.perf_counter(), time.process_time()
            affine = camera.update(frame, boxes)
            milliseconds.append(1e3 * (time.perf_counter() - start))
            cpu_milliseconds.append(1e3 * (time.process_time() - cpu_start))
            if affine is None:
                silent += 1
            elif index:
                centre = np.array([SIZE[0] / 2, SIZE[1] / 2])
                moved = affine[:, :2] @ centre + affine[:, 2] - centre
                errors.append(np.abs(moved + corners[index] - corners[index - 1]).max())
        what = "moving camera" if moving else "still camera"
        error = (
            f", error {np.median(errors):.2f} px median, {np.max(errors):.2f} px at most" if errors else ""
        )
        print(
            f"{what}: {np.median(milliseconds):.2f} ms median, {np.percentile(milliseconds, 95):.2f} ms p95, "
            f"{np.median(cpu_milliseconds):.2f} ms of processor time over all cores, "
            f"{silent} of {len(frames)} frames without motion{error}"
        )


if __name__ == "__main__":
    main()
