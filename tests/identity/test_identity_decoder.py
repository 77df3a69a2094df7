"""The identity decoder: what it learns, what cannot change its answers, and its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv
import torch
from typer.testing import CliRunner

from deptr.cli.main import app
from deptr.errors import DataError
from deptr.tracking.learned.memory import Recall
from deptr.tracking.learned.network import IdentityNetwork, OnnxIdentityNetwork
from deptr.tracking.learned.observations import CONTEXT
from deptr.tracking.learned.tracker import LearnedTracker
from deptr.training.checkpoints import load_state, stored_states
from deptr.training.identity.config import IdentityTrainSettings, identity_settings, load_identity_settings
from deptr.training.identity.criterion import IdentityBatch, IdentityStep, clip_logits, tensors_of
from deptr.training.identity.decoder import IdentityConfig, IdentityDecoder
from deptr.training.identity.export import export_identity
from deptr.training.identity.imported import import_identity
from deptr.training.identity.runner import TorchIdentityNetwork
from deptr.training.identity.task import IdentityTask, Lessons, started
from deptr.training.trainer import Trainer

SMALL = IdentityConfig(identities=40, memory=4, width=32, heads=2, layers=2, inner=48, pair_width=16)


def small_settings(**optimizer: float) -> IdentityTrainSettings:
    rates = {"steps": 4, "warmup_steps": 1, "decay_steps": 2, "learning_rate": 1e-3, **optimizer}
    settings = identity_settings(
        {
            "kind": "identity",
            "data": {
                "worlds": {"frames": [5, 8], "objects": [3, 6]},
                "batch_size": 2,
                "evaluate": 0,
            },
            "optimizer": rates,
            "run": {"device": "cpu", "save_every": 2, "evaluate_every": 0},
        }
    )
    return replace(settings, model=SMALL)


def small_decoder(seed: int = 0) -> IdentityDecoder:
    torch.manual_seed(seed)
    return IdentityDecoder(SMALL).eval()


def people(frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Four people who walk apart and together, and their depths."""
    phase = np.array([0.0, 1.5, 3.0, 4.5])
    x = 300 + 120 * np.sin(0.1 * frame + phase) + 20 * phase
    z = 5 + np.cos(0.1 * frame + phase)
    height = 400 / z
    boxes = np.column_stack([x - height / 5, 300 - height / 2, x + height / 5, 300 + height / 2])
    return boxes, z


def detections(boxes: np.ndarray, depths: np.ndarray, scores: np.ndarray | float = 0.9) -> sv.Detections:
    return sv.Detections(
        xyxy=boxes,
        confidence=np.broadcast_to(scores, len(boxes)).astype(float),
        data={"depth": depths},
        metadata={"depth_kind": "metric"},
    )


@pytest.mark.slow
def test_it_learns_eight_clips_by_heart() -> None:
    settings = small_settings()
    lessons = [tensors_of(Lessons(settings).draw(0, number), settings.loss) for number in range(8)]
    torch.manual_seed(0)
    step = IdentityStep(IdentityDecoder(replace(SMALL, width=64, inner=96)))
    optimizer = torch.optim.AdamW(step.parameters(), lr=3e-3)
    for _ in range(400):
        loss = torch.stack(list(step(IdentityBatch(lessons)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = [
            ((clip_logits(step.decoder, clip).argmax(-1) == clip.targets) & clip.counted).sum().item()
            for clip in lessons
        ]
    assert sum(right) >= 0.99 * sum(int(clip.counted.sum()) for clip in lessons)


def test_a_few_steps_teach_it_something() -> None:
    settings = small_settings(steps=40, decay_steps=20, learning_rate=3e-3)
    task = IdentityTask(settings)
    losses = []
    optimizer = torch.optim.AdamW(task.step.parameters(), lr=3e-3)
    for batch in task.batches(0, rank=0, processes=1, pin=False):
        terms = task.step(batch)
        loss = terms["identity"] + terms["confusion"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(terms["identity"].detach()))
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])


def answers_of(network: TorchIdentityNetwork, order: np.ndarray, frames: int) -> list[dict[float, int]]:
    """Identity of each person, who is known by the left side of the box, in each frame."""
    tracker = LearnedTracker(network=network, frame_rate=10, min_share=0.0)
    found = []
    for frame in range(frames):
        boxes, depths = people(frame)
        tracked = tracker.update(detections(boxes[order], depths[order]))
        lefts = np.round(tracked.xyxy[:, 0], 3).tolist()
        found.append(dict(zip(lefts, tracked.tracker_id.tolist(), strict=True)))
    return found


def test_order_of_detections_permutes_the_answer() -> None:
    network = TorchIdentityNetwork(small_decoder())
    plain = answers_of(network, np.arange(4), 12)
    turned = answers_of(network, np.array([2, 0, 3, 1]), 12)
    names: dict[int, int] = {}
    for a, b in zip(plain, turned, strict=True):
        assert a.keys() == b.keys()
        for left, identity in a.items():
            assert names.setdefault(identity, b[left]) == b[left]


def test_names_of_identities_matter_only_as_names() -> None:
    """Which slot is whose changes no trained decoder's choice: here the bundled one's, in 30 clips."""
    lessons, network, rng = Lessons(small_settings()), OnnxIdentityNetwork(), np.random.default_rng(0)
    same, apart = [], []
    for number in range(30):
        lesson = lessons.draw(0, number)
        asked = max(lesson.questions, key=lambda question: len(question.recall.slots))
        seen, slots = lesson.clip.seen[asked.rows], asked.recall.slots
        keys = network(lesson.clip.seen, None, _empty_recall(network, lesson.extents[asked.frame]))[1]
        payload = keys[asked.recall.payload.astype(int)]
        order = rng.permutation(network.shape.identities)
        plain, _ = network(seen, None, asked.recall._replace(payload=payload))
        other, _ = network(seen, None, asked.recall._replace(payload=payload, slots=order[slots]))
        back = np.concatenate([other[:, order], other[:, -1:]], axis=1)
        known = np.unique(slots)
        same += (plain.argmax(1) == back.argmax(1)).tolist()
        apart += np.abs(plain[:, known] - back[:, known]).mean(1).tolist()
    assert np.mean(same) > 0.95
    assert np.mean(apart) < 1.0


def test_the_past_does_not_depend_on_the_future_and_streaming_is_the_batch() -> None:
    settings = small_settings()
    lesson = Lessons(settings).draw(0, 3)
    decoder = small_decoder()
    with torch.no_grad():
        batch = clip_logits(decoder, tensors_of(lesson, settings.loss))
    network, clip = TorchIdentityNetwork(decoder), lesson.clip
    keys = np.zeros((len(clip.frames), *network.shape.payload), np.float32)
    for frame in range(int(clip.frames.max()) + 1):  # one frame after the other, each once
        rows = np.flatnonzero(clip.frames == frame)
        if not len(rows):
            continue
        nothing = _empty_recall(network, lesson.extents[frame])
        keys[rows] = network(clip.seen[rows], None, nothing)[1]
        for question in lesson.questions:
            if not np.array_equal(question.rows, rows):
                continue
            recall = question.recall._replace(payload=keys[question.recall.payload.astype(int)])
            streamed, _ = network(clip.seen[rows], None, recall)
            np.testing.assert_allclose(streamed, batch[frame, : len(rows)].numpy(), atol=1e-4)


def _empty_recall(network: IdentityNetwork, extent: np.ndarray) -> Recall:
    return Recall(
        np.zeros((0, *network.shape.payload), np.float32),
        np.zeros((0, 7)),
        np.zeros((0, 16)),
        np.zeros(0, np.int64),
        np.zeros(0),
        np.zeros(0, np.int64),
        np.zeros(CONTEXT),
        extent,
        1e9,
        np.zeros(2),
    )


def test_the_exported_file_answers_as_torch_does(tmp_path: Path) -> None:
    decoder = small_decoder()
    assert export_identity(decoder, tmp_path / "identity.onnx") < 1e-3
    onnx = LearnedTracker(network=tmp_path / "identity.onnx", frame_rate=10, min_share=0.0)
    torch_ = LearnedTracker(network=TorchIdentityNetwork(decoder), frame_rate=10, min_share=0.0)
    for frame in range(10):
        a, b = (tracker.update(detections(*people(frame))) for tracker in (onnx, torch_))
        assert a.tracker_id.tolist() == b.tracker_id.tolist()


@pytest.mark.parametrize("state_width", [0, 24])
def test_an_exported_file_comes_back_into_torch_whole(tmp_path: Path, state_width: int) -> None:
    torch.manual_seed(1)
    decoder = IdentityDecoder(replace(SMALL, state_width=state_width)).eval()
    export_identity(decoder, tmp_path / "identity.onnx")
    back = import_identity(tmp_path / "identity.onnx")
    assert back.config == decoder.config
    for name, value in decoder.state_dict().items():
        assert torch.equal(value, back.state_dict()[name]), name


def test_training_starts_from_an_exported_file_with_other_numbers_of_identities(tmp_path: Path) -> None:
    decoder = small_decoder()
    export_identity(decoder, tmp_path / "identity.onnx")
    settings = replace(small_settings(), start=str(tmp_path / "identity.onnx"))
    begun = started(replace(settings, model=replace(SMALL, identities=50)))
    assert begun.config.identities == 50
    assert torch.equal(begun.names.weight, decoder.names.weight)


def test_a_run_that_was_cut_comes_to_the_same(tmp_path: Path) -> None:
    whole = Trainer(IdentityTask(small_settings()), tmp_path / "whole")
    whole.run()

    class Killed(IdentityTask):
        def batches(self, first_step: int, **others: Any) -> Iterator[IdentityBatch]:
            yield from islice(super().batches(first_step, **others), 3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer(Killed(small_settings()), tmp_path / "parts").run()
    Trainer(IdentityTask(small_settings()), tmp_path / "parts").run()
    states = [load_state(stored_states(tmp_path / name)[-1]) for name in ("whole", "parts")]
    assert [state["step"] for state in states] == [4, 4]
    for name, value in states[0]["module"].items():
        assert torch.equal(value, states[1]["module"][name]), name


def test_train_and_export_by_command(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'kind = "identity"\n[model]\nidentities = 40\nmemory = 3\nwidth = 16\nheads = 2\nlayers = 1\n'
        "inner = 16\n"
        "[data]\nbatch_size = 1\nevaluate = 2\n[data.worlds]\nframes = [4, 5]\nobjects = [3, 4]\n"
        '[optimizer]\nsteps = 2\nwarmup_steps = 1\ndecay_steps = 1\n[run]\ndevice = "cpu"\n'
    )
    run, file = tmp_path / "run", tmp_path / "identity.onnx"
    told = CliRunner().invoke(app, ["train", str(recipe), "--output", str(run)], catch_exceptions=False)
    assert "step 2" in told.output
    assert "right" in told.output
    told = CliRunner().invoke(
        app, ["export", str(run / "last"), "--output", str(file)], catch_exceptions=False
    )
    assert "largest difference" in told.output
    assert LearnedTracker(network=file).update(detections(*people(0))).tracker_id.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("form", ["boxes", "queries"])
def test_the_recipes_are_valid(form: str) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / f"deptr-identity-{form}.toml"
    settings = load_identity_settings(recipe)
    assert bool(settings.model.state_width) == (form == "queries")


def test_damaged_and_foreign_files_are_told(tmp_path: Path) -> None:
    small_decoder().save_pretrained(tmp_path / "decoder")
    (tmp_path / "decoder" / "model.safetensors").write_bytes(b"half")
    with pytest.raises(DataError, match="not a whole identity decoder"):
        IdentityDecoder.from_pretrained(tmp_path / "decoder")
    (tmp_path / "decoder" / "config.json").write_text('{"model_type": "deptr"}')
    with pytest.raises(DataError, match="no identity decoder"):
        IdentityDecoder.from_pretrained(tmp_path / "decoder")
