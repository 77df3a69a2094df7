"""All trackers by name, their parameters, and how to make one from words."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from deptr.cameras import Camera
from deptr.errors import UsageError
from deptr.tracking.base import Tracker
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.parameters import Parameter, checked, parameters_of_class

_HOME = {
    "sort": ("deptr.tracking.sort", "Sort"),
    "bytetrack": ("deptr.tracking.bytetrack", "ByteTrack"),
    "ocsort": ("deptr.tracking.ocsort", "OCSORT"),
    "botsort": ("deptr.tracking.botsort", "BoTSORT"),
    "hybridsort": ("deptr.tracking.hybridsort", "HybridSORT"),
    "learned": ("deptr.tracking.learned.tracker", "LearnedTracker"),
    "likelihood": ("deptr.tracking.likelihood.tracker", "LikelihoodTracker"),
}
TRACKER_NAMES = tuple(_HOME)
DECODER_FILE = ".onnx"  # in place of a name: the learned tracker with this identity decoder


def tracker_class(name: str) -> type[Tracker]:
    """The class behind a tracker's name.

    Raises:
        UsageError: There is no such tracker; the message lists them.

    Example:
        >>> tracker_class("bytetrack").__name__
        'ByteTrack'
    """
    if name.endswith(DECODER_FILE):
        name = "learned"
    if name not in _HOME:
        legal = ", ".join(TRACKER_NAMES)
        raise UsageError(f"tracker: expected one of {legal} or a {DECODER_FILE} file, got {name!r}")
    module, cls = _HOME[name]
    found: type[Tracker] = getattr(import_module(module), cls)
    return found


def parameters_of(name: str) -> list[Parameter]:
    """Every parameter of a tracker, with default, range and one line of help.

    Example:
        >>> [parameter.name for parameter in parameters_of("bytetrack")][:3]
        ['low_score', 'high_score', 'new_score']
    """
    return parameters_of_class(tracker_class(name))


def parse_parameters(name: str, values: Mapping[str, object]) -> dict[str, float | int | bool | str]:
    """Words or values of parameters as checked values, only those that were given.

    Raises:
        UsageError: A name is unknown or a value is out of range; the legal ones are listed.

    Example:
        >>> parse_parameters("bytetrack", {"match_cost": "0.8"})
        {'match_cost': 0.8}
    """
    return checked(parameters_of(name), values, name)


def create_tracker(
    name: str,
    *,
    depth: DepthFusion | str | None = None,
    frame_rate: float = 30.0,
    camera: Camera | None = None,
    **parameters: object,
) -> Tracker:
    """A tracker by name, or by the file of an identity decoder that `deptr export` wrote.

    Raises:
        UsageError: The tracker or a parameter is unknown, or a value is out of range.
        DataError: The file is no identity decoder.

    Example:
        >>> create_tracker("bytetrack", frame_rate=10, high_score=0.5).high_score
        0.5
    """
    if name.endswith(DECODER_FILE):
        parameters = {"network": name, **parameters}
    return tracker_class(name)(depth=depth, frame_rate=frame_rate, camera=camera, **parameters)
