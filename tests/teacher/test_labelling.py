"""The labelling loop: right, resumable to the byte, only what changed, constant memory, clear errors."""

from __future__ import annotations

import multiprocessing
import random
import resource
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from label_world import DEPTHS, SIZE, files_of, make_world
from tiny_teachers import OPTIONS, LoggedDepth, label_world, tiny_depth, tiny_teachers

from deptr.errors import DataError
from deptr.io.label_maps import FrameArrays
from deptr.io.label_runs import LabelRun
from deptr.io.labels import Validity
from deptr.teacher.build import TeacherPlan
from deptr.teacher.engine import label_locally
from deptr.teacher.jobs import find_jobs
from deptr.teacher.journal import locked
from deptr.teacher.labelling import label_sequence
from deptr.teacher.rows import LabelOptions, Teachers
from deptr.teacher.synthetic import SyntheticMasks, SyntheticNoise

FRAMES = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("data") / "a", FRAMES)


def synthetic_plan(**changes: object) -> TeacherPlan:
    return TeacherPlan("synthetic", "synthetic", device="cpu", **changes)


def fresh(world: Path, tmp_path: Path) -> Path:
    """A copy of the world that a test may damage."""
    return Path(shutil.copytree(world, tmp_path / "a"))


def test_synthetic_teacher_labels_the_true_depth(world: Path, tmp_path: Path) -> None:
    summary = label_locally(
        find_jobs([str(world)]), tmp_path, synthetic_plan(options=LabelOptions(dense=True))
    )
    rows = summary.run.labels("a").rows
    truth = np.array(DEPTHS)[rows.object_id - 1]
    assert len(rows) == 3 * FRAMES
    assert rows.valid.mean() > 0.85
    np.testing.assert_allclose(rows.depth[rows.valid], truth[rows.valid], rtol=1e-5)
    maps = FrameArrays(summary.run.dense_path("a"))
    assert maps.frames == list(range(1, FRAMES + 1))
    assert maps.at(1).shape == (SIZE[0] // 8, SIZE[1] // 8)
    assert np.nanmin(maps.at(1)) == pytest.approx(4.0, abs=0.01)


def test_box_averages_are_worse_than_mask_averages_where_the_teacher_is_blurred_and_noisy(
    world: Path, tmp_path: Path
) -> None:
    noise = SyntheticNoise(mask_px=1, depth_rel=0.03, blur_px=0.7)
    errors = {}
    for regions in ("mask", "box"):
        plan = synthetic_plan(noise=noise, options=LabelOptions(regions=regions))
        rows = label_locally(find_jobs([str(world)]), tmp_path, plan).run.labels("a").rows
        truth = np.array(DEPTHS)[rows.object_id - 1]
        errors[regions] = np.abs(rows.depth / truth - 1)[rows.valid].mean()
    assert errors["mask"] < 0.1
    assert errors["box"] > 3 * errors["mask"]


@pytest.mark.parametrize("video", [False, True])
def test_real_code_paths_with_random_weights(world: Path, tmp_path: Path, video: bool) -> None:
    run = LabelRun.create(tmp_path, "tiny", {})
    report = label_sequence(find_jobs([str(world)])[0], run, tiny_teachers(video=video), OPTIONS)
    labels = run.labels("a")
    assert (report.windows, report.frames, report.boxes) == (3, FRAMES, 3 * FRAMES)
    assert len(labels.info.fits) == 3
    assert labels.info.depth_kind.larger_is_nearer
    assert FrameArrays(run.features_path("a")).at(FRAMES).ndim == 3
    seen = labels.rows.visible_fraction > 0
    assert seen.any()
    assert np.isfinite(labels.rows.depth[seen]).all()


def test_a_second_run_does_nothing_and_changed_boxes_cost_their_frames_only(
    world: Path, tmp_path: Path
) -> None:
    source = fresh(world, tmp_path)
    log = tmp_path / "log"
    run = LabelRun.create(tmp_path / "labels", "r", {})
    masks = SyntheticMasks(source, "a", SyntheticNoise())
    teachers = Teachers(masks, LoggedDepth(tiny_depth(), log))
    options = LabelOptions()

    def label() -> tuple[int, int]:
        log.write_text("")
        report = label_sequence(find_jobs([str(source)])[0], run, teachers, options)
        return report.windows, report.relabelled

    assert label() == (3, 0)
    before = files_of(run.folder)
    assert label() == (0, 0)
    assert files_of(run.folder) == before
    assert not log.read_text()
    truth = source / "gt" / "gt.txt"
    lines = truth.read_text().splitlines()
    lines[3 * 49] = "50,1,20,12,30,40,1,1,1"  # frame 50: a new box
    del lines[3 * 29]  # frame 30: one box fewer
    truth.write_text("\n".join(lines) + "\n")
    assert label() == (0, 2)
    assert sorted(set(log.read_text().split())) == ["0", "1", "2"]
    repaired = files_of(run.folder)
    shutil.rmtree(run.folder)
    run = LabelRun.create(tmp_path / "labels", "r", {})
    assert label() == (3, 0)
    assert files_of(run.folder) == repaired
    lines[0] = "1,1,2,2,30,40,1,1,1"
    truth.write_text("\n".join(lines) + "\n")
    assert label() == (0, 1)
    assert log.read_text().split() == ["0"]


def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # the fork server imports from there
    world = make_world(tmp_path / "data" / "a", 160)
    whole = label_world(str(world), str(tmp_path / "whole"), str(tmp_path / "whole.log"))
    windows = whole.windows
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tiny_teachers"])
    log, chance, kills = tmp_path / "log", random.Random(3), 0
    while True:
        arguments = (str(world), str(tmp_path / "killed"), str(log))
        child = context.Process(target=label_world, args=arguments)
        child.start()
        begun = len(log.read_text().split()) if log.exists() else 0
        while child.is_alive() and kills < 8 and (not log.exists() or len(log.read_text().split()) <= begun):
            time.sleep(0.005)  # until it works on a window
        child.join(chance.uniform(0.0, 0.25) if kills < 8 else None)
        if child.is_alive():
            child.kill()
            child.join()
            kills += 1
            continue
        assert child.exitcode == 0
        break
    done = [int(number) for number in log.read_text().split()]
    assert kills >= 3
    assert sorted(set(done)) == list(range(windows))
    assert len(done) <= windows + kills  # a kill loses one window at most
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")
    assert not list((tmp_path / "killed").rglob("state.npz"))


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    plan = synthetic_plan()
    label_locally(find_jobs([str(make_world(tmp_path / "short" / "a", 60))]), tmp_path / "s", plan)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    label_locally(find_jobs([str(make_world(tmp_path / "long" / "b", 600))]), tmp_path / "l", plan)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    frames_mb = (
        540 * SIZE[0] * SIZE[1] * (3 + 4 + 3) / 2**20
    )  # what keeping images, depth and masks would take
    assert grown_mb < 0.6 * frames_mb


def test_corrupt_frames_are_counted_and_their_boxes_marked(world: Path, tmp_path: Path) -> None:
    source = fresh(world, tmp_path)
    for number in (10, 11, FRAMES):
        (source / "img1" / f"{number:06d}.png").write_bytes(b"\x89PNG damaged")
    summary = label_locally(find_jobs([str(source)]), tmp_path / "labels", synthetic_plan())
    labels = summary.run.labels("a")
    assert summary.reports[0].unreadable == 3
    assert labels.info.unreadable == (10, 11, FRAMES)
    assert len(labels.rows) == 3 * FRAMES
    assert set(labels.at(10).validity) == {Validity.FRAME_UNREADABLE}
    assert labels.at(12).valid.any()


def test_boxes_outside_and_empty_frames(world: Path, tmp_path: Path) -> None:
    source = fresh(world, tmp_path)
    (source / "gt" / "gt.txt").write_text(
        "5,1,-500,10,20,20,1,1,1\n5,2,10,5,900,900,1,1,1\n40,2,60,20,20,30,1,1,1\n"
    )
    rows = label_locally(find_jobs([str(source)]), tmp_path / "labels", synthetic_plan()).run.labels("a").rows
    assert rows.frame.tolist() == [5, 5, 40]
    assert rows.validity[0] == Validity.BOX_OUTSIDE
    assert rows.validity[1] == Validity.GOOD
    assert np.isnan(rows.depth[0])


def test_boxes_past_the_end_are_refused_and_finished_sequences_stay(world: Path, tmp_path: Path) -> None:
    make_world(tmp_path / "data" / "good", 30)
    source = fresh(world, tmp_path / "data")
    with (source / "gt" / "gt.txt").open("a") as file:
        file.write(f"{FRAMES + 7},1,10,10,20,20,1,1,1\n")
    summary = label_locally(find_jobs([str(tmp_path / "data")]), tmp_path / "labels", synthetic_plan())
    assert [report.name for report in summary.reports] == ["good"]
    assert "boxes on frame 67" in summary.failures[0].reason
    assert "ends at frame 60" in summary.failures[0].reason
    assert summary.run.sequences() == ["good"]


def test_only_one_process_writes_a_sequence(world: Path, tmp_path: Path) -> None:
    run = LabelRun.create(tmp_path, "r", {})
    with (
        locked(run, "a"),
        pytest.raises(DataError, match=r"a.parquet: labels are being written.*process \d+"),
    ):
        label_sequence(find_jobs([str(world)])[0], run, tiny_teachers(), OPTIONS)


def test_a_full_disk_leaves_what_is_finished(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deptr.teacher import journal

    written = 0
    real = np.savez

    def fill_up(*args: object, **arrays: object) -> None:
        nonlocal written
        written += 1
        if written == 2:
            raise OSError(28, "No space left on device")
        real(*args, **arrays)

    monkeypatch.setattr(journal.np, "savez", fill_up)
    job = find_jobs([str(world)])[0]
    teachers = Teachers(SyntheticMasks(world, "a", SyntheticNoise()), tiny_depth(with_features=True))
    run = LabelRun.create(tmp_path, "r", {})
    with pytest.raises(DataError, match=r"state.npz: cannot be written.*No space left"):
        label_sequence(job, run, teachers, OPTIONS)
    assert label_sequence(job, run, teachers, OPTIONS).windows == 2
    whole = LabelRun.create(tmp_path / "whole", "r", {})
    label_sequence(job, whole, teachers, OPTIONS)
    assert files_of(run.folder) == files_of(whole.folder)


def test_out_of_memory_halves_the_batch_and_goes_on(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teachers = tiny_teachers()
    model = teachers.depth.model
    model.frames_at_once = 32
    sizes: list[int] = []
    encode = model.encode

    def small_device(frames: torch.Tensor) -> list[torch.Tensor]:
        sizes.append(len(frames))
        if len(frames) > 10:
            raise torch.OutOfMemoryError("out of memory")
        return encode(frames)

    monkeypatch.setattr(model, "encode", small_device)
    run = LabelRun.create(tmp_path, "r", {})
    label_sequence(find_jobs([str(world)])[0], run, teachers, OPTIONS)
    assert sizes[:4] == [32, 16, 8, 8]
    assert max(sizes[2:]) == 8
    assert len(run.labels("a").info.fits) == 3


def test_runs_of_different_settings_never_mix(world: Path, tmp_path: Path) -> None:
    plans = [synthetic_plan(), synthetic_plan(noise=SyntheticNoise(seed=1)), synthetic_plan(input_size=280)]
    plans.append(replace(plans[0], options=LabelOptions(regions="box")))
    folders = {label_locally(find_jobs([str(world)]), tmp_path, plan).run.folder for plan in plans}
    assert len(folders) == 4


def test_changed_video_or_depth_maps_are_labelled_anew(world: Path, tmp_path: Path) -> None:
    source = fresh(world, tmp_path)
    plan = synthetic_plan()
    label_locally(find_jobs([str(source)]), tmp_path / "labels", plan)
    shutil.copy(source / "img1" / "000001.png", source / "img1" / "000002.png")
    assert label_locally(find_jobs([str(source)]), tmp_path / "labels", plan).reports[0].windows == 3
    shutil.copy(source / "depth" / "000001.png", source / "depth" / "000002.png")
    assert label_locally(find_jobs([str(source)]), tmp_path / "labels", plan).reports[0].windows == 3
    assert label_locally(find_jobs([str(source)]), tmp_path / "labels", plan).reports[0].windows == 0


def test_computing_ahead_changes_nothing(world: Path, tmp_path: Path) -> None:
    teachers = Teachers(SyntheticMasks(world, "a", SyntheticNoise(mask_px=1)), tiny_depth(with_features=True))
    for name, overlap in (("one", False), ("other", True)):
        run = LabelRun.create(tmp_path / name, "r", {})
        label_sequence(find_jobs([str(world)])[0], run, teachers, OPTIONS, overlap=overlap)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "other")
