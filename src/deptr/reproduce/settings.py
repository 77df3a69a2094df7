"""What is asked of a reproduction: everything that changes a number, and apart from it, what does not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deptr.detector.config import DEPTH_HEADS, HUB_CHECKPOINTS
from deptr.errors import UsageError
from deptr.evaluation.gamma_sweep import GAMMAS, SCALES
from deptr.reproduce.studies import PAPER_FUSION, Study, study_of
from deptr.tracking.depth.fusion import MODES
from deptr.tracking.registry import TRACKER_NAMES

PAPER_BATCH = 32  # the learning rates are those of this many images a step
ENGINES = ("local", "ray")
DEVICES = ("auto", "cpu", "cuda")


def all_fusions() -> tuple[str, ...]:
    """No depth, the paper's formula, and every other way of the package.

    Example:
        >>> all_fusions()[:2]
        ('none', 'fixed:gamma=0.2,scale=0.1')
    """
    return ("none", PAPER_FUSION, *(mode for mode in MODES if mode not in ("none", "fixed")))


@dataclass(frozen=True)
class Labelling:
    """The teacher of depth; see `deptr label`.

    Attributes:
        masks: Teacher of masks.
        depth: Teacher of depth.
        input_size: Shorter side of the depth teacher's input.
        regions: ``"mask"``, or ``"box"``: the plain average over each box, which needs no masks.
    """

    masks: str = "sam2.1-hiera-tiny"
    depth: str = "vda-small"
    input_size: int = 518
    regions: str = "mask"


@dataclass(frozen=True)
class Training:
    """How both detectors are trained; the depth-aware one has the depth module besides.

    Attributes:
        size: D-FINE checkpoint: n, s, m, l or x.
        epochs: Passes over the training frames.
        batch_size: Images a step, over all processes; learning rates are scaled with it.
        learning_rate: Peak rate at 32 images a step.
        backbone_learning_rate: The backbone's.
        image_size: Height and width of the input.
        depth_head: Form of the depth module; the paper's is ``"deformable"``.
        depth_weight: Of the depth loss.
        precision: ``"bf16"``, ``"fp16"`` or ``"no"``.
        stride: Every so many frames are trained on.
    """

    size: str = "l"
    epochs: float = 80.0
    batch_size: int = PAPER_BATCH
    learning_rate: float = 2.5e-4
    backbone_learning_rate: float = 1.25e-5
    image_size: tuple[int, int] = (480, 864)
    depth_head: str = "deformable"
    depth_weight: float = 1.0
    precision: str = "bf16"
    stride: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.size not in HUB_CHECKPOINTS:
            raise UsageError(f"size: expected one of {', '.join(HUB_CHECKPOINTS)}, got {self.size!r}")
        if self.depth_head not in DEPTH_HEADS or self.depth_head == "none":
            raise UsageError(f"depth_head: expected light or deformable, got {self.depth_head!r}")
        for name in ("epochs", "batch_size", "learning_rate", "backbone_learning_rate", "stride"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name}: expected a positive number, got {getattr(self, name)!r}")
        if any(side <= 0 or side % 32 for side in self.image_size):
            raise UsageError(f"image_size: expected multiples of 32, got {self.image_size}")

    def steps(self, frames: int) -> int:
        """Optimizer steps of the run over so many frames.

        Example:
            >>> Training().steps(41_796)
            104490
        """
        taken = (frames - 1) // self.stride + 1 if frames else 0
        return max(1, round(self.epochs * taken / self.batch_size))


@dataclass(frozen=True)
class Grid:
    """Which trackers meet which fusions.

    Attributes:
        trackers: Names of the registry.
        fusions: Ways to use depth; ``none`` must be among them.
        strides: Every frame, every 4th, ...
        gammas: Weights of the paper's formula that are swept.
        scales: Its scales.
        min_score: Detections below are left out.
    """

    trackers: tuple[str, ...] = TRACKER_NAMES
    fusions: tuple[str, ...] = field(default_factory=all_fusions)
    strides: tuple[int, ...] = (1, 4)
    gammas: tuple[float, ...] = GAMMAS
    scales: tuple[float, ...] = SCALES
    min_score: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        if "none" not in self.fusions:
            raise UsageError(f"fusions: without none there is no pair to compare, got {self.fusions}")
        unknown = [name for name in self.trackers if name not in TRACKER_NAMES]
        if unknown:
            raise UsageError(f"trackers: expected some of {', '.join(TRACKER_NAMES)}, got {unknown[0]!r}")


@dataclass(frozen=True)
class Request:
    """A reproduction.

    Attributes:
        benchmark: One of `deptr.reproduce.studies.STUDIES`.
        root: Folder of the data.
        output: Folder of the run.
        labelling: The teacher.
        training: Both detectors.
        grid: Trackers and fusions.
        seed: Of training.
        weights: Folder with the public weights, None for the usual place.
    """

    benchmark: str
    root: Path
    output: Path
    labelling: Labelling = field(default_factory=Labelling)
    training: Training = field(default_factory=Training)
    grid: Grid = field(default_factory=Grid)
    seed: int = 0
    weights: Path | None = None

    @property
    def study(self) -> Study:
        """What is known of the benchmark.

        Raises:
            UsageError: There is no such study.
        """
        return study_of(self.benchmark)

    def described(self) -> dict[str, Any]:
        """All settings that change a number, without places."""
        parts = {name: asdict(getattr(self, name)) for name in ("labelling", "training", "grid")}
        return {"benchmark": self.benchmark, "seed": self.seed, **parts}


@dataclass(frozen=True)
class Machine:
    """Where and how the work is done; none of it changes a number beyond rounding.

    Attributes:
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        processes: Training processes on one machine, one per GPU.
        workers: Processes that track and score.
        loaders: Processes that load images for each training process.
        engine: ``"local"`` or ``"ray"``.
        address: Of a Ray cluster, None starts one here.
        download: Whether missing weights are fetched.
    """

    device: str = "auto"
    processes: int = 1
    workers: int = 1
    loaders: int = 4
    engine: str = "local"
    address: str | None = None
    download: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        for name, value, legal in (("device", self.device, DEVICES), ("engine", self.engine, ENGINES)):
            if value not in legal:
                raise UsageError(f"{name}: expected one of {', '.join(legal)}, got {value!r}")
        for name in ("processes", "workers"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: expected a whole number from 1, got {getattr(self, name)}")
