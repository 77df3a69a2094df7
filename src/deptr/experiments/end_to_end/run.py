"""The work before the evaluation, in one go: worlds, two detectors, what they see, decoders of all arms."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

import torch

from deptr.detector.loading import stored_config
from deptr.errors import DataError
from deptr.experiments.end_to_end.arms import ARMS, DISTILLED, OWN_ARMS, PLAIN, Arm, Budget, View
from deptr.experiments.end_to_end.detectors import train_detector
from deptr.experiments.end_to_end.lessons import HELD_OUT_EVERY, Arrays, Cutting, Pool, lessons_of
from deptr.experiments.end_to_end.rendering import World, film, worlds_of
from deptr.experiments.end_to_end.stacked import Learner, Stack, Taught
from deptr.experiments.end_to_end.views import look, look_for_own
from deptr.files import atomic_write
from deptr.progress import Progress, SilentProgress
from deptr.training.identity.config import IdentityTrainSettings
from deptr.training.identity.decoder import IdentityConfig, IdentityDecoder
from deptr.training.identity.task import started

DETECTORS_UNTIL, OWN_SHARE = 0.42, 0.25  # of the budget's seconds
LEFT_OVER_S = 8.0  # of the budget, to write what was learned
OWN_SEEDS, OWN_CLIPS = 2, 3  # decoders of each arm, and how many times as many clips they learn from at once
Sorted = tuple[bool, list[tuple[int, Arrays]]]  # whether held out, and lessons with their rooms


@dataclass(frozen=True)
class Places:
    """Folders and models of a run.

    Attributes:
        folder: What is kept.
        scratch: Pictures, which are large and can be made again.
        detector: The released detector.
        start: What both detectors of the experiment start from, see `train_detector`.
        decoder: Folder of a decoder for boxes that all arms start from; empty: random weights.
    """

    folder: Path
    scratch: Path
    detector: str
    start: str = "backbone"
    decoder: str = ""


@dataclass
class _Clock:
    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        return time.monotonic() - self.started

    def left(self, until: float = 1.0) -> float:
        """Seconds until a share of the budget is gone, at least one; 0 without a budget."""
        return max(until * self.seconds - self.spent, 1.0) if self.seconds else 0.0


def teach(
    places: Places, budget: Budget, *, arms: Sequence[Arm] = ARMS, progress: Progress | None = None
) -> None:
    """Make everything that the evaluation needs; what is there already is kept.

    Args:
        places: Folders and models.
        budget: How much work.
        arms: Those of given boxes that are trained.
        progress: Told of each stage.

    Raises:
        DataError: A model cannot be used.
    """
    clock, told = _Clock(budget.seconds), progress or SilentProgress()
    for path in (places.folder, places.scratch):
        path.mkdir(parents=True, exist_ok=True)
    tests = [world for world in worlds_of(budget) if world.test]

    def say(stage: str, **values: float) -> None:
        told.update(int(clock.spent), int(budget.seconds) or int(clock.spent) + 1, stage=stage, **values)

    work = _Work(places, budget, say)
    with _workers(budget.workers) as pool:
        if _missing_detectors(places) or work.missing(View.GIVEN, arms) or work.missing(View.OWN, OWN_ARMS):
            looks = _learn(pool, work, arms, clock)
        else:
            looks = [pool.submit(_look, world, places, budget) for world in tests]
        for future in as_completed(looks):
            future.result()
            say("looking at the tests")
    say("done")


def look_at_tests(places: Places, budget: Budget, *, progress: Progress | None = None) -> None:
    """Let the released detector find what it finds in the tests, without anything that is learned.

    Args:
        places: Folders and models.
        budget: How many tests, and how much of each.
        progress: Told after each.
    """
    told = progress or SilentProgress()
    for path in (places.folder, places.scratch):
        path.mkdir(parents=True, exist_ok=True)
    tests = [world for world in worlds_of(budget) if world.test]
    with _workers(budget.workers) as pool:
        looks = [pool.submit(_look_for_own, world, places, budget) for world in tests]
        for done, future in enumerate(as_completed(looks), 1):
            future.result()
            told.update(done, len(tests), stage="looking at the tests")


def _learn(pool: ProcessPoolExecutor, work: _Work, arms: Sequence[Arm], clock: _Clock) -> list[Future[None]]:
    """Train all that is missing; what comes back are looks at the tests, for which decoders do not wait."""
    places, budget = work.places, work.budget
    worlds = worlds_of(budget)
    clips, tests = [w for w in worlds if not w.test], [w for w in worlds if w.test]
    config = IdentityConfig(identities=budget.identities, state_width=_width(places.detector))
    with _detectors(places, clips, budget, clock) as detectors, ThreadPoolExecutor(1) as beside:
        own = [pool.submit(_own_lessons, world, places, budget, config) for world in clips]
        films = [pool.submit(film, world, budget, places.scratch, places.folder) for world in tests]
        pools = _pools(own, budget)
        work.say("clips are there")
        own_decoders = beside.submit(work.train, View.OWN, OWN_ARMS, pools, OWN_SHARE * budget.seconds)
        for trained in detectors:
            trained.result()
        work.say("detectors are trained")
        given = [pool.submit(_given_lessons, world, places, budget, config) for world in clips]
        for rendered in films:
            rendered.result()
        looks = [pool.submit(_look, world, places, budget) for world in tests]
        pools = _pools(given, budget)
        work.say("lessons are there")
        own_decoders.result()
        seconds = max(clock.left() - LEFT_OVER_S, 1.0) if budget.seconds else 0.0
        work.train(View.GIVEN, arms, pools, seconds)
    return looks


def _look(world: World, places: Places, budget: Budget) -> None:
    """Render a test if it is not there, and let all detectors look at it."""
    _look_for_own(world, places, budget)
    look(world, places.folder / "detectors", places.scratch, places.folder / "test")


def _look_for_own(world: World, places: Places, budget: Budget) -> None:
    """The same of the released detector alone."""
    film(world, budget, places.scratch, places.folder)
    look_for_own(world, places.detector, places.scratch, places.folder / "test-own")


def _width(detector: str) -> int:
    width = stored_config(detector).get("d_model")
    if not isinstance(width, int):
        raise DataError(detector, "no DepTR checkpoint", expected="a folder with config.json and weights")
    return width


@contextmanager
def _workers(count: int) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=_one_thread)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _missing_detectors(places: Places) -> list[str]:
    folder = places.folder / "detectors"
    return [kind for kind in (PLAIN, DISTILLED) if not (folder / kind / "config.json").is_file()]


@contextmanager
def _detectors(
    places: Places, clips: list[World], budget: Budget, clock: _Clock
) -> Iterator[list[Future[None]]]:
    """Both detectors in processes of their own, on a CPU one after the other."""
    pool = ProcessPoolExecutor(2 if torch.cuda.is_available() else 1, get_context("spawn"))
    try:
        yield [
            pool.submit(_train_detector, kind, clips, budget, places, clock.left(DETECTORS_UNTIL))
            for kind in _missing_detectors(places)
        ]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _train_detector(kind: str, clips: list[World], budget: Budget, places: Places, seconds: float) -> None:
    train_detector(
        kind,
        clips,
        budget,
        start=places.start,
        scratch=places.scratch,
        folder=places.folder / "detectors",
        seconds=seconds,
    )


def _own_lessons(world: World, places: Places, budget: Budget, config: IdentityConfig) -> Sorted:
    film(world, budget, places.scratch, places.folder)
    look_for_own(world, places.detector, places.scratch, places.folder / "own")
    return _held_out(world), lessons_of(world, Cutting(View.OWN, places.folder / "own", budget, config))


def _given_lessons(world: World, places: Places, budget: Budget, config: IdentityConfig) -> Sorted:
    folder = places.folder / "given"
    look(world, places.folder / "detectors", places.scratch, folder)
    return _held_out(world), lessons_of(world, Cutting(View.GIVEN, folder, budget, config))


def _held_out(world: World) -> bool:
    return world.number % HELD_OUT_EVERY == 1


def _pools(futures: Sequence[Future[Sorted]], budget: Budget) -> tuple[list[Pool], list[Pool]]:
    """Lessons to learn from and to judge by, by room."""
    device = _device()
    sorted_out: tuple[list[list[Arrays]], list[list[Arrays]]] = ([], [])
    for side in sorted_out:
        side.extend([] for _ in budget.rooms)
    for future in as_completed(futures):
        held_out, lessons = future.result()
        for room, arrays in lessons:
            sorted_out[held_out][room].append(arrays)
    learned, judged = ([Pool.of(own, device) for own in side if own] for side in sorted_out)
    if not learned:
        raise DataError("clips", "no lesson fits into a room", hint="more scenes, or larger rooms")
    return learned, judged


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class _Work:
    """Training of decoders in this run."""

    places: Places
    budget: Budget
    say: Callable[..., None]

    def missing(self, view: View, arms: Sequence[Arm]) -> list[Learner]:
        """Decoders of a view that are not there yet."""
        seeds = min(self.budget.seeds, OWN_SEEDS) if view is View.OWN else self.budget.seeds
        learners = [Learner(arm, seed) for arm in arms for seed in range(seeds)]
        folder = self.places.folder / "decoders"
        return [own for own in learners if not (folder / own.name / "config.json").is_file()]

    def train(
        self, view: View, arms: Sequence[Arm], pools: tuple[list[Pool], list[Pool]], seconds: float
    ) -> None:
        """Train all decoders of a view that are not there yet."""
        budget, folder = self.budget, self.places.folder / "decoders"
        if view is View.OWN:
            budget = replace(budget, clips=OWN_CLIPS * budget.clips)
        learners = self.missing(view, arms)
        if not learners:
            return
        stack = Stack(
            learners,
            [self._started(learner.seed) for learner in learners],
            pools=pools[0],
            held_out=pools[1],
            budget=budget,
            device=_device(),
        )

        def told(step: int, spent: float, loss: float) -> None:
            self.say(f"{view.value} decoders", step=step, loss=loss)

        taught = stack.train(seconds, told)
        for learner, decoder in zip(learners, taught.decoders, strict=True):
            decoder.save_pretrained(folder / learner.name, half=True)
        _write_curve(self.places.folder / f"curve-{view.value}.csv", learners, taught)

    def _started(self, seed: int) -> IdentityDecoder:
        torch.manual_seed(seed)
        config = IdentityConfig(identities=self.budget.identities, state_width=_width(self.places.detector))
        return started(IdentityTrainSettings(start=self.places.decoder, model=config))


def _write_curve(path: Path, learners: Sequence[Learner], taught: Taught) -> None:
    with atomic_write(path) as file:
        writer = csv.writer(file)
        writer.writerow(["step", "seconds", *(learner.name for learner in learners)])
        for step, seconds, right in taught.curve:
            writer.writerow([step, f"{seconds:.1f}", *(f"{value:.5f}" for value in right)])
