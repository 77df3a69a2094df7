"""The training loop: batches in, checkpoints out; killed at any time it goes on where it stopped."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn

from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.plugin import DepthNetwork
from deptr.errors import DataError, DeptrError, UsageError
from deptr.files import atomic_path
from deptr.progress import Progress, SilentProgress
from deptr.training.auxiliary import DenseAuxiliaryHead
from deptr.training.checkpoints import load_state, save_state, stored_states
from deptr.training.config import TrainSettings
from deptr.training.criterion import DepTRCriterion, total_loss
from deptr.training.data import Batch, ExampleStream, FrameSource, batches
from deptr.training.given_boxes import given_boxes
from deptr.training.losses import feature_alignment_loss
from deptr.training.schedule import AveragedWeights, build_optimizer, finite, set_rates
from deptr.training.targets import Targets

CURVE = "learning-curve.csv"
Evaluation = Callable[[DepthNetwork], dict[str, float]]


class TrainingStep(nn.Module):
    """Detector, criterion and auxiliary head as one module, so that one backward pass serves all processes.

    Args:
        detector: What is trained.
        settings: Loss weights.
    """

    def __init__(self, detector: DepthNetwork, settings: TrainSettings) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        loss, config = settings.loss, detector.config
        self.detector = detector
        self.criterion = DepTRCriterion(
            config,
            depth_weight=loss.depth,
            label_std=loss.label_std,
            steady_weight=loss.steady,
            free_scale=loss.free_scale,
            given_weight=loss.given,
        )
        for name, values in (("mean", config.image_mean), ("std", config.image_std)):
            self.register_buffer(name, 255 * torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.auxiliary = None
        if loss.dense > 0 and not settings.model.depth_only and isinstance(detector, DepTRForObjectDetection):
            self.auxiliary = DenseAuxiliaryHead(
                detector.config,
                weight=loss.dense,
                depth_weight=loss.align_dense,
                free_scale=loss.free_scale,
            )
        self.align_features = loss.align_features
        self.given_noise = loss.given_noise if loss.given > 0 else None

    def forward(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Named loss terms of a batch of ``(B, H, W, 3)`` uint8 images."""
        pixels = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        given = None if self.given_noise is None else given_boxes(targets, self.given_noise)
        asked = None if given is None else given.boxes
        output = self.detector(pixels, targets.per_image(), given=asked)
        with torch.autocast(images.device.type, enabled=False):
            output.depths = None if output.depths is None else output.depths.float()
            losses: dict[str, Tensor] = self.criterion(output, targets, given)
            maps = [level.float() for level in output.encoder_maps]
            if self.auxiliary is not None:
                losses |= self.auxiliary(maps, targets)
            if self.align_features > 0:
                if targets.teacher_features is None:
                    raise UsageError("loss.align_features: the data has no teacher features; set it to 0")
                teacher = [targets.teacher_features] * len(maps)
                losses["align_features"] = self.align_features * feature_alignment_loss(maps, teacher)
        return losses


class Trainer:
    """A run in a folder.

    Args:
        detector: What is trained; moved to the run's device.
        source: Where frames come from.
        settings: All settings.
        folder: Where states, logs and the best model go.
        evaluate: Gives figures of the averaged weights; ``"score"`` decides which is best. None: never.
        progress: Told after each step.
    """

    def __init__(
        self,
        detector: DepthNetwork,
        source: FrameSource,
        settings: TrainSettings,
        folder: str | Path,
        *,
        evaluate: Evaluation | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.settings, self.folder, self.source = settings, Path(folder), source
        self.evaluate, self.progress = evaluate, progress or SilentProgress()
        run = settings.run
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # a batch may hold no object
        self.accelerator = Accelerator(
            mixed_precision=run.precision, cpu=run.device == "cpu", kwargs_handlers=[unused]
        )
        if self.accelerator.device.type == "cuda":
            torch.set_float32_matmul_precision("high")
        torch.manual_seed(settings.data.seed)
        module: Any = TrainingStep(detector, settings)
        module = module.to(self.accelerator.device, memory_format=torch.channels_last)
        optimizer = build_optimizer(module, settings.optimizer)
        self.plain = module
        self.average = AveragedWeights(detector, settings.optimizer.ema_decay)
        self.module, self.optimizer = self.accelerator.prepare(module, optimizer)
        self.step, self.best = 0, float("-inf")
        self._before_s, self._started = 0.0, time.monotonic()
        self._writer: Any = None

    @property
    def is_main(self) -> bool:
        """Whether this process writes."""
        return bool(self.accelerator.is_main_process)

    def run(self) -> dict[str, float]:
        """Train to the last step, from the newest saved state if there is one.

        Returns:
            The figures of the last evaluation, empty without one.

        Raises:
            DataError: The loss became NaN (the batch is saved), or a saved state is damaged.
            UsageError: A batch does not fit into memory.
        """
        self.resume()
        self.progress.resume(self.step)
        settings = self.settings
        per_step = settings.data.batch_size * self.accelerator.num_processes
        stream = ExampleStream(
            self.source,
            settings.data,
            settings.optimizer.steps * per_step,
            first=self.step * per_step,
            processes=self.accelerator.num_processes,
        )
        rank = self.accelerator.process_index
        figures: dict[str, float] = {}
        first = self.step
        self._started = started = time.monotonic()
        pin = self.accelerator.device.type == "cuda"
        for batch in batches(stream, rank=rank, processes=self.accelerator.num_processes, pin=pin):
            losses = self._train_step(batch)
            self.step += 1
            last = self.step == settings.optimizer.steps or self._time_used() >= 1
            if self.is_main and (self.step % settings.run.log_every == 0 or last):
                self._log(losses, (time.monotonic() - started) / (self.step - first), figures)
            if self._due(settings.run.evaluate_every) or last:
                figures = self._evaluate() or figures
            if self._due(settings.run.save_every) or last:
                self.save()
            if last:
                break
        return figures

    def _time_used(self) -> float:
        """Share of `RunSettings.minutes` that is gone, 0 where there is no such limit."""
        minutes = self.settings.run.minutes
        if not minutes:
            return 0.0
        return (self._before_s + time.monotonic() - self._started) / (60 * minutes)

    def _due(self, every: int) -> bool:
        return every > 0 and self.step % every == 0

    def _train_step(self, batch: Batch) -> dict[str, Tensor]:
        settings = self.settings.optimizer
        torch.manual_seed(
            self.settings.data.seed * 1_000_003 + self.step * 64 + self.accelerator.process_index
        )
        set_rates(self.optimizer, self.step, settings, self._time_used())
        self.module.train()
        batch = batch.to(self.accelerator.device)
        try:
            with self.accelerator.autocast():
                losses: dict[str, Tensor] = self.module(batch.images, batch.targets)
            loss = total_loss(list(losses.values()))
            if not finite([loss.detach()]):
                self._abort(batch, losses)
            self.accelerator.backward(loss)
        except torch.OutOfMemoryError as error:
            size = self.settings.data.batch_size
            raise UsageError(
                f"data.batch_size: {size} images of {tuple(batch.images.shape[1:3])} do not fit into "
                f"memory; "
                f"try {max(1, size // 2)}, smaller data.sizes or run.precision = 'bf16'"
            ) from error
        norm = self.accelerator.clip_grad_norm_(self.module.parameters(), settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(self.plain.detector, self.step)
        return {**{name: value.detach() for name, value in losses.items()}, "gradient_norm": norm.detach()}

    def _abort(self, batch: Batch, losses: dict[str, Tensor]) -> None:
        path = self.folder / f"nan-batch-{self.step:07d}.pt"
        with atomic_path(path) as temporary:
            torch.save({"images": batch.images, "targets": vars(batch.targets)}, temporary)
        bad = ", ".join(name for name, value in losses.items() if not finite([value])) or "the sum"
        rate = self.settings.optimizer.learning_rate
        raise DataError(
            path,
            f"the loss of step {self.step} is not finite",
            found=bad,
            hint=f"the batch is saved there; try a learning rate below {rate:g} or precision 'no'",
        )

    def _log(self, losses: dict[str, Tensor], seconds: float, figures: dict[str, float]) -> None:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder / "tensorboard"))
        values = {name: float(value) for name, value in losses.items()}
        for name, value in values.items():
            self._writer.add_scalar(f"loss/{name}", value, self.step)
        total = sum(value for name, value in values.items() if name != "gradient_norm")
        left = (self.settings.optimizer.steps - self.step) * seconds
        shown = {"loss": total, "depth": values.get("depth", float("nan")), "s_per_step": seconds}
        shown |= {name: figures[name] for name in ("score", "AP50", "depth_error") if name in figures}
        self.progress.update(self.step, self.settings.optimizer.steps, **shown, minutes_left=left / 60)

    def _evaluate(self) -> dict[str, float]:
        if self.evaluate is None or not self.is_main:
            return {}
        model = self.averaged_detector()
        figures = self.evaluate(model)
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(f"evaluation/{name}", value, self.step)
        path = self.folder / CURVE
        header = "" if path.exists() else "step,figure,value\n"
        rows = "".join(f"{self.step},{name},{value:.5f}\n" for name, value in figures.items())
        with path.open("a", encoding="utf-8") as file:
            file.write(header + rows)
        score = figures.get("score", 0.0)
        if score > self.best:
            self.best = score
            model.save_pretrained(self.folder / "best")
        return figures

    def averaged_detector(self) -> DepthNetwork:
        """A copy of the detector with the averaged weights, for evaluation and export."""
        model: DepthNetwork = copy.deepcopy(self.plain.detector).cpu()
        model.load_state_dict({name: value.cpu() for name, value in self.average.state.items()})
        model.eval()
        return model

    def save(self) -> None:
        """Write the state of this step."""
        self.accelerator.wait_for_everyone()
        if not self.is_main:
            return
        state = {
            "step": self.step,
            "best": self.best,
            "seconds": self._before_s + time.monotonic() - self._started,
            "module": self.plain.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state,
            "settings": self.settings.as_dict(),
        }
        save_state(self.folder, self.step, state)

    def resume(self) -> None:
        """Continue from the newest saved state of the folder, if any.

        Raises:
            DataError: It is damaged or of another network (missing and unexpected names are told).
        """
        stored = stored_states(self.folder)
        if not stored:
            return
        state = load_state(stored[-1])
        try:
            self.plain.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            found = " ".join(str(error).split())[:400]
            raise DataError(stored[-1], "a state of another network", found=found) from error
        for name, value in state["average"].items():
            self.average.state[name].copy_(value)
        self.step, self.best = int(state["step"]), float(state["best"])
        self._before_s = float(state["seconds"])


def train(trainer: Trainer) -> dict[str, float]:
    """Run a trainer; torch's own out-of-memory text on a CPU becomes advice as well."""
    try:
        return trainer.run()
    except RuntimeError as error:
        if isinstance(error, DeptrError) or "allocate memory" not in str(error):
            raise
        raise UsageError("data.batch_size: a batch does not fit into memory; halve it") from error
