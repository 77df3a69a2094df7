"""What is asked about the depths of a run."""

from __future__ import annotations

from dataclasses import dataclass

from deptr.errors import UsageError
from deptr.pipeline.spelling import Spelling
from deptr.records import DepthKind

WORDS = ("file", "pseudo")


@dataclass(frozen=True)
class DepthRequest:
    """Where the depths of a run come from and what they mean.

    Attributes:
        source: One of `WORDS`; None for the depths that the detections carry, if any.
        column: Column of the detections file with the depth, counted from 1; None takes the usual one.
        kind: What depths mean that a file or a detector of the user's own gives; None: metric for a file.
    """

    source: str | None = None
    column: int | None = None
    kind: DepthKind | str | None = None

    def check(self, spelling: Spelling) -> None:
        """Look at everything that can be judged before a file is opened.

        Raises:
            UsageError: A choice cannot be meant.
        """
        if self.source is not None and self.source not in WORDS:
            expected = f"expected one of {', '.join(WORDS)}, got {self.source!r}"
            raise UsageError(f"{spelling.choice('depth')}: {expected}")
        if self.kind is not None:
            DepthKind.parse(self.kind)
