"""The types at the seams: what travels between folders besides `supervision.Detections`.

Detections carry depth in ``data["depth"]`` (float32, NaN = unknown), optionally its standard deviation in
``data["depth_std"]``, and the kind in ``metadata["depth_kind"]``.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deptr.errors import UsageError

if TYPE_CHECKING:
    import supervision as sv  # a second of import time that trackers need not spend

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]


def real_number(value: object) -> float:
    """A real number of any type as a float, NaN for what is none: text, a truth value, a date, nothing.

    Example:
        >>> from fractions import Fraction
        >>> real_number(Fraction(30000, 1001)), real_number("30"), real_number(True)
        (29.97002997002997, nan, nan)
    """
    if isinstance(value, (str, bytes, bool)) or value is np.ma.masked:
        return float("nan")
    if getattr(getattr(value, "dtype", None), "kind", "f") in "bmMSU":  # numpy's spans of time have any unit
        return float("nan")
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def unmasked(values: Any) -> Any:
    """Values as they are, but of a masked array floats with NaN where it is masked.

    Example:
        >>> unmasked(np.ma.masked_array([1.0, 2.0], mask=[False, True]))
        array([ 1., nan])
    """
    return (
        np.ma.filled(values.astype(np.float64), np.nan) if isinstance(values, np.ma.MaskedArray) else values
    )


class DepthKind(str, Enum):
    """What a depth value means.

    `RELATIVE_INVERSE`: no unit, larger is nearer, scale and shift free per clip (Video Depth Anything).
    `RELATIVE`: no unit, larger is farther, scale free. `METRIC`: metres from the camera plane.
    `PSEUDO`: a guess from box geometry, larger is farther, scale free.
    """

    RELATIVE_INVERSE = "relative_inverse"
    RELATIVE = "relative"
    METRIC = "metric"
    PSEUDO = "pseudo"

    @property
    def larger_is_nearer(self) -> bool:
        """Whether a larger value is closer to the camera."""
        return self is DepthKind.RELATIVE_INVERSE

    @property
    def unit(self) -> str:
        """Unit for people to read, empty when there is none."""
        return "m" if self is DepthKind.METRIC else ""

    @classmethod
    def parse(cls, value: str | DepthKind) -> DepthKind:
        """The kind of that name.

        Raises:
            UsageError: There is no such kind.

        Example:
            >>> DepthKind.parse("metric").unit
            'm'
        """
        try:
            return cls(value)
        except ValueError:
            legal = ", ".join(kind.value for kind in cls)
            raise UsageError(f"depth_kind: expected one of {legal}, got {value!r}") from None


def depth_of(detections: sv.Detections) -> FloatArray:
    """Depth of each detection, ``(N,)`` float64, NaN where it is unknown, masked or absent.

    Of kinds that are distances, 0 and below is no depth: detectors without one write -1.

    Example:
        >>> import supervision as sv
        >>> depth_of(sv.Detections(xyxy=np.array([[0.0, 0.0, 4.0, 8.0]])))
        array([nan])

    Raises:
        UsageError: There is not one number for each box.
    """
    depths = number_column(detections.data.get("depth"), len(detections.xyxy), float("nan"), 'data["depth"]')
    if depth_kind_of(detections).larger_is_nearer:
        return depths
    return np.where(depths > 0, depths, np.nan)


def with_depth(
    detections: sv.Detections, depth: FloatArray, std: FloatArray, kind: DepthKind
) -> sv.Detections:
    """A copy of detections that carries these depths, ``(N,)``, their deviations and their kind.

    Example:
        >>> import supervision as sv
        >>> one = sv.Detections(xyxy=np.array([[0.0, 0.0, 4.0, 8.0]]))
        >>> seen = with_depth(one, np.array([4.0]), np.array([0.1]), DepthKind.METRIC)
        >>> seen.data["depth"], seen.metadata, one.data
        (array([4.], dtype=float32), {'depth_kind': 'metric'}, {})
    """
    result = copy.copy(detections)
    columns = {"depth": depth.astype(np.float32), "depth_std": std.astype(np.float32)}
    result.data = {**detections.data, **columns}
    result.metadata = {**detections.metadata, "depth_kind": kind.value}
    return result


def depth_std_of(detections: sv.Detections) -> FloatArray:
    """Standard deviation of each depth, ``(N,)`` float64 in the depth's unit, NaN where not given.

    Raises:
        UsageError: There is not one number for each box.
    """
    values = detections.data.get("depth_std")
    stds = number_column(values, len(detections.xyxy), float("nan"), 'data["depth_std"]')
    return np.where((stds >= 0) & (stds < np.inf), stds, np.nan)


def number_column(values: object, count: int, default: float, name: str) -> FloatArray:
    """One number for each of `count` boxes, ``(N,)`` float64; `default` where the column is None.

    Raises:
        UsageError: It holds anything else; the message calls it `name`.

    Example:
        >>> number_column(None, 2, 1.0, "confidence").tolist()
        [1.0, 1.0]
    """
    if values is None:
        return np.full(count, default, np.float64)
    expected = f"{name}: expected one number for each of {count} boxes"
    try:
        numbers = np.asarray(unmasked(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{expected}, got {np.asarray(values, dtype=object).tolist()!r:.60}") from None
    if numbers.shape not in ((count,), (count, 1)):
        raise UsageError(f"{expected}, got shape {numbers.shape}")
    return numbers.reshape(count)


def depth_kind_of(detections: sv.Detections, default: DepthKind = DepthKind.METRIC) -> DepthKind:
    """Kind of the depths that `detections` carry.

    Raises:
        UsageError: ``metadata["depth_kind"]`` names no kind.
    """
    return DepthKind.parse(detections.metadata.get("depth_kind", default))


@dataclass(frozen=True)
class LabelledFrame:
    """One image with everything known about its objects; what worlds produce and training consumes.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        boxes_xyxy: ``(N, 4)`` float32 pixels, amodal where the source knows the hidden part.
        class_ids: ``(N,)`` int64 from 0.
        depth: ``(N,)`` float32 of `depth_kind`, NaN = unknown.
        depth_std: ``(N,)`` float32 in the unit of `depth`, NaN = unknown.
        depth_kind: Meaning of `depth` and `dense_depth`.
        track_ids: ``(N,)`` int64 identity within the sequence, -1 = unknown.
        visibility: ``(N,)`` float32 in [0, 1], NaN = unknown.
        ignore_boxes_xyxy: ``(M, 4)`` float32 regions in which a detection is neither right nor wrong.
        focal_px: Focal length in pixels of this image, None when unknown.
        visible_boxes_xyxy: ``(N, 4)`` float32 extent of the visible part, or None.
        masks: ``(N, H, W)`` bool visible part of each object, or None.
        dense_depth: ``(H, W)`` float32 of `depth_kind`, NaN = unknown, or None.
        name: Where the frame comes from, for messages.
    """

    image: Image
    boxes_xyxy: FloatArray
    class_ids: IntArray
    depth: FloatArray
    depth_std: FloatArray
    depth_kind: DepthKind
    track_ids: IntArray
    visibility: FloatArray
    ignore_boxes_xyxy: FloatArray
    focal_px: float | None = None
    visible_boxes_xyxy: FloatArray | None = None
    masks: BoolArray | None = None
    dense_depth: FloatArray | None = None
    name: str = ""
