"""What is compared, and how much work is done for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from deptr.training.identity.criterion import Room

PLAIN, DISTILLED, RELEASED, NOTHING = "plain", "distilled", "released", "nothing"
NO_DEPTH, SHUFFLED, TRUE, OWN = "none", "shuffled", "true", "own"


class View(str, Enum):
    """Whose boxes are followed.

    GIVEN: those of the benchmark's detections, the same for all: each detector is asked for a query there.
    OWN: those that the released detector finds.
    """

    GIVEN = "given"
    OWN = "own"


# what each view offers: words of query states and of depths
STATES: dict[View, tuple[str, ...]] = {View.GIVEN: (PLAIN, DISTILLED), View.OWN: (RELEASED, NOTHING)}
DEPTHS: dict[View, tuple[str, ...]] = {
    View.GIVEN: (NO_DEPTH, PLAIN, DISTILLED, SHUFFLED, TRUE),
    View.OWN: (NO_DEPTH, OWN),
}


@dataclass(frozen=True)
class Arm:
    """One kind of decoder.

    Attributes:
        name: In tables and file names.
        view: Whose boxes.
        states: Which detector's query states.
        depth: Which depths it is shown.
        says: In words.
    """

    name: str
    view: View
    states: str
    depth: str
    says: str


ARMS = (
    Arm("A", View.GIVEN, PLAIN, NO_DEPTH, "no depth"),
    Arm("B", View.GIVEN, DISTILLED, NO_DEPTH, "depth distilled into the features, not shown"),
    Arm("C", View.GIVEN, PLAIN, PLAIN, "depth shown, learned from detached features"),
    Arm("D", View.GIVEN, DISTILLED, DISTILLED, "depth distilled and shown"),
    Arm("E", View.GIVEN, PLAIN, SHUFFLED, "as C, depths shuffled within each frame"),
    Arm("F", View.GIVEN, PLAIN, TRUE, "true depth shown"),
)
OWN_ARMS = (
    Arm("queries", View.OWN, RELEASED, OWN, "query states and depths"),
    Arm("queries-without-depth", View.OWN, RELEASED, NO_DEPTH, "query states, no depths"),
    Arm("boxes", View.OWN, NOTHING, OWN, "depths, no query states"),
)


@dataclass(frozen=True)
class Budget:
    """How much work is done.

    Attributes:
        seconds: For all but the evaluation: 45 % until both detectors are trained, and the decoders until the
            end. 0: as many steps as are asked for, however long they take.
        scenes: Rendered training clips.
        frames: Of each.
        size: Height and width of the pictures.
        rates: Frames per second of the clips, in turn.
        detector_steps: Most steps of each detector.
        detector_batch: Images a step.
        detector_sizes: Input sizes of the detectors' training.
        windows: Lessons cut out of each clip.
        window: Frames of a lesson.
        seeds: Decoders of each arm.
        decoder_steps: Most steps of the decoders.
        clips: Clips of each decoder and step.
        learning_rate: Peak rate of the decoders.
        rooms: Sizes that lessons are padded to; those that fit into none are left out.
        identities: Of a decoder.
        workers: Processes.
        tests: Sequences of the benchmark that are rendered, the first of each level in turn; 0: all.
        test_frames: Of each; 0: all.
    """

    seconds: float = 0.0
    scenes: int = 300
    frames: int = 24
    size: tuple[int, int] = (384, 640)
    rates: tuple[float, ...] = (20.0, 10.0, 5.0, 2.5)
    detector_steps: int = 1200
    detector_batch: int = 32
    detector_sizes: tuple[tuple[int, int], ...] = ((256, 416), (384, 640))
    windows: int = 8
    window: int = 12
    seeds: int = 5
    decoder_steps: int = 4000
    clips: int = 4
    learning_rate: float = 1e-3
    rooms: tuple[Room, ...] = field(
        default=(Room(12, 10, 80), Room(12, 20, 144), Room(12, 36, 256))  # easy, busy and dense clips
    )
    identities: int = 96
    workers: int = 2
    tests: int = 0
    test_frames: int = 0
