"""Cut-out people pasted into labelled photos: more and smaller people in real places than photos alone have.

Nothing is known of the pasted people's depth; their boxes are exact. Drawn street furniture may stand among
them, of which nothing is to be found. A photo's own people whom any of it hides become regions to ignore.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deptr.records import BoolArray, FloatArray, LabelledFrame
from deptr.synth.cutouts import CutoutFolder
from deptr.synth.furniture import street_furniture
from deptr.synth.paint import FIRST_OTHER, Canvas, Sprite, extent_of
from deptr.synth.single import harmonised, local_colour
from deptr.training.data import FrameSource
from deptr.training.decoys import Decoys

SMALLEST_SHARE, LARGEST_SHARE = 0.07, 0.8  # of the picture's height
UNTOUCHED = 0.35  # share of the photos that stay as they are
AT_BORDER = 0.15  # share that stands across the left or right border of the picture, cut by it
DECOYS = 0.5  # share of the things that are decoys, where there are any
HIDDEN = 0.6  # share of a box from which its owner counts as hidden


class PastedPeople:
    """Frames of another source with people and things pasted in.

    Args:
        photos: Where the frames come from.
        cutouts: People, see `CutoutFolder`; may be None where none are pasted.
        most: Most people that are pasted into a frame.
        things: Most pieces of street furniture.
        decoys: Pieces that half of them are drawn from.
    """

    def __init__(
        self,
        photos: FrameSource,
        cutouts: CutoutFolder | None,
        most: int,
        things: int = 0,
        decoys: Decoys | None = None,
    ) -> None:
        self.photos, self.cutouts, self.most, self.things = photos, cutouts, most, things
        self.decoys = decoys

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """A frame of the other source, most often with people added."""
        frame = self.photos.draw(rng, size)
        if rng.random() < UNTOUCHED:
            return frame
        count = int(rng.integers(1, self.most + 1)) if self.most else 0
        things = int(rng.integers(self.things + 1)) if self.things else 0
        return paste_people(rng, frame, self.cutouts, count, things=things, decoys=self.decoys)


def paste_people(
    rng: np.random.Generator,
    frame: LabelledFrame,
    cutouts: CutoutFolder | None,
    count: int,
    *,
    things: int = 0,
    decoys: Decoys | None = None,
) -> LabelledFrame:
    """The frame with up to `count` people pasted in, the small ones first, as if they stood farther away.

    Args:
        rng: Chooses who, where and how tall.
        frame: Left as it is.
        cutouts: People; None only with a `count` of 0.
        count: How many; those who end up hidden are left out again.
        things: How many pieces of street furniture stand among them.
        decoys: Pieces that half of them are drawn from.
    """
    canvas = Canvas(frame.image.copy())
    largest = LARGEST_SHARE * rng.uniform(0.15, 1.0)
    shares = np.exp(rng.uniform(np.log(SMALLEST_SHARE), np.log(max(largest, 0.12)), count + things))
    strength = rng.uniform(0, 1)
    for index in np.argsort(shares, kind="stable"):
        if cutouts is not None and index < count:
            sprite, mean = cutouts.sprite(int(rng.integers(len(cutouts))))
            _stand(rng, canvas, sprite, shares[index], int(index) + 1, mean=mean, strength=strength)
        else:
            deceives = decoys is not None and rng.random() < DECOYS
            thing = decoys.draw(rng) if decoys and deceives else street_furniture(rng)
            _stand(rng, canvas, thing, shares[index], FIRST_OTHER)
    return _relabelled(frame, canvas, count)


def _stand(
    rng: np.random.Generator,
    canvas: Canvas,
    sprite: Sprite,
    share: float,
    owner: int,
    *,
    mean: FloatArray | None = None,
    strength: float = 0.0,
) -> None:
    """Paint it somewhere, that share of the picture tall; with a mean colour, in the light of the place."""
    height, width = canvas.owner.shape
    tall = share * height
    scale = tall / sprite.height_px
    across = rng.uniform(0, width)
    if rng.random() < AT_BORDER:
        across = rng.choice([0, width]) + rng.uniform(-0.5, 0.5) * scale * sprite.rgba.shape[1]
    foot = np.array([across, rng.uniform(0.3 * height, height) + 0.2 * tall])
    stretch = scale * rng.choice([-1.0, 1.0]) * rng.uniform(0.88, 1.18)
    colour = None
    if mean is not None:
        colour = harmonised(rng, mean, local_colour(canvas.image, foot), strength)
    matrix = np.array(
        [
            [stretch, 0.0, foot[0] - stretch * sprite.foot[0]],
            [0.0, scale, foot[1] - scale * sprite.foot[1]],
        ]
    )
    canvas.paint(sprite, matrix, owner, colour=colour, softness=float(rng.uniform(0, 0.9)))


def _relabelled(frame: LabelledFrame, canvas: Canvas, count: int) -> LabelledFrame:
    """Labels of the frame and of those pasted people of whom enough is left."""
    visible = canvas.visible_counts()
    boxes = []
    for owner in range(1, count + 1):
        box = extent_of(canvas.owner == owner) if visible[owner] else None
        if box is not None and visible[owner] > 0.2 * (box[2] - box[0]) * (box[3] - box[1]):
            boxes.append(box)
    added = len(boxes)
    hidden = np.array([_covered(canvas.owner > 0, box) > HIDDEN for box in frame.boxes_xyxy], bool)
    kept = ~hidden
    unknown = np.full(added, np.nan, np.float32)
    ignore = np.concatenate([frame.ignore_boxes_xyxy, frame.boxes_xyxy[hidden]])
    return replace(
        frame,
        image=canvas.image,
        boxes_xyxy=np.concatenate([frame.boxes_xyxy[kept], np.reshape(boxes, (-1, 4))]).astype(np.float32),
        class_ids=np.concatenate([frame.class_ids[kept], np.zeros(added, np.int64)]),
        depth=np.concatenate([frame.depth[kept], unknown]),
        depth_std=np.concatenate([frame.depth_std[kept], unknown]),
        track_ids=np.concatenate([frame.track_ids[kept], np.full(added, -1, np.int64)]),
        visibility=np.concatenate([frame.visibility[kept], unknown]),
        ignore_boxes_xyxy=ignore.astype(np.float32),
        dense_depth=None,
    )


def _covered(mask: BoolArray, box: FloatArray) -> float:
    left, top, right, bottom = np.rint(np.maximum(box, 0)).astype(int)
    inside = mask[top:bottom, left:right]
    return float(inside.mean()) if inside.size else 0.0
