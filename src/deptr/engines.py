"""Many jobs at once: in processes of this machine, or on the workers of a Ray cluster."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from deptr.errors import MissingExtraError, UsageError
from deptr.threads import Stop

J = TypeVar("J")
A = TypeVar("A")
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Lost:
    """What came of a job whose worker died.

    Attributes:
        reason: How.
    """

    reason: str


def check_workers(workers: int | None) -> None:
    """See that there can be so many workers.

    Raises:
        UsageError: Fewer than one.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers: expected a whole number from 1, got {workers}")


class _Child(Generic[J, A]):
    """One job in a process of its own."""

    def __init__(self, work: Callable[[J], A], job: J) -> None:
        context = multiprocessing.get_context("spawn")  # threads and GPUs do not survive a fork
        self.job = job
        self._answers, writing = context.Pipe(duplex=False)
        self._process = context.Process(target=_answer, args=(writing, work, job), daemon=True)
        self._process.start()
        writing.close()

    def answer(self) -> A | Lost | None:
        """What came of the job, None while it is at work."""
        if self._answers.poll():
            try:
                found: A = self._answers.recv()
            except EOFError:
                return self._lost()
            self._process.join()
            return found
        return None if self._process.is_alive() else self._lost()

    def stop(self) -> None:
        """Ask it to end; what it has done stays."""
        if self._process.is_alive():
            self._process.terminate()

    def _lost(self) -> Lost:
        self._process.join()
        return Lost(f"its process ended with code {self._process.exitcode}")


def _answer(writing: Connection, work: Callable[[J], A], job: J) -> None:
    writing.send(work(job))
    writing.close()


def in_processes(
    work: Callable[[J], A], jobs: Sequence[J], workers: int, *, stop: Stop | None = None
) -> Iterator[tuple[J, A | Lost]]:
    """Do jobs in processes, so many at a time, each job in one of its own: a job that crashes ends no other.

    Args:
        work: A function of a module, which a new process can import.
        jobs: What to do; sent to the processes.
        workers: How many at a time.
        stop: No job is begun after its request, and those at work are asked to end.

    Yields:
        Each job with its answer, as they come.
    """
    check_workers(workers)
    stop, waiting = stop or Stop(), list(reversed(jobs))
    busy: list[_Child[J, A]] = []
    try:
        while busy or (waiting and not stop.requested):
            while waiting and len(busy) < workers and not stop.requested:
                busy.append(_Child(work, waiting.pop()))
            if stop.requested:
                for child in busy:
                    child.stop()
            for child in list(busy):
                answer = child.answer()
                if answer is not None:
                    busy.remove(child)
                    yield child.job, answer
            time.sleep(_POLL_SECONDS)
    finally:
        for child in busy:
            child.stop()


@contextmanager
def ray_cluster(feature: str, *, address: str | None, workers: int | None) -> Iterator[Any]:
    """Ray, connected to a cluster; one that was started here ends with the block.

    Args:
        feature: What needs it, for the message.
        address: Of an existing cluster (``"auto"`` or ``ray://host:port``); None starts one on this machine.
        workers: How many workers there will be, None for as many as fit.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: `workers` is not positive.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(feature, "distributed") from error
    check_workers(workers)
    started_here = not ray.is_initialized()
    if started_here:
        cores = None if address else workers
        ray.init(address=address, log_to_driver=False, include_dashboard=False, num_cpus=cores)
    try:
        yield ray
    finally:
        if started_here:
            ray.shutdown()


def over_actors(
    ray: Any, call: Callable[[Any, J], Any], actors: Sequence[Any], jobs: Sequence[J], *, tries: int
) -> Iterator[tuple[J, Any]]:
    """Spread jobs over Ray's actors, one at a time on each.

    Args:
        ray: From `ray_cluster`.
        call: Begins a job on an actor and gives the reference to its answer.
        actors: The workers.
        jobs: What to do.
        tries: How often Ray tries a job whose worker dies, for the message.

    Yields:
        Each job with its answer as they come, `Lost` where its workers died.
    """
    waiting = list(reversed(jobs))
    busy = {call(actor, job): (actor, job) for actor in actors if waiting for job in [waiting.pop()]}
    while busy:
        (done,), _ = ray.wait(list(busy), num_returns=1)
        actor, job = busy.pop(done)
        try:
            answer = ray.get(done)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            answer = Lost(f"worker lost {tries} times: {reason}")
        if waiting:
            following = waiting.pop()
            busy[call(actor, following)] = (actor, following)
        yield job, answer
