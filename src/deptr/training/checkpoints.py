"""The state of a run on disk: written atomically, the last three and the best kept."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from deptr.errors import DataError
from deptr.files import atomic_path

KEPT = 3


def checkpoint_path(folder: Path, step: int) -> Path:
    """File of a step's state."""
    return folder / f"step-{step:07d}.pt"


def save_state(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the state of a step; older ones beyond the last three go.

    Raises:
        DataError: The folder cannot be written or the disk is full.
    """
    path = checkpoint_path(folder, step)
    with atomic_path(path) as temporary:
        torch.save(state, temporary)
    for old in stored_states(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def stored_states(folder: Path) -> list[Path]:
    """Files of saved steps, oldest first."""
    return sorted(folder.glob("step-*.pt"))


def load_state(path: str | Path) -> dict[str, Any]:
    """Read a saved state.

    Raises:
        DataError: The file is missing, truncated or not a training state.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError) as error:
        hint = "remove it to resume from the one before"
        raise DataError(path, "not a whole training state", found=type(error).__name__, hint=hint) from error
    if not isinstance(state, dict) or "step" not in state:
        raise DataError(path, "not a training state")
    return state
