"""What a run takes of the disk and of a GPU, and whether this machine has it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from deptr.reproduce.check import Check
from deptr.reproduce.data import Split
from deptr.reproduce.measure import Costs
from deptr.reproduce.settings import Machine, Request

TOPIC = "machine"
GB = 1e9
BYTES_PER_WEIGHT = 16  # single precision: weight, two moments, average
KEPT_STATES = 4  # of a training run, one being written
BYTES_PER_DETECTION_FRAME = 4000
DENSE_STRIDE = 8  # of the depth maps that labels keep
BYTES_PER_IMAGE = 130_000  # where no archive says it


@dataclass(frozen=True)
class Need:
    """Bytes that a run writes, by what for."""

    unpacked: int
    labels: int
    training: int
    detections: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.unpacked + self.labels + self.training + self.detections


def disk_need(request: Request, splits: dict[str, Split], weights: int) -> Need:
    """What a run would write, as an estimate from above.

    Args:
        request: The run.
        splits: The data.
        weights: Numbers of the network.
    """
    train = splits.get(request.study.train)
    frames = sum(split.frames for split in splits.values())
    pixels = train.pixels if train is not None and train.pixels else 1920 * 1080
    labelled = train.frames if train is not None else 0
    return Need(
        unpacked=sum(split.archived_bytes for split in splits.values()),
        labels=2 * labelled * pixels // DENSE_STRIDE**2,
        training=2 * KEPT_STATES * BYTES_PER_WEIGHT * weights,
        detections=2 * frames * BYTES_PER_DETECTION_FRAME,
    )


def written(folder: Path) -> int:
    """Bytes that lie in a folder, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) if folder.is_dir() else 0


def check_disk(need: Need, output: Path) -> Check:
    """Whether the disk of the run has the room, besides what an earlier attempt wrote."""
    place = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    text = (
        f"disk: up to {need.total / GB:.1f} GB (labels {need.labels / GB:.1f}, training "
        f"{need.training / GB:.1f}, unpacking {need.unpacked / GB:.1f}), "
        f"{free / GB:.1f} GB are free at {place}"
    )
    if free < need.total - written(output):
        return Check(TOPIC, "stop", text, "make room, or name another --output")
    return Check(TOPIC, "ok", text)


def lacks_gpu(machine: Machine) -> bool:
    """Whether a GPU is wanted that is not there."""
    import torch

    return machine.engine == "local" and machine.device != "cpu" and not torch.cuda.is_available()


def check_device(machine: Machine, costs: Costs | None) -> Check:
    """Whether there is a GPU with enough memory; without one, what the work would take."""
    import torch

    wanted = "" if costs is None else f"; training wants about {costs.gpu_bytes / GB:.0f} GB"
    if machine.engine == "ray":
        return Check(TOPIC, "note", f"GPUs are the cluster's{wanted}")
    if lacks_gpu(machine) or machine.device == "cpu":
        takes = ""
        if costs is not None:
            takes = f": about {costs.hours:,.1f} hours ({costs.hours / 24:,.1f} days) on this processor"
        text = f"no GPU is used{takes}"
        if machine.device == "cpu":
            return Check(TOPIC, "note", text)
        return Check(TOPIC, "stop", text, "run it where there is one, or say --device cpu")
    memory = torch.cuda.get_device_properties(0).total_memory
    text = f"{torch.cuda.get_device_name(0)}, {memory / GB:.0f} GB{wanted}"
    if costs is not None and memory < costs.gpu_bytes:
        return Check(TOPIC, "note", text, "a smaller --batch-size fits; so would more --processes")
    return Check(TOPIC, "ok", text)
