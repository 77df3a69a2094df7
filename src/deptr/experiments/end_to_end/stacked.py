"""Many decoders trained at once: their weights have a leading axis, and so have their clips."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from deptr.experiments.end_to_end.arms import DEPTHS, STATES, Arm, Budget
from deptr.experiments.end_to_end.lessons import Pool
from deptr.training.identity.criterion import ClipTensors, clip_logits, clip_losses
from deptr.training.identity.decoder import IdentityDecoder

CLIP_NORM, WEIGHT_DECAY, WARMUP, AVERAGING = 1.0, 1e-2, 50, 0.99
CURVE_POINTS = 8  # evaluations on held-out lessons
JUDGED = 24  # of which each looks at so many of every room
Told = Callable[[int, float, float], None]


class _Losses(nn.Module):
    """A decoder whose forward is its loss on one clip."""

    def __init__(self, decoder: IdentityDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, clip: ClipTensors) -> Tensor:
        """``(3,)`` sums of the losses and the number of detections."""
        return torch.stack([value.float() for value in clip_losses(self.decoder, clip)])


class _Right(_Losses):
    """A decoder whose forward is how often it is right in one clip."""

    def forward(self, clip: ClipTensors) -> Tensor:
        """``(2,)`` right answers and detections."""
        right = (clip_logits(self.decoder, clip).argmax(-1) == clip.targets) & clip.counted
        return torch.stack([right.sum(), clip.counted.sum()]).float()


@dataclass(frozen=True)
class Learner:
    """One decoder of the stack."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.arm.name}-{self.seed}"


@dataclass(frozen=True)
class Taught:
    """What came of a stack.

    Attributes:
        decoders: With averaged weights, in the order of the learners.
        steps: That were done.
        curve: Rows of step, seconds and the share of right answers on held-out lessons of each learner.
    """

    decoders: list[IdentityDecoder]
    steps: int
    curve: list[tuple[int, float, list[float]]]


class Stack:
    """Decoders of one shape that learn side by side; learners of one seed see the same lessons.

    Args:
        learners: Who learns.
        decoders: What each starts with.
        pools: Lessons to learn from, by room.
        held_out: Lessons to judge by, by room.
        budget: How much work.
        device: Where.
    """

    def __init__(
        self,
        learners: Sequence[Learner],
        decoders: Sequence[IdentityDecoder],
        *,
        pools: Sequence[Pool],
        held_out: Sequence[Pool],
        budget: Budget,
        device: str,
    ) -> None:
        self.learners, self.pools, self.held_out = list(learners), pools, held_out
        self.budget, self.device = budget, device
        parameters, buffers = stack_module_state([_Losses(decoder).to(device) for decoder in decoders])
        self.parameters: dict[str, Tensor] = parameters
        self.buffers: dict[str, Tensor] = buffers
        self.average = {name: value.detach().clone() for name, value in parameters.items()}
        self.plain = decoders[0]
        self._optimizer = torch.optim.AdamW(
            list(parameters.values()),
            lr=budget.learning_rate,
            weight_decay=WEIGHT_DECAY,
            fused=device == "cuda",
        )
        arms = [learner.arm for learner in learners]
        self._depth = torch.tensor([DEPTHS[arm.view].index(arm.depth) for arm in arms], device=device)
        self._states = torch.tensor([STATES[arm.view].index(arm.states) for arm in arms], device=device)
        seeds = sorted({learner.seed for learner in learners})
        self._seed = torch.tensor([seeds.index(learner.seed) for learner in learners], device=device)
        self._seeds = len(seeds)
        self._run = self._stacked(_Losses)
        self._judge = self._stacked(_Right)

    def _stacked(self, kind: type[_Losses]) -> Callable[..., Tensor]:
        """The losses ``(M, B, ...)`` of all decoders on their clips."""
        template = kind(copy.deepcopy(self.plain)).to(self.device)

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], clip: ClipTensors) -> Tensor:
            value: Tensor = functional_call(template, (parameters, buffers), (clip,))
            return value

        over_clips = vmap(one, in_dims=(None, None, 0))
        return vmap(over_clips, in_dims=(0, 0, 0))

    def train(self, seconds: float = 0.0, told: Told | None = None) -> Taught:
        """Learn until the steps are done or the time is over.

        Args:
            seconds: Time for it, 0 for no limit.
            told: Called with the step, the seconds and the mean loss now and then.
        """
        torch.set_float32_matmul_precision("high")
        rng = np.random.default_rng(0)
        shares = np.array([len(pool) for pool in self.pools], float)
        started, step, steps = time.monotonic(), 0, self.budget.decoder_steps
        curve = [(0, 0.0, self.judged())]
        while True:
            spent = time.monotonic() - started
            used = max(step / steps, spent / seconds if seconds else 0.0)
            if used >= 1:
                break
            loss = self._step(self.pools[int(rng.choice(len(shares), p=shares / shares.sum()))], step, used)
            step += 1
            if used * CURVE_POINTS >= len(curve):
                curve.append((step, spent, self.judged()))
                if told is not None:
                    told(step, spent, float(loss.mean()))
        curve.append((step, time.monotonic() - started, self.judged()))
        return Taught(self._decoders(), step, curve)

    def _step(self, pool: Pool, step: int, used: float) -> Tensor:
        rate = (
            self.budget.learning_rate * min(1.0, (step + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * used))
        )
        for group in self._optimizer.param_groups:
            group["lr"] = max(rate, 0.01 * self.budget.learning_rate)
        rows = torch.randint(len(pool), (self._seeds, self.budget.clips), device=self.device)[self._seed]
        clips = self._renamed(pool.take(rows, self._depth, self._states))
        sums = self._run(self.parameters, self.buffers, clips).sum(1)
        losses = (sums[:, 0] + sums[:, 1]) / sums[:, 2].clamp(min=1)
        self._optimizer.zero_grad()
        torch.autograd.backward(losses.sum())
        self._clip_each()
        self._optimizer.step()
        keep = min(AVERAGING, (step + 1) / (step + 10))
        with torch.no_grad():
            averages = list(self.average.values())
            torch._foreach_mul_(averages, keep)
            torch._foreach_add_(averages, list(self.parameters.values()), alpha=1 - keep)
        return losses.detach()

    def _renamed(self, clips: ClipTensors) -> ClipTensors:
        """The same clips with other slots, so that none stands for anything."""
        count = self.plain.config.identities
        drawn = torch.rand(self._seeds, clips.held.shape[1], count, device=self.device)
        order = drawn.argsort(-1)[self._seed]
        last = torch.full((*order.shape[:2], 1), count, device=self.device)
        names = torch.cat([order, last], dim=-1)

        def renamed(values: Tensor) -> Tensor:
            return names.gather(-1, values.clamp(min=0).flatten(2)).view_as(values)

        slots = torch.where(clips.slots >= 0, renamed(clips.slots), clips.slots)
        return clips._replace(held=renamed(clips.held), targets=renamed(clips.targets), slots=slots)

    def _clip_each(self) -> None:
        """Scale the gradient of each decoder to at most `CLIP_NORM`."""
        gradients = [value.grad for value in self.parameters.values() if value.grad is not None]
        norm = torch.stack([own.flatten(1).square().sum(1) for own in gradients]).sum(0).sqrt()
        scale = (CLIP_NORM / norm.clamp(min=1e-6)).clamp(max=1.0).nan_to_num(0.0)
        for own in gradients:
            own.mul_(scale.view(-1, *[1] * (own.ndim - 1)))

    @torch.no_grad()
    def judged(self) -> list[float]:
        """Share of detections of held-out lessons whose identity each decoder finds, by averaged weights."""
        total = torch.zeros(len(self.learners), 2, device=self.device)
        for pool in self.held_out:
            for start in range(0, min(len(pool), JUDGED), self.budget.clips):
                rows = torch.arange(start, min(start + self.budget.clips, len(pool)), device=self.device)
                clips = pool.take(rows.expand(len(self.learners), -1), self._depth, self._states)
                total += self._judge(self.average, self.buffers, clips).sum(1)
        return (total[:, 0] / total[:, 1].clamp(min=1)).tolist()

    def _decoders(self) -> list[IdentityDecoder]:
        made = []
        for row in range(len(self.learners)):
            decoder = copy.deepcopy(self.plain).cpu()
            state = {name.removeprefix("decoder."): value[row].cpu() for name, value in self.average.items()}
            decoder.load_state_dict(state, strict=False)
            made.append(decoder.eval())
        return made
