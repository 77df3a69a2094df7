"""What a run hands on besides its tracks and its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.pipeline.plan import Plan


@dataclass(frozen=True)
class Outputs:
    """What a run hands on besides its tracks and its report.

    Attributes:
        video: The video with what was tracked drawn on it, where there are images.
        jsonl: A file that gets a line of JSON for each frame, ``-`` for standard output, None for neither.
        show: A window that shows the run.
    """

    video: bool = True
    jsonl: str | Path | None = None
    show: bool = False

    def check(self, plan: Plan) -> None:
        """See that everything can be handed on, before anything is written.

        Raises:
            UsageError: There is nothing to show, or no display to show it on.
        """
        if self.show:
            from deptr.viz.window import check_display

            option = plan.request.spelling.choice("show", True)
            if plan.frames is None:
                raise UsageError(f"{option}: there are no images to show")
            check_display(option)
