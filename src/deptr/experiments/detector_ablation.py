"""`deptr experiment ablation`: which parts of the detector earn their place (the paper's Table III).

Every variant trains from the same start on the same composites, several seeds each, with a budget that is
stated in the table. Differences smaller than the spread over seeds mean nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from deptr.evaluation.tables import Table
from deptr.progress import Progress, SilentProgress
from deptr.records import LabelledFrame
from deptr.training.builder import build_detector
from deptr.training.config import TrainSettings
from deptr.training.data import FrameSource
from deptr.training.detector_task import DetectorTask
from deptr.training.evaluate import average_precision, detect_frames, match_depths
from deptr.training.sources import evaluation_sets, training_mixture
from deptr.training.trainer import Trainer

# variant -> changes to the sections of the settings
VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "light, std, L_align": {},
    "without L_align": {"loss": {"align_dense": 0.0}},
    "deformable": {"model": {"depth_head": "deformable"}},
    "without std": {"model": {"depth_uncertainty": False}},
}


def ablation_table(
    base: TrainSettings, *, seeds: Sequence[int] = (0, 1, 2), progress: Progress | None = None
) -> Table:
    """AP50, AP75 and depth error of each variant, mean ± standard deviation over seeds.

    Args:
        base: Settings of the first variant; its evaluation sources are the measure.
        seeds: Each trains every variant once.
        progress: Told after each training.
    """
    told = progress or SilentProgress()
    sets = evaluation_sets(base)
    frames = [frame for part in sets.values() for frame in part]
    mixture = training_mixture(base)
    images = base.optimizer.steps * base.data.batch_size
    height, width = base.data.sizes[0]
    table = Table(
        "Ablation",
        ["variant", "AP50", "AP75", "depth rel. error", "depth order at overlaps"],
        note=f"{images} images of {width}x{height} each, {len(seeds)} seeds, {len(frames)} held-out "
        "composites; mean ± standard deviation over seeds.",
    )
    done = 0
    for name, changes in VARIANTS.items():
        figures = []
        for seed in seeds:
            figures.append(_train_once(_changed(base, changes, seed), mixture, frames))
            done += 1
            told.update(done, len(VARIANTS) * len(seeds), variant=name)
        columns = np.array(figures)
        table.rows.append([name, *(_cell(columns[:, index]) for index in range(columns.shape[1]))])
    return table


def _changed(base: TrainSettings, changes: Mapping[str, Mapping[str, Any]], seed: int) -> TrainSettings:
    sections = {name: replace(getattr(base, name), **values) for name, values in changes.items()}
    return replace(base, **sections, data=replace(base.data, seed=seed))


def _train_once(settings: TrainSettings, source: FrameSource, frames: Sequence[LabelledFrame]) -> list[float]:
    from deptr.evaluation.depth_metrics import depth_figures

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(DetectorTask(build_detector(settings.model), source, settings), folder)
        trainer.run()
        model = trainer.averaged_model()
    height, width = settings.data.sizes[0]
    found = detect_frames(model, frames, size=(height, width))
    precision = average_precision(frames, found)
    own = match_depths(frames, found)
    depth = depth_figures(own.predicted, own.std, own.true, own.image, own.boxes)
    return [precision["AP50"], precision["AP75"], depth.relative_error, depth.order_accuracy]


def _cell(values: np.ndarray[Any, Any]) -> str:
    known = values[np.isfinite(values)]
    return f"{known.mean():.3f} ± {known.std():.3f}" if len(known) else "-"
