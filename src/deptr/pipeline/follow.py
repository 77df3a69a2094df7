"""The loop: frames in, tracks out, with the reading on the side."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deptr.errors import UsageError
from deptr.pipeline.plan import Plan
from deptr.pipeline.timing import Seconds, timed, timed_items
from deptr.records import FloatArray, Image, depth_of
from deptr.threads import Stop, read_ahead

if TYPE_CHECKING:
    import supervision as sv


@dataclass(frozen=True)
class TrackedFrame:
    """One frame of a run.

    Attributes:
        index: Number of the frame, from 1.
        timestamp: Seconds since the first frame.
        image: ``(H, W, 3)`` uint8 RGB, None where there is none or it is damaged.
        detections: What was found in it, before tracking.
        tracked: Those that belong to a confirmed track, with ``tracker_id``.
    """

    index: int
    timestamp: float
    image: Image | None
    detections: sv.Detections
    tracked: sv.Detections
    _plan: Plan = field(repr=False)

    @property
    def depths(self) -> FloatArray:
        """Depth of each tracked box, ``(N,)``, NaN where it is not known."""
        return depth_of(self.tracked)

    def drawn(self) -> Image:
        """The image with boxes, identities, depths, trails and, with depth, the scene from above.

        Trails are those of the frames drawn before: draw in the order of the frames.

        Raises:
            UsageError: This frame has no image.
        """
        if self.image is None:
            raise UsageError(f"frame {self.index} has no image to draw on; look at its image first")
        return self._plan.overlay.draw(self.image, self.tracked, self.timestamp)


def follow(plan: Plan, seconds: Seconds, stop: Stop) -> Generator[TrackedFrame, None, None]:
    """The frames of a plan, tracked one after the other; its source is closed at the end, whatever ends it.

    Args:
        plan: What to do.
        seconds: Takes in the time of each stage.
        stop: Ends the run between two frames.

    Raises:
        DataError: The source broke off.
    """
    with closing(plan), closing(read_ahead(timed_items(plan.steps(), seconds, "decode"), stop=stop)) as steps:
        for step in steps:
            with timed(seconds, "detect"):
                detections = plan.input.source.at(step)
            with timed(seconds, "depth"):
                detections = plan.depth.fill(detections, step)
            with timed(seconds, "track"):
                pose = None if plan.world is None else plan.world.pose(step)
                tracked = plan.tracker.update(detections, step.image, step.timestamp, pose)
            yield TrackedFrame(step.index, step.timestamp, step.image, detections, tracked, plan)
