"""What each benchmark of the paper needs, and what the paper reports on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from deptr.errors import UsageError

PAPER = "DepTR-MOT, arXiv 2509.17323"
PAPER_TRACKER = "bytetrack"
PAPER_FUSION = (
    "fixed:gamma=0.2,scale=0.1"  # gamma of the paper; its reference divides 25 times the depth by 250
)


@dataclass(frozen=True)
class Study:
    """One benchmark.

    Attributes:
        name: As on the command line and in `deptr.io.sequences`.
        train: Split with the training videos.
        scored: Split that is scored; its ground truth is public.
        test: Split for the test server, empty where its files are not written.
        videos: Official number of videos of each split, as far as known.
        halves: Train on the first half of each training video and score the second, as is usual for MOT17.
        panorama: Whether images are 360 degrees wide.
        image_size: Height and width of the network's input, about as many pixels as the paper's 640 x 640.
        seqmap: Places, under the data, of a split's list of sequences.
        archives: Names of the archives of each split, as they are downloaded.
        licence: Of the data.
        home: Where the data is had from.
        hota: HOTA that the paper reports, None where it reports none.
        gains: Metric to the mean gain over trackers that the paper reports.
        sweep: Weight of depth to HOTA that is known from elsewhere.
        sweep_source: From where.
    """

    name: str
    train: str = "train"
    scored: str = "val"
    test: str = ""
    videos: Mapping[str, int] = field(default_factory=dict)
    halves: bool = False
    panorama: bool = False
    image_size: tuple[int, int] = (480, 864)
    seqmap: tuple[str, ...] = ("{split}_seqmap.txt", "seqmaps/{split}_seqmap.txt")
    archives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    licence: str = ""
    home: str = ""
    hota: float | None = None
    gains: Mapping[str, float] = field(default_factory=dict)
    sweep: Mapping[float, float] = field(default_factory=dict)
    sweep_source: str = ""


STUDIES: Mapping[str, Study] = MappingProxyType(
    {
        "dancetrack": Study(
            "dancetrack",
            test="test",
            videos={"train": 40, "val": 25, "test": 35},
            archives={
                "train": ("train1.zip", "train2.zip"),
                "val": ("val.zip",),
                "test": ("test1.zip", "test2.zip"),
            },
            licence="non-commercial research only (annotations CC BY 4.0)",
            home="https://github.com/DanceTrack/DanceTrack",
            hota=44.47,
        ),
        "quadtrack": Study(
            "quadtrack",
            scored="test",
            panorama=True,
            image_size=(320, 1344),
            archives={"train": ("train.zip",), "test": ("test.zip",)},
            licence="as its authors say; ask them before any other use than research",
            home="https://github.com/xifen523/OmniTrack",
            hota=27.59,
            gains={"HOTA": 2.2, "IDF1": 2.9},
            sweep={0.0: 30.0, 0.1: 31.5, 0.2: 33.7, 0.3: 31.0, 0.5: 28.0, 0.7: 25.0, 1.0: 13.0},
            sweep_source="CylindTrack (arXiv 2606.30097), another detector, read off its plot to within 1",
        ),
        "mot17": Study(
            "mot17",
            halves=True,
            videos={"train": 7},
            seqmap=("seqmaps/MOT17-{split}.txt", "MOT17-{split}.txt"),
            archives={"train": ("MOT17.zip",)},
            licence="CC BY-NC-SA 3.0: not for commercial use",
            home="https://motchallenge.net/data/MOT17",
        ),
    }
)


def study_of(name: str) -> Study:
    """The study of a benchmark.

    Raises:
        UsageError: There is none.

    Example:
        >>> study_of("quadtrack").hota, study_of("dancetrack").hota
        (27.59, 44.47)
    """
    if name not in STUDIES:
        raise UsageError(f"reproduce: expected one of {', '.join(STUDIES)}, got {name!r}")
    return STUDIES[name]
