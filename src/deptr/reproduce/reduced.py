"""Of TrackEval's fields those from which every figure of a result, and its interval, can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deptr.evaluation.trackeval_memory import RawScores

FIELDS: Mapping[str, tuple[str, ...]] = {
    "HOTA": ("AssA", "HOTA_TP", "HOTA_FN", "HOTA_FP"),
    "CLEAR": ("CLR_TP", "CLR_FN", "CLR_FP", "IDSW"),
    "Identity": ("IDTP", "IDFN", "IDFP"),
}


def reduced(raw: Mapping[str, RawScores]) -> dict[str, dict[str, dict[str, Any]]]:
    """Sequence name to family to field, as plain numbers and lists."""
    return {
        name: {
            family: {field: np.asarray(scores[family][field]).tolist() for field in fields}
            for family, fields in FIELDS.items()
        }
        for name, scores in raw.items()
    }
