"""Learning how people look: what is learned, what is written, where a run was cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deptr.detector.looks import HEIGHT, WIDTH, LooksReader, numbers_of
from deptr.errors import DataError, UsageError
from deptr.training.looks.config import LooksTrainSettings, looks_settings
from deptr.training.looks.crowds import Crowd, crowds_of
from deptr.training.looks.task import (
    FILE,
    LooksBatch,
    LooksModel,
    LooksStep,
    LooksTask,
    Party,
    held_out_figures,
)
from deptr.training.run import train_looks_in


def crowd(seed: int) -> Crowd:
    """Four people, told apart by the colour of their middle alone; light and ground change."""
    rng = np.random.default_rng(seed)
    colours = rng.uniform(0, 255, (4, 3))
    thumbs = rng.uniform(0, 255, (8, 1, 1, 3)) + np.zeros((8, HEIGHT, WIDTH, 3))
    thumbs[:, 6:12, 2:6] = np.tile(colours, (2, 1))[:, None, None]
    return Crowd(thumbs.astype(np.uint8), np.tile(np.arange(4), 2), np.repeat([0, 1], 4))


def settings(tmp_path: Path, **data: Any) -> LooksTrainSettings:
    return looks_settings(
        {
            "kind": "looks",
            "width": 16,
            "data": {
                "file": str(tmp_path / "thumbs.npz"),
                "scenes": 3,
                "moments": [0, 2],
                "size": [96, 160],
                **data,
            },
            "optimizer": {
                "steps": 60,
                "warmup_steps": 5,
                "decay_steps": 20,
                "learning_rate": 1e-2,
                "ema_decay": 0.9,
            },
            "run": {"device": "cpu", "save_every": 30, "evaluate_every": 0, "log_every": 100},
        }
    )


def test_it_finds_what_is_a_persons_own_and_not_what_a_moment_has(tmp_path: Path) -> None:
    crowds = [crowd(seed) for seed in range(60)]
    before = held_out_figures(LooksModel(16), crowds)["right"]
    task = LooksTask(settings(tmp_path), crowds)
    optimizer = torch.optim.AdamW(task.step.parameters(), lr=1e-2)
    for batch in task.batches(0, rank=0, processes=1, pin=False):
        optimizer.zero_grad()
        task.step(batch)["looks"].backward()
        optimizer.step()
    after = held_out_figures(task.model, crowds)
    assert after["chance"] == 0.25
    assert after["right"] > 0.85 > before + 0.2


def test_crowds_kept_for_evaluation_are_not_learned_from(tmp_path: Path) -> None:
    crowds = [crowd(seed) for seed in range(12)]
    task = LooksTask(settings(tmp_path, light=0.0), crowds)
    kept = {numbers_of(crowds[row].thumbs).tobytes() for row in (1, 11)}
    steps = list(task.batches(0, rank=0, processes=1, pin=False))
    seen = {party.numbers.numpy().tobytes() for batch in steps for party in batch.parties}
    assert len(seen) == 10
    assert not seen & kept


def test_a_colour_that_all_of_a_crowd_share_is_no_loss_and_no_gain() -> None:
    step = LooksStep(LooksModel(8))
    alone = Crowd(np.zeros((4, HEIGHT, WIDTH, 3), np.uint8), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))
    loss = step(LooksBatch([Party.of(alone)]))["looks"]
    assert loss.item() == pytest.approx(np.log(3), abs=1e-4)  # one right and two rivals, all alike


def test_a_run_from_scenes_to_a_file_that_the_reader_reads(tmp_path: Path) -> None:
    own = settings(tmp_path)
    done = train_looks_in(tmp_path / "run", own)
    assert done.step == 60
    reader = LooksReader(tmp_path / "run" / "last" / FILE)
    crowds = crowds_of(own.data)
    assert len(crowds) == 3
    assert reader.width == 16
    with np.load(tmp_path / "run" / "last" / FILE) as stored:
        assert stored["matrix"].dtype == np.float16
        wanted = numbers_of(crowds[0].thumbs) @ stored["matrix"].T.astype(np.float32) + stored["shift"]
    image = crowds[0].thumbs[0]
    found = reader.looks(image, np.array([[0.0, 0, WIDTH, HEIGHT]]))[0]
    np.testing.assert_allclose(found, wanted[0] / np.linalg.norm(wanted[0]), atol=1e-4)


def test_a_run_that_was_cut_comes_to_the_same(tmp_path: Path) -> None:
    from deptr.training.trainer import Trainer

    crowds = [crowd(seed) for seed in range(5)]
    whole = Trainer(LooksTask(settings(tmp_path), crowds), tmp_path / "whole")
    whole.run()
    Trainer(LooksTask(settings(tmp_path), crowds), tmp_path / "cut").save()
    halfway = sorted((tmp_path / "whole").glob("*0000030*"))[0]
    (tmp_path / "cut" / halfway.name).write_bytes(halfway.read_bytes())
    rest = Trainer(LooksTask(settings(tmp_path), crowds), tmp_path / "cut")
    rest.run()
    assert torch.equal(rest.task.model.project.weight, whole.task.model.project.weight)


def test_settings_and_files_that_cannot_be_meant_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.moments: out of range"):
        looks_settings({"data": {"moments": [3]}})
    (tmp_path / "half.npz").write_bytes(b"half")
    with pytest.raises(DataError, match="thumbnails that training of looks wrote"):
        crowds_of(settings(tmp_path, file=str(tmp_path / "half.npz")).data)
    one = Crowd(np.zeros((2, HEIGHT, WIDTH, 3), np.uint8), np.zeros(2, int), np.arange(2))
    with pytest.raises(DataError, match="no crowd of which two people"):
        LooksTask(settings(tmp_path), [one])
