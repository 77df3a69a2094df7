"""Fixtures of the evaluation tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import World, make_kitti_world, make_mot_world


@pytest.fixture
def mot_world(tmp_path: Path) -> World:
    """A small MOT17 with tracks for it."""
    return make_mot_world(tmp_path)


@pytest.fixture
def kitti_world(tmp_path: Path) -> World:
    """A small KITTI with tracks for it."""
    return make_kitti_world(tmp_path)
