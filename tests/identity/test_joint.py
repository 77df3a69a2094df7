"""Training of a decoder together with its detector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_detector import tiny_detector

from deptr.detector.inference import Detector
from deptr.detector.loading import load_detector
from deptr.errors import UsageError
from deptr.tracking.learned.tracker import LearnedTracker
from deptr.training.identity.config import IdentityTrainSettings, identity_settings
from deptr.training.identity.decoder import IdentityDecoder
from deptr.training.identity.joint import DETECTOR, JointTask
from deptr.training.identity.runner import TorchIdentityNetwork
from deptr.training.identity.task import Lessons
from deptr.training.run import train_identity_in


@pytest.fixture
def settings(tmp_path: Path) -> IdentityTrainSettings:
    tiny_detector(num_queries=20, num_labels=1, initializer_bias_prior_prob=0.3).save_pretrained(
        tmp_path / "own"
    )
    return identity_settings(
        {
            "kind": "identity",
            "model": {
                "identities": 60, "memory": 3, "width": 16, "heads": 2, "layers": 1, "inner": 16,
                "pair_width": 8, "state_width": 32,
            },
            "data": {
                "batch_size": 1, "evaluate": 0, "worlds": {"frames": [4, 5], "objects": [3, 6]},
                "sightings": {
                    "detector": str(tmp_path / "own"), "file": str(tmp_path / "clips.npz"), "scenes": 2,
                    "frames": 5, "size": [64, 96], "rates": [5.0], "workers": 1,
                },
            },
            "joint": {"enabled": True},
            "optimizer": {
                "steps": 2, "warmup_steps": 1, "decay_steps": 1, "learning_rate": 1e-3,
                "backbone_learning_rate": 1e-4,
            },
            "run": {"device": "cpu", "save_every": 2, "evaluate_every": 0},
        }
    )  # fmt: skip


def test_the_loss_of_names_reaches_the_detector_and_its_detections_hold_it(
    settings: IdentityTrainSettings,
) -> None:
    task = JointTask(settings, Lessons(settings))
    batch = next(iter(task.batches(0, rank=0, processes=1, pin=False)))
    terms = task.step.train()(batch)
    assert not task.model.detector.training
    backbone = next(task.model.detector.model.backbone.parameters())
    for name in ("identity", "detections"):
        task.step.zero_grad()
        terms[name].backward(retain_graph=True)
        gradients = [p.grad for p in task.model.detector.parameters() if p.grad is not None]
        assert any(float(gradient.abs().max()) > 0 for gradient in gradients), name
    assert backbone.requires_grad


def test_a_step_moves_the_detector_and_of_it_the_decoder_alone_where_that_is_asked(
    settings: IdentityTrainSettings, tmp_path: Path
) -> None:
    before = load_detector(settings.data.sightings.detector).state_dict()
    for decoder_only in (False, True):
        joint = replace(settings.joint, decoder_only=decoder_only)
        folder = tmp_path / f"run-{decoder_only}"
        train_identity_in(folder, replace(settings, joint=joint))
        after = load_detector(folder / "last" / DETECTOR).state_dict()
        moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
        assert any(name.startswith("model.decoder.") for name in moved)
        assert any(name.startswith(("model.backbone.", "model.encoder.")) for name in moved) != decoder_only


def test_both_are_written_and_track_together(settings: IdentityTrainSettings, tmp_path: Path) -> None:
    train_identity_in(tmp_path / "run", settings)
    last = tmp_path / "run" / "last"
    decoder = IdentityDecoder.from_pretrained(last)
    detector = Detector.from_pretrained(last / DETECTOR, device="cpu")
    before = Detector.from_pretrained(settings.data.sightings.detector, device="cpu")
    image = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    found, old = detector(image, min_score=0.01), before(image, min_score=0.01)
    assert not torch.equal(torch.tensor(found.data["query_state"]), torch.tensor(old.data["query_state"]))
    tracked = LearnedTracker(network=TorchIdentityNetwork(decoder), high_score=0.01, new_score=0.01).update(
        found
    )
    assert len(tracked) == len(found) > 0


def test_it_needs_a_detector() -> None:
    with pytest.raises(UsageError, match=r"joint\.enabled: needs data\.sightings\.detector"):
        identity_settings({"kind": "identity", "joint": {"enabled": True}, "data": {"evaluate": 0}})
