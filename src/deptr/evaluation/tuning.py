"""Searching a tracker's parameters, with and without depth, on some sequences; judging on the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import UsageError
from deptr.evaluation.bootstrap import Difference, paired_bootstrap
from deptr.evaluation.cells import detections_of
from deptr.evaluation.contenders import Contender, operating_point, run
from deptr.evaluation.judge import check_tracks, combine, process_context
from deptr.evaluation.readings import ground_truth_of
from deptr.evaluation.search_space import Dimension, dimensions
from deptr.evaluation.trackeval_memory import RawScores, raw_scores
from deptr.io import sequences as layout
from deptr.io.sequences import Benchmark
from deptr.progress import Progress, SilentProgress

LEAST_SEQUENCES = 2


@dataclass(frozen=True)
class Setting:
    """What is searched.

    Attributes:
        benchmark: Whose rules hold.
        training: Sequences the search sees.
        validation: Sequences the result is judged on.
        tracker: Name of our tracker.
        fusion: Mode of the fusion that is compared with none.
        strides: Frame strides; the objective is the mean over them.
        search: Names of the parameters to search; empty means all that can be.
        fixed: Parameters that keep a value.
        metric: Name of the figure to raise.
        seed: Seed of the search and the split.
    """

    benchmark: Benchmark
    training: tuple[layout.Sequence, ...]
    validation: tuple[layout.Sequence, ...]
    tracker: str = "bytetrack"
    fusion: str = "adaptive"
    strides: tuple[int, ...] = (1,)
    search: tuple[str, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    metric: str = "HOTA"
    seed: int = 0


@dataclass(frozen=True)
class Candidate:
    """A contender and what it reaches.

    Attributes:
        contender: Tracker, fusion and parameters.
        training: Combined figures on the training sequences.
        validation: Combined figures on the validation sequences.
        raw: Per validation sequence (and stride), TrackEval's fields.
    """

    contender: Contender
    training: dict[str, float]
    validation: dict[str, float]
    raw: dict[str, RawScores]


@dataclass(frozen=True)
class TuneResult:
    """What a search found.

    Attributes:
        default: The tracker at its family's operating point, without depth.
        plain: The best without depth.
        fused: The best with depth.
        difference: What depth adds on the validation sequences: against the best without depth or against the
            same parameters without depth, whichever is less in favour of depth.
        trials: Trials of each search.
    """

    default: Candidate
    plain: Candidate
    fused: Candidate
    difference: Difference
    trials: int

    @property
    def helps(self) -> bool:
        """Whether depth certainly helps: fewer switches, or more of anything else."""
        return self.difference.high < 0 if self.difference.metric == "IDSW" else self.difference.low > 0

    @property
    def best(self) -> Candidate:
        """With depth only where it certainly helps."""
        return self.fused if self.helps else self.plain

    @property
    def verdict(self) -> str:
        """What depth does here, in one sentence."""
        told = (
            f"{self.difference.metric} {self.difference} on {self.difference.sequences} validation sequences"
        )
        if self.helps:
            return f"depth helps here: {told}"
        if self.difference.certain:
            return f"depth does not help here, it hurts: {told}"
        return f"depth does not help here: {told}, an interval that includes zero"


def split_sequences(
    sequences: Iterable[layout.Sequence], *, share: float = 0.5, names: Iterable[str] = (), seed: int = 0
) -> tuple[tuple[layout.Sequence, ...], tuple[layout.Sequence, ...]]:
    """Training and validation sequences.

    Args:
        sequences: All of them.
        share: Share of sequences for validation, in (0, 1), used without `names`.
        names: Sequences for validation.
        seed: Seed of the draw.

    Raises:
        UsageError: Fewer than two sequences, or nothing left on one side, or an unknown name.

    Example:
        >>> listed = [layout.Sequence(name, 10) for name in "abcd"]
        >>> [[entry.name for entry in side] for side in split_sequences(listed, names=["b"])]
        [['a', 'c', 'd'], ['b']]
    """
    listed = list(sequences)
    if len(listed) < LEAST_SEQUENCES:
        raise UsageError(f"a validation split needs at least {LEAST_SEQUENCES} sequences, got {len(listed)}")
    chosen = set(names)
    unknown = sorted(chosen - {entry.name for entry in listed})
    if unknown:
        raise UsageError(f"validation: no such sequence as {', '.join(unknown)}")
    if not chosen:
        if not 0 < share < 1:
            raise UsageError(f"validation share: expected a number in (0, 1), got {share}")
        count = min(max(round(share * len(listed)), 1), len(listed) - 1)
        order = np.random.default_rng(seed).permutation(len(listed))
        chosen = {listed[index].name for index in order[:count]}
    training = tuple(entry for entry in listed if entry.name not in chosen)
    if not training:
        raise UsageError("validation: nothing is left for training")
    return training, tuple(entry for entry in listed if entry.name in chosen)


def tune(
    setting: Setting,
    journal: str | Path,
    *,
    trials: int = 100,
    workers: int = 1,
    progress: Progress | None = None,
) -> TuneResult:
    """Search with and without depth, equally long, and judge both on the validation sequences.

    Finished trials lie in `journal`; the same call goes on from there. In the end each side is also tried
    with the parameters that the other found, and depth is judged against the same parameters without it
    too, so that a luckier or less overfitted search is not taken for a gain by depth.

    Args:
        setting: What is searched.
        journal: File of Optuna's journal storage.
        trials: Trials of each of the two searches.
        workers: Processes that share the sequences of a trial.
        progress: Told after each trial.

    Raises:
        UsageError: A parameter cannot be searched, or a count is below 1.
        DataError: Detections or a ground truth cannot be read.
    """
    if trials < 1 or workers < 1:
        raise UsageError(f"trials and workers: expected whole numbers from 1, got {trials} and {workers}")
    told = progress or SilentProgress()
    for sequence in (*setting.training, *setting.validation):
        detections_of(setting.benchmark, sequence)  # what is wrong with a file is told before any trial
        ground_truth_of(setting.benchmark, sequence)
    pool: Any = nullcontext()
    if workers > 1:
        pool = ProcessPoolExecutor(workers, mp_context=process_context())
    with pool as executor:
        found = []
        for number, fusion in enumerate(("none", setting.fusion)):
            report = partial(_report, told, setting.metric, (number * trials, 2 * trials))
            found.append(_Search(setting, fusion, executor).run(journal, trials, report))
        default = _judge(setting, Contender(setting.tracker, "none", _family(setting)), executor)
        # each side may also take the other's parameters: what remains between them is depth
        crossed = [replace(found[1], fusion="none"), replace(found[0], fusion=setting.fusion)]
        plain = _better(setting, [found[0], crossed[0]], executor)
        fused = _better(setting, [found[1], crossed[1]], executor)
        same = _judge(setting, replace(fused.contender, fusion="none"), executor)
    gaps = [paired_bootstrap(fused.raw, rival.raw, metric=setting.metric) for rival in (plain, same)]
    if setting.metric == "IDSW":
        return TuneResult(default, plain, fused, max(gaps, key=lambda gap: gap.high), trials)
    return TuneResult(default, plain, fused, min(gaps, key=lambda gap: gap.low), trials)


def _report(told: Progress, metric: str, place: tuple[int, int], done: int, value: float) -> None:
    told.update(place[0] + done, place[1], **{metric: value})


def _better(setting: Setting, contenders: Iterable[Contender], executor: Executor | None) -> Candidate:
    """The contender that does best on the training sequences."""
    judged = [_judge(setting, contender, executor) for contender in contenders]
    sign = -1 if setting.metric == "IDSW" else 1
    return max(judged, key=lambda candidate: sign * candidate.training[setting.metric])


class _Search:
    """One Optuna study: a tracker with one fusion."""

    def __init__(self, setting: Setting, fusion: str, executor: Executor | None) -> None:
        self.setting = setting
        self.fusion = fusion
        self.executor = executor
        self.dimensions = dimensions(
            setting.tracker, fusion, only=setting.search, fixed=[name for name, _ in setting.fixed]
        )
        self.base = {**_family(setting), **dict(setting.fixed)}

    def run(self, journal: str | Path, trials: int, told: Callable[[int, float], None]) -> Contender:
        """Finish the study and return the best contender."""
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
        from optuna.trial import TrialState

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        Path(journal).parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            study_name=self._name(),
            direction="minimize" if self.setting.metric == "IDSW" else "maximize",
            load_if_exists=True,
        )
        done = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
        # a resumed search must not draw the same beginning again
        study.sampler = optuna.samplers.TPESampler(seed=self.setting.seed + done, multivariate=True)
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(self._default())
        for number in range(done, trials):
            study.optimize(self._objective, n_trials=1, catch=())
            told(number + 1, study.best_value)
        told(trials, study.best_value)
        return self._contender(study.best_params)

    def _name(self) -> str:
        setting = self.setting
        facts: list[Any] = [
            setting.benchmark.name,
            setting.tracker,
            self.fusion,
            setting.strides,
            setting.metric,
        ]
        facts += [[entry.name for entry in setting.training], sorted(self.base.items())]
        facts += [[str(entry) for entry in self.dimensions], setting.seed]
        digest = hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:12]
        return f"{setting.benchmark.name}-{setting.tracker}-{self.fusion}-{digest}"

    def _default(self) -> dict[str, Any]:
        return {
            entry.name: entry.nearest(self.base.get(entry.name, entry.default)) for entry in self.dimensions
        }

    def _objective(self, trial: Any) -> float:
        values = {entry.name: entry.suggest(trial) for entry in self.dimensions}
        raw = scores(self.setting, self._contender(values), self.setting.training, self.executor)
        return _mean(raw, self.setting)[self.setting.metric]

    def _contender(self, values: Mapping[str, Any]) -> Contender:
        from deptr.evaluation.contenders import our_contender

        own = {name: value for name, value in values.items() if not name.startswith(Dimension.FUSION)}
        depth = [
            f"{name.removeprefix(Dimension.FUSION)}={value:.6g}"
            for name, value in values.items()
            if name.startswith(Dimension.FUSION)
        ]
        fusion = f"{self.fusion}:{','.join(depth)}" if depth else self.fusion
        return our_contender(self.setting.tracker, fusion, "", {**self.base, **own})


def _family(setting: Setting) -> dict[str, Any]:
    return operating_point(setting.tracker, setting.benchmark.family)


def _judge(setting: Setting, contender: Contender, executor: Executor | None) -> Candidate:
    raw = scores(setting, contender, setting.validation, executor)
    training = scores(setting, contender, setting.training, executor)
    return Candidate(contender, _mean(training, setting), _mean(raw, setting), raw)


def _mean(raw: dict[str, RawScores], setting: Setting) -> dict[str, float]:
    """Combined figures, averaged over the strides."""
    parts = []
    for stride in setting.strides:
        parts.append(combine({name: value for name, value in raw.items() if name.endswith(f"/{stride}")}))
    return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}


def scores(
    setting: Setting,
    contender: Contender,
    chosen: Sequence[layout.Sequence],
    executor: Executor | None = None,
) -> dict[str, RawScores]:
    """TrackEval's fields by ``sequence/stride``."""
    jobs = [(entry, stride) for stride in setting.strides for entry in chosen]
    thin = [entry.strided(stride) for entry, stride in jobs]
    arguments = ([contender] * len(jobs), [setting.benchmark] * len(jobs), thin)
    results = executor.map(_score, *arguments) if executor else map(_score, *arguments)
    return {f"{entry.name}/{stride}": raw for (entry, stride), raw in zip(jobs, results, strict=True)}


def _score(contender: Contender, benchmark: Benchmark, sequence: layout.Sequence) -> RawScores:
    tracks, _ = run(contender, benchmark, sequence, detections_of(benchmark, sequence))
    return raw_scores(benchmark, sequence, check_tracks(sequence, tracks))
