"""The training run: what it keeps, how it resumes, what stops it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_detector import PaintedSource, tiny_detector, tiny_settings

from deptr.errors import DataError
from deptr.training.config import settings_from_dict
from deptr.training.detector_task import DetectorTask
from deptr.training.run import train_in
from deptr.training.schedule import AveragedWeights, rate_factor
from deptr.training.trainer import Trainer

NAN = float("nan")


def _states(folder: Path) -> dict[str, torch.Tensor]:
    from deptr.training.checkpoints import load_state, stored_states

    state = load_state(stored_states(folder)[-1])
    assert state["step"] == 4
    return {**state["module"], **{f"average.{k}": v for k, v in state["average"].items()}}


def test_resume_continues_bit_for_bit(tmp_path: Path) -> None:
    settings = tiny_settings()
    Trainer(DetectorTask(tiny_detector(), PaintedSource(), settings), tmp_path / "whole").run()

    class Killed(PaintedSource):
        count = 0

        def draw(self, rng, size):
            self.count += 1
            if self.count > 6:
                raise KeyboardInterrupt
            return super().draw(rng, size)

    with pytest.raises(KeyboardInterrupt):
        Trainer(DetectorTask(tiny_detector(), Killed(), settings), tmp_path / "parts").run()
    Trainer(DetectorTask(tiny_detector(seed=9), PaintedSource(), settings), tmp_path / "parts").run()
    whole, parts = _states(tmp_path / "whole"), _states(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_three_states_and_the_best_are_kept(tmp_path: Path) -> None:
    settings = tiny_settings()
    settings = replace(settings, run=replace(settings.run, save_every=1, evaluate_every=2))
    scores = iter([0.7, 0.2])
    trainer = Trainer(
        DetectorTask(tiny_detector(), PaintedSource(), settings),
        tmp_path,
        evaluate=lambda model: {"score": next(scores)},
    )
    assert trainer.run() == {"score": 0.2}
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [f"step-000000{n}.pt" for n in (2, 3, 4)]
    assert trainer.best == 0.7
    assert (tmp_path / "best" / "model.safetensors").exists()
    curve = (tmp_path / "learning-curve.csv").read_text().splitlines()
    assert curve == ["step,figure,value", "2,score,0.70000", "4,score,0.20000"]


def test_damaged_state_is_told(tmp_path: Path) -> None:
    (tmp_path / "step-0000002.pt").write_bytes(b"half a fi")
    with pytest.raises(DataError, match="not a whole training state"):
        Trainer(DetectorTask(tiny_detector(), PaintedSource(), tiny_settings()), tmp_path).run()


def test_state_of_another_network_is_told(tmp_path: Path) -> None:
    Trainer(DetectorTask(tiny_detector(), PaintedSource(), tiny_settings()), tmp_path).save()
    with pytest.raises(DataError, match=r"another network.*depth_head"):
        Trainer(
            DetectorTask(tiny_detector(depth_head="deformable"), PaintedSource(), tiny_settings()), tmp_path
        ).run()


def test_a_nan_stops_the_run_and_keeps_the_batch(tmp_path: Path) -> None:
    model = tiny_detector()
    with torch.no_grad():
        model.depth_head.layers[0][0].weight.fill_(NAN)
    with pytest.raises(DataError, match=r"not finite.*found depth.*learning rate below 0\.001"):
        Trainer(DetectorTask(model, PaintedSource(), tiny_settings()), tmp_path).run()
    (saved,) = tmp_path.glob("nan-batch-*.pt")
    assert set(torch.load(saved)) == {"images", "targets"}


def test_averaged_weights_and_rates() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(0.0)
    average = AveragedWeights(layer, 0.5)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    average.update(layer, 100)
    assert average.state["weight"].item() == pytest.approx(0.5)
    assert rate_factor(
        0, tiny_settings(steps=100, warmup_steps=10, decay_steps=0).optimizer
    ) == pytest.approx(0.1)


def test_fresh_parts_follow_from_the_seed_alone(tmp_path: Path) -> None:
    """A new depth module starts alike whatever the process did before, and otherwise with another seed."""
    tiny_detector(depth_head="none").save_pretrained(tmp_path / "start")
    content = tiny_settings(steps=1, warmup_steps=0, decay_steps=0).as_dict()
    content["model"] |= {"start": str(tmp_path / "start"), "depth_head": "light"}
    content["model"] |= {"image_height": 64, "image_width": 96}
    found = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        torch.rand(7)
        content["data"]["seed"] = seed
        train_in(tmp_path / name, settings_from_dict(content))
        found.append((tmp_path / name / "last" / "model.safetensors").read_bytes())
    assert found[0] == found[1]
    assert found[0] != found[2]
