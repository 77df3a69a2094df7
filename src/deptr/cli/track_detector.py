"""Detections for `deptr track` from a network that looks at the images."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from deptr.detector.inference import Detector
from deptr.errors import UsageError
from deptr.records import DepthKind

if TYPE_CHECKING:
    import supervision as sv

    from deptr.cli.track_run import Step


LOWEST_SCORE = 0.05  # of the queries that a network always gives, most say nothing


def depth_kind_without_focal(detector: Detector) -> DepthKind:
    """What a network's depths mean when nothing says the focal length: metres become relative."""
    kind = detector.settings.depth_kind
    return DepthKind.RELATIVE if kind is DepthKind.METRIC else kind


class DetectorDetections:
    """Detections of a network, those of the wanted classes and scores.

    Args:
        detector: The network.
        min_score: Lower scores are left out. Trackers make use of low scores: keep this low.
        classes: Names or ids of the wanted classes separated by commas, None for all.
    """

    def __init__(self, detector: Detector, *, min_score: float, classes: str | None = None) -> None:
        self._detector = detector
        self._min_score = max(min_score, LOWEST_SCORE)
        self._classes = None if classes is None else wanted_ids(classes, list(detector.settings.names))

    def at(self, step: Step) -> sv.Detections:
        """The wanted detections of a moment; none where there is no image."""
        import supervision as sv

        if step.image is None:
            return sv.Detections.empty()
        found = self._detector(step.image, min_score=self._min_score)
        if self._classes is None:
            return found
        return cast("sv.Detections", found[np.isin(np.asarray(found.class_id), self._classes)])


def wanted_ids(words: str, names: list[str]) -> list[int]:
    """Class ids of names or numbers.

    Raises:
        UsageError: The network knows no such class.

    Example:
        >>> wanted_ids("car,0", ["person", "car"])
        [1, 0]
    """
    chosen = []
    for word in filter(None, (part.strip() for part in words.split(","))):
        if word in names:
            chosen.append(names.index(word))
        elif word.isdigit() and int(word) < len(names):
            chosen.append(int(word))
        else:
            known = ", ".join(f"{name} ({index})" for index, name in enumerate(names))
            raise UsageError(f"--classes: expected some of {known}, got {word!r}")
    if not chosen:
        raise UsageError(f"--classes: expected names or numbers separated by commas, got {words!r}")
    return chosen
