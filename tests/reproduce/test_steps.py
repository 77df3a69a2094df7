"""Steps are named after what decides them; recipes, halves, grids and server files by hand."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deptr.errors import DataError, UsageError
from deptr.evaluation.methods import ORACLE
from deptr.io.sequences import Sequence, find_sequences
from deptr.io.text_files import read_toml
from deptr.progress import Progress, SilentProgress
from deptr.reproduce.settings import Grid, Machine, Training, all_fusions
from deptr.reproduce.steps import learn
from deptr.reproduce.steps.files import check_server_archive, write_server_archive
from deptr.reproduce.steps.follow import methods_of, overrides_of
from deptr.reproduce.steps.prepare import halve
from deptr.reproduce.steps.step import Outcome, Step, execute, finished
from deptr.reproduce.studies import PAPER_FUSION, STUDIES
from deptr.synth.layouts import Miniature, write_layout
from deptr.tracking.registry import TRACKER_NAMES
from deptr.training.config import load_settings

# steps


def count(folder: Path, progress: Progress) -> Outcome:
    """Work that tells how often it was done."""
    path = folder / "times"
    times = int(path.read_text()) + 1 if path.is_file() else 1
    path.write_text(str(times))
    return {"times": times}


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    first = Step("first", "one", {"a": 1}, count)
    second = Step("second", "two", {}, count, (first,))
    assert finished(first, tmp_path) is None
    for _ in range(2):
        assert [execute(step, tmp_path, SilentProgress()) for step in (first, second)] == [{"times": 1}] * 2
    changed = replace(first, settings={"a": 2})
    after = replace(second, needs=(changed,))
    assert len({step.key for step in (first, second, changed, after)}) == 4
    assert execute(after, tmp_path, SilentProgress()) == {"times": 1}
    assert finished(changed, tmp_path) is None


def test_a_step_that_fails_is_not_done(tmp_path: Path) -> None:
    def fail(folder: Path, progress: Progress) -> Outcome:
        (folder / "part").touch()
        raise DataError("disk", "is full")

    step = Step("fails", "", {}, fail)
    with pytest.raises(DataError, match="is full"):
        execute(step, tmp_path, SilentProgress())
    assert finished(step, tmp_path) is None
    assert (step.folder(tmp_path) / "part").exists()


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    step = Step("first", "", {}, count)
    execute(step, tmp_path, SilentProgress())
    (step.folder(tmp_path) / "done.json").write_text("{")
    with pytest.raises(DataError, match=r"not the record of a step.*remove it"):
        finished(step, tmp_path)


# training


def test_the_paper_settings_are_the_usual_ones(tmp_path: Path) -> None:
    """D-FINE-L, 80 epochs, AdamW 2.5e-4 and 1.25e-5 at 32 images; other batches scale the rates."""
    images = [{"id": number} for number in range(64)]
    (tmp_path / "data").mkdir()
    content = {"images": images, "info": {"depth_kind": "relative_inverse"}}
    (tmp_path / "data" / "train.json").write_text(json.dumps(content))
    places = {"start": "w", "seed": 3, "data": tmp_path / "data", "labels": tmp_path / "labels"}
    paper = learn.recipe(Training(), with_depth=True, machine=Machine(processes=4), **places)
    assert (paper.model.size, paper.model.depth_head) == ("l", "deformable")
    assert paper.model.depth_kind == "relative_inverse"
    assert paper.optimizer.steps == 160
    assert paper.optimizer.learning_rate == 2.5e-4
    assert paper.optimizer.backbone_learning_rate == 1.25e-5
    assert (paper.data.batch_size, paper.data.seed) == (8, 3)
    assert not paper.loss.free_scale
    assert paper.loss.align_dense == 0.5
    plain = learn.recipe(Training(batch_size=8), with_depth=False, machine=Machine(), **places)
    assert plain.model.depth_head == "none"
    assert plain.optimizer.learning_rate == pytest.approx(2.5e-4 / 4)
    assert plain.optimizer.steps == 640
    assert plain.loss.align_dense == 0


def test_a_recipe_is_read_by_the_train_command_as_it_was_meant(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text('{"images": [{"id": 1}], "info": {"depth_kind": "metric"}}')
    settings = learn.recipe(
        Training(), with_depth=True, machine=Machine(), start="a \"quoted\" \\ name", seed=0,
        data=tmp_path, labels=tmp_path,
    )  # fmt: skip
    path = tmp_path / "recipe.toml"
    path.write_text(learn.toml_of(settings.as_dict()))
    assert read_toml(path)["model"]["start"] == 'a "quoted" \\ name'
    assert load_settings(path) == settings


# halves


def test_halves_hold_every_frame_once(tmp_path: Path) -> None:
    write_layout("mot17", tmp_path / "mot17", Miniature(sequences=2, frames=5, size=(64, 96)))
    for _ in range(2):  # the second time finds all of it
        done = halve(
            tmp_path / "halves", SilentProgress(), benchmark="mot17", root=tmp_path / "mot17", split="train"
        )
    assert done == {"videos": 2, "frames": {"train": 4, "val": 6}}
    whole = find_sequences("mot17", tmp_path / "mot17", split="train")[0]
    parts = [find_sequences("mot17", tmp_path / "halves", split=name)[0] for name in ("train", "val")]
    assert [part.length for part in parts] == [2, 3]
    assert {part.recorded_rate for part in parts} == {whole.recorded_rate}
    images = [sorted((part.images or Path()).iterdir()) for part in parts]
    originals = sorted((whole.images or Path()).iterdir())
    assert [path.read_bytes() for path in images[0] + images[1]] == [path.read_bytes() for path in originals]
    rows = [(part.ground_truth or Path()).read_text().splitlines() for part in parts]
    back = [line.split(",", 1) for line in rows[1]]
    joined = rows[0] + [f"{int(frame) + 2},{rest}" for frame, rest in back]
    assert joined == (whole.ground_truth or Path()).read_text().splitlines()


# the grid


def test_every_tracker_and_fusion_of_the_package_is_asked() -> None:
    methods = methods_of(Grid(), {})
    assert {method.tracker for method in methods} == {*TRACKER_NAMES, ORACLE}
    for fusion in all_fusions():
        assert ("bytetrack", fusion) in {(method.tracker, method.fusion) for method in methods}
    pairs = [(method.tracker, method.fusion) for method in methods]
    assert len(pairs) == len(set(pairs))
    swept = [fusion for name, fusion in pairs if name == "bytetrack" and fusion.startswith("fixed")]
    assert len(swept) == len(Grid().gammas) * len(Grid().scales)


def test_a_fusion_that_a_tracker_does_not_have_is_left_out() -> None:
    pairs = {(method.tracker, method.fusion) for method in methods_of(Grid(), {})}
    if "likelihood" not in TRACKER_NAMES:
        pytest.skip("every tracker has every fusion")
    assert ("likelihood", "none") in pairs
    assert ("likelihood", PAPER_FUSION) not in pairs


def test_a_grid_without_a_pair_is_refused() -> None:
    with pytest.raises(UsageError, match="without none there is no pair"):
        Grid(fusions=("adaptive",))
    with pytest.raises(UsageError, match=r"trackers: expected some of .* got 'deepsort'"):
        Grid(trackers=("deepsort",))


def test_trackers_are_told_how_wide_a_panorama_is() -> None:
    quad = STUDIES["quadtrack"]
    wide = Sequence("a", 5, 10.0, (2048, 480))
    told = overrides_of(quad, [wide])
    assert told == {"panorama": True, "panorama_width": 2048}
    assert methods_of(Grid(), told)[0].parameters["panorama_width"] == 2048
    assert overrides_of(STUDIES["dancetrack"], [wide]) == {}
    with pytest.raises(DataError, match=r"panoramas need one width.*found 1024, 2048"):
        overrides_of(quad, [wide, replace(wide, size=(1024, 480))])


# files for the test server


def archive_of(folder: Path, texts: dict[str, str]) -> Path:
    files = []
    for name, text in texts.items():
        files.append(folder / f"{name}.txt")
        files[-1].write_text(text)
    write_server_archive(folder / "test.zip", files)
    return folder / "test.zip"


GOOD = "1,1,10.00,20.00,30.00,60.00,0.9000,-1,-1,-1\n"
HIDDEN = [Sequence("dancetrack0003", 5), Sequence("dancetrack0009", 5)]


def test_the_server_finds_its_folder_and_rows(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, {"dancetrack0003": GOOD * 1, "dancetrack0009": ""})
    assert check_server_archive(archive, HIDDEN) == 1
    names = zipfile.ZipFile(archive).namelist()
    assert names == ["tracker/dancetrack0003.txt", "tracker/dancetrack0009.txt"]
    before = archive.read_bytes()
    archive_of(tmp_path, {"dancetrack0003": GOOD, "dancetrack0009": ""})
    assert archive.read_bytes() == before  # the same tracks make the same archive


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({}, "other videos than the test set: expected tracker/VIDEO.txt"),
        ({"dancetrack0009": GOOD, "dancetrack0010": GOOD}, "found tracker/dancetrack0010"),
        ({"dancetrack0009": "1,1,1,2,3,4,0.5\n"}, "line 1: malformed row"),
        ({"dancetrack0009": GOOD * 2}, "identity stands twice"),
        ({"dancetrack0009": GOOD.replace("1,1,", "6,1,", 1)}, "longer than its video"),
    ],
)
def test_what_the_server_would_refuse_is_told(tmp_path: Path, other: dict[str, str], message: str) -> None:
    texts = {"dancetrack0003": GOOD, **other}
    with pytest.raises(DataError, match=message):
        check_server_archive(archive_of(tmp_path, texts), HIDDEN)


def test_tracks_are_written_as_the_server_reads_them() -> None:
    from deptr.reproduce.steps.files import _row

    row = _row(np.array([1, 1, 10, 20, 30, 60, 0.9]))
    assert row == GOOD
