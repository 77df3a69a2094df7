"""What the teachers are given: frames with the boxes that somebody drew or detected on them."""

from __future__ import annotations

from dataclasses import dataclass

from deptr.records import FloatArray, Image, IntArray


@dataclass(frozen=True)
class FrameBoxes:
    """Boxes of one frame.

    Attributes:
        boxes_xyxy: ``(N, 4)`` float32 pixels, as given: they may reach over the edge of the frame.
        object_id: ``(N,)`` int64, -1 where the source has no identity.
        class_id: ``(N,)`` int32 from 0.
    """

    boxes_xyxy: FloatArray
    object_id: IntArray
    class_id: IntArray

    def __len__(self) -> int:
        return len(self.boxes_xyxy)


@dataclass(frozen=True)
class BoxedFrame:
    """A decoded frame with its boxes.

    Attributes:
        index: Frame number from 1.
        image: ``(H, W, 3)`` uint8 RGB.
        boxes: Boxes on it, possibly none.
    """

    index: int
    image: Image
    boxes: FrameBoxes
