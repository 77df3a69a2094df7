"""Label many sequences on many machines with Ray: same labels, same bytes as on one.

Workers need the frames and the store under the same paths (a shared file system). A worker that dies is
started again and its sequence goes on at its last finished window.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deptr.engines import Lost, over_actors, ray_cluster
from deptr.errors import DeptrError
from deptr.io.label_runs import LabelRun
from deptr.progress import Progress, SilentProgress
from deptr.teacher.build import TeacherFactory, TeacherPlan
from deptr.teacher.engine import Failure, LabelSummary, label_one, summarise
from deptr.teacher.labelling import SequenceJob, SequenceReport

RETRIES = 5  # of a sequence whose worker died


class LabelWorker:
    """What runs in each Ray actor: the models, loaded once.

    Args:
        plan: What to load.
        output: The store.
    """

    def __init__(self, plan: TeacherPlan, output: str) -> None:
        self.factory = TeacherFactory(plan)
        self.output = output

    def label(self, job: SequenceJob) -> SequenceReport | Failure:
        """Label one sequence; an error of the package is an answer, so that it is not tried again."""
        try:
            return label_one(job, self.output, self.factory, SilentProgress())
        except DeptrError as error:
            return Failure(job.name, str(error))

    def run_folder(self) -> str:
        """Folder of the run."""
        from deptr.teacher.engine import open_label_run

        return str(open_label_run(self.output, self.factory).folder)


def label_with_ray(
    jobs: Sequence[SequenceJob],
    output: str | Path,
    plan: TeacherPlan,
    *,
    address: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> LabelSummary:
    """Spread sequences over the workers of a Ray cluster.

    Args:
        jobs: What to label.
        output: The store, on a file system that all workers share.
        plan: With what; ``device="auto"`` asks Ray for a GPU per worker if the cluster has any.
        address: Of an existing cluster (``"auto"`` or ``ray://host:port``); None starts one on this machine.
        workers: How many; None for one per GPU, or per two CPU cores without a GPU.
        progress: Told each finished sequence.

    Returns:
        Reports and failures.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: `workers` is not positive.
    """
    with ray_cluster("labelling on many machines", address=address, workers=workers) as ray:
        told = progress or SilentProgress()
        return _spread(ray, list(jobs), str(output), plan, workers=workers, progress=told)


def _spread(
    ray: Any,
    jobs: list[SequenceJob],
    output: str,
    plan: TeacherPlan,
    *,
    workers: int | None,
    progress: Progress,
) -> LabelSummary:
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0)) if plan.device != "cpu" else 0
    count = min(workers or gpus or max(int(resources.get("CPU", 2)) // 2, 1), max(len(jobs), 1))
    actor = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=-1, max_task_retries=RETRIES)(
        LabelWorker
    )
    pool = [actor.remote(plan, output) for _ in range(count)]
    folder = ray.get(pool[0].run_folder.remote())
    reports: list[SequenceReport] = []
    failures: list[Failure] = []
    for job, answer in over_actors(
        ray, lambda one, job: one.label.remote(job), pool, jobs, tries=RETRIES + 1
    ):
        if isinstance(answer, Lost):
            failures.append(Failure(job.name, answer.reason))
        else:
            (failures if isinstance(answer, Failure) else reports).append(answer)
        progress.update(len(reports) + len(failures), len(jobs), failed=len(failures))
    return summarise(LabelRun(Path(folder)), reports, failures)
