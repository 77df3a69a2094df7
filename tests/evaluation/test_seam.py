"""Identities across the seam of a 360 degree image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deptr.cli.main import app
from deptr.errors import UsageError
from deptr.evaluation.seam import seam_consistency
from deptr.io.sequences import Sequence, benchmark_of, find_sequences

WIDTH = 400


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """Two objects on a ring of 400 px: one crosses the seam rightwards, one leftwards, each once."""
    folder = tmp_path / "ring" / "turn"
    folder.mkdir(parents=True)
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nseqLength=40\nframeRate=10\nimWidth={WIDTH}\nimHeight=200\n"
    )
    rows = [f"{frame},{identity},{x:g},20,40,80,1,1,1" for frame, identity, x in positions()]
    (folder / "gt.txt").write_text("\n".join(rows) + "\n")
    return folder.parent


def positions() -> list[tuple[int, int, float]]:
    found = []
    for frame in range(1, 41):
        for identity, start, speed in ((1, 300, 4), (2, 60, -4)):
            centre = (start + speed * (frame - 1)) % WIDTH
            found.append((frame, identity, centre - 20))
    return found


def tracks(switch: bool, gap: range = range(0)) -> np.ndarray:
    rows = []
    for frame, identity, x in positions():
        name = identity + 10 * (switch and identity == 1 and frame > 25)
        if frame not in gap:
            rows.append([frame, name, x, 20, 40, 80])
    return np.array(rows, float)


def test_share_of_crossings_that_keep_their_identity(ring: Path) -> None:
    entry = benchmark_of("mot")
    (sequence,) = find_sequences(entry, ring)
    kept = seam_consistency(entry, sequence, tracks(switch=False))
    assert (kept.crossings, kept.judged, kept.consistent, kept.bcic) == (2, 2, 2, 100)
    lost = seam_consistency(entry, sequence, tracks(switch=True))
    assert (lost.judged, lost.consistent, lost.bcic) == (2, 1, 50)
    moved = tracks(switch=False)
    moved[:, 2] += WIDTH * (moved[:, 2] < 0)  # boxes at the other copy of the seam are the same boxes
    assert seam_consistency(entry, sequence, moved).bcic == 100


def test_a_crossing_without_predictions_near_it_is_not_judged(ring: Path) -> None:
    entry = benchmark_of("mot")
    (sequence,) = find_sequences(entry, ring)
    unseen = seam_consistency(entry, sequence, tracks(switch=False, gap=range(1, 25)), reach=5)
    assert unseen.crossings == 2
    assert unseen.judged < 2
    nothing = seam_consistency(entry, sequence, np.zeros((0, 6)))
    assert nothing.judged == 0
    assert np.isnan(nothing.bcic)
    with pytest.raises(UsageError, match="whole number of frames"):
        seam_consistency(entry, sequence, tracks(switch=False), reach=0)
    with pytest.raises(UsageError, match="expected imWidth"):
        seam_consistency(entry, Sequence("a", 3), tracks(switch=False))


def test_eval_shows_it(ring: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    rows = (",".join(f"{value:g}" for value in row) + ",1,-1,-1,-1" for row in tracks(switch=True))
    (tmp_path / "results" / "turn.txt").write_text("\n".join(rows) + "\n")
    arguments = ["eval", str(tmp_path / "results"), "--benchmark", "mot", "--root", str(ring), "--seam"]
    result = CliRunner().invoke(
        app, [*arguments, "--json", str(tmp_path / "out.json")], catch_exceptions=False
    )
    assert "BCIC" in result.output
    assert "50.00" in result.output
    assert '"BCIC": 50.0' in (tmp_path / "out.json").read_text()
