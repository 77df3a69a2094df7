"""A finished cell of a benchmark is found again only while nothing that decides its result has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import World, add_detections

from deptr.evaluation import cells
from deptr.evaluation.cells import CellStore
from deptr.evaluation.fingerprint import LIBRARIES, code_of
from deptr.evaluation.grid import plan
from deptr.evaluation.methods import our_method
from deptr.io.sequences import find_sequences


def test_a_cells_file_follows_all_that_decides_it(
    mot_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = {path.name for path in code_of("deptr.evaluation.cells", leave_out="deptr.tracking")}
    assert {"mot_text.py", "sequences.py", "records.py", "judge.py", "boxes.py", "methods.py"} <= judged
    assert "bytetrack.py" not in judged, "another tracker's cells stay"
    tracked = {path.name for path in code_of("deptr.tracking.bytetrack")}
    assert {"base.py", "boxes.py", "records.py", "state.py", "terms.py", "perspective.py"} <= tracked
    sequences = find_sequences("mot17", add_detections(mot_world).root)
    (cell,) = plan("mot17", sequences, methods=[our_method("bytetrack", "none", "mot")])
    before = CellStore(tmp_path).path(cell)
    assert CellStore(tmp_path).path(cell) == before
    for library in LIBRARIES:
        with monkeypatch.context() as patch:
            patch.setattr(cells, "installed_version", lambda name, changed=library: str(name == changed))
            assert CellStore(tmp_path).path(cell) != before
            changed = CellStore(tmp_path).path(cell)
            patch.setattr(cells, "installed_version", lambda name: "False")
            assert CellStore(tmp_path).path(cell) != changed
