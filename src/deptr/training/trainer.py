"""The training loop: batches in, checkpoints out; killed at any time it goes on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor

from deptr.errors import DataError, DeptrError, UsageError
from deptr.files import atomic_path
from deptr.progress import Progress, SilentProgress
from deptr.training.checkpoints import load_state, save_state, stored_states
from deptr.training.schedule import AveragedWeights, build_optimizer, finite, set_rates
from deptr.training.task import AnyBatch, ModelT, Task

CURVE = "learning-curve.csv"
SHOWN = ("score", "AP50", "depth_error", "right")  # figures beside the loss, where there are such
Evaluation = Callable[[ModelT], dict[str, float]]


class Trainer(Generic[ModelT]):
    """A run in a folder.

    Args:
        task: What is trained, on what; its model is moved to the run's device.
        folder: Where states, logs and the best model go.
        evaluate: Gives figures of the averaged weights; ``"score"`` decides which is best. None: never.
        progress: Told after each step.
    """

    def __init__(
        self,
        task: Task[ModelT],
        folder: str | Path,
        *,
        evaluate: Evaluation[ModelT] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.task, self.folder = task, Path(folder)
        self.evaluate, self.progress = evaluate, progress or SilentProgress()
        run = task.run
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # a batch may hold no object
        self.accelerator = Accelerator(
            mixed_precision=run.precision, cpu=run.device == "cpu", kwargs_handlers=[unused]
        )
        if self.accelerator.device.type == "cuda":
            torch.set_float32_matmul_precision("high")
        module: Any = task.step.to(self.accelerator.device)
        optimizer = build_optimizer(module, task.optimizer)
        self.plain = module
        self.average = AveragedWeights(task.model, task.optimizer.ema_decay)
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
        task, run = self.task, self.task.run
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        figures: dict[str, float] = {}
        first = self.step
        self._started = started = time.monotonic()
        pin = self.accelerator.device.type == "cuda"
        for batch in task.batches(self.step, rank=rank, processes=processes, pin=pin):
            losses = self._train_step(batch)
            self.step += 1
            last = self.step == task.optimizer.steps or self._time_used() >= 1
            if self.is_main and (self.step % run.log_every == 0 or last):
                self._log(losses, (time.monotonic() - started) / (self.step - first), figures)
            if self._due(run.evaluate_every) or last:
                figures = self._evaluate() or figures
            if self._due(run.save_every) or last:
                self.save()
            if last:
                break
        return figures

    def _time_used(self) -> float:
        """Share of `RunSettings.minutes` that is gone, 0 where there is no such limit."""
        minutes = self.task.run.minutes
        if not minutes:
            return 0.0
        return (self._before_s + time.monotonic() - self._started) / (60 * minutes)

    def _due(self, every: int) -> bool:
        return every > 0 and self.step % every == 0

    def _train_step(self, batch: AnyBatch) -> dict[str, Tensor]:
        settings = self.task.optimizer
        torch.manual_seed(self.task.seed * 1_000_003 + self.step * 64 + self.accelerator.process_index)
        set_rates(self.optimizer, self.step, settings, self._time_used())
        self.module.train()
        batch = batch.to(self.accelerator.device)
        try:
            with self.accelerator.autocast():
                losses: dict[str, Tensor] = self.module(batch)
            loss = torch.stack(list(losses.values())).sum()
            if not finite([loss.detach()]):
                self._abort(batch, losses)
            self.accelerator.backward(loss)
        except torch.OutOfMemoryError as error:
            raise UsageError(self.task.memory_advice(batch)) from error
        norm = self.accelerator.clip_grad_norm_(self.module.parameters(), settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(self.task.model, self.step)
        return {**{name: value.detach() for name, value in losses.items()}, "gradient_norm": norm.detach()}

    def _abort(self, batch: AnyBatch, losses: dict[str, Tensor]) -> None:
        path = self.folder / f"nan-batch-{self.step:07d}.pt"
        with atomic_path(path) as temporary:
            torch.save(batch.saved(), temporary)
        bad = ", ".join(name for name, value in losses.items() if not finite([value])) or "the sum"
        rate = self.task.optimizer.learning_rate
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
        left = (self.task.optimizer.steps - self.step) * seconds
        shown = {"loss": total, "s_per_step": seconds}
        shown |= {name: values[name] for name in ("depth", "confusion") if name in values}
        shown |= {name: figures[name] for name in SHOWN if name in figures}
        self.progress.update(self.step, self.task.optimizer.steps, **shown, minutes_left=left / 60)

    def _evaluate(self) -> dict[str, float]:
        if self.evaluate is None or not self.is_main:
            return {}
        model = self.averaged_model()
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

    def averaged_model(self) -> ModelT:
        """A copy of the model with the averaged weights, for evaluation and export."""
        return self.task.with_weights({name: value.cpu() for name, value in self.average.state.items()})

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
            "settings": self.task.settings,
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


def train(trainer: Trainer[Any]) -> dict[str, float]:
    """Run a trainer; torch's own out-of-memory text on a CPU becomes advice as well."""
    try:
        return trainer.run()
    except RuntimeError as error:
        if isinstance(error, DeptrError) or "allocate memory" not in str(error):
            raise
        raise UsageError("data.batch_size: a batch does not fit into memory; halve it") from error
