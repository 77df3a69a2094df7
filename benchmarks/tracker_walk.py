"""What changed in the trackers: a digest of every answer, and how many functions one update enters.

    python benchmarks/tracker_walk.py --data DATA            # digests of all trackers, and the walk
    python benchmarks/tracker_walk.py --data DATA --each     # a digest for each sequence, tracker and fusion

Two commits whose first lines agree give the same answers to the last bit on these sequences. DATA holds
files named ``det.txt``, at any depth, as in the sequence folders that `deptr synth` writes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from types import FrameType

import supervision as sv

from deptr.io.mot_text import read_detections
from deptr.tracking.registry import TRACKER_NAMES, create_tracker, tracker_class

FIRST, LAST = 100, 180  # frames whose walk is counted: by then tracks are many, born and deleted


def frames_of(path: Path, *, most: int | None = None) -> list[sv.Detections]:
    """The detections of a file, frame by frame."""
    table = read_detections(path)
    last = int(table.frame.max()) if most is None else most
    return [table.at(number) for number in range(1, last + 1)]


def digest(tracker: str, fusion: str, frames: list[sv.Detections]) -> str:
    """Digest of all that a tracker answers."""
    made, total = create_tracker(tracker, depth=fusion), hashlib.sha256()
    for frame in frames:
        found = made.update(frame)
        for part in (found.xyxy, found.tracker_id, found.confidence):
            total.update(b"" if part is None else part.tobytes())
    return total.hexdigest()[:16]


def walk(fusion: str, frames: list[sv.Detections]) -> tuple[list[int], list[int]]:
    """Distinct functions and files of the package that each of ByteTrack's updates enters."""
    tracker = create_tracker("bytetrack", depth=fusion)
    functions, files = [], []
    for number, frame in enumerate(frames, start=1):
        entered: set[tuple[str, int]] = set()

        def see(state: FrameType, event: str, _: object, entered: set[tuple[str, int]] = entered) -> None:
            if event == "call" and "deptr" in Path(state.f_code.co_filename).parts:
                entered.add((state.f_code.co_filename, state.f_code.co_firstlineno))

        if number >= FIRST:
            sys.setprofile(see)
        tracker.update(frame)
        sys.setprofile(None)
        if number >= FIRST:
            functions.append(len(entered))
            files.append(len({name for name, _ in entered}))
    return sorted(functions), sorted(files)


def main() -> None:
    """Print digests and the walk."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--each", action="store_true", help="a line for each digest")
    options = parser.parse_args()
    paths = sorted(options.data.rglob("det.txt"))
    whole = hashlib.sha256()
    for path in paths:
        frames = frames_of(path)
        for tracker in TRACKER_NAMES:
            for fusion in tracker_class(tracker).fusion_modes:
                own = digest(tracker, fusion, frames)
                whole.update(own.encode())
                if options.each:
                    print(path.relative_to(options.data), tracker, fusion, own)
    counted = f"{len(paths)} sequences, {len(TRACKER_NAMES)} trackers with each of their fusions"
    print(f"{counted}: {whole.hexdigest()[:16]}")
    longest = max(paths, key=lambda path: path.stat().st_size)
    print(f"ByteTrack, {longest.relative_to(options.data)}, frames {FIRST} to {LAST}, median and most:")
    for fusion in ("none", "adaptive"):
        functions, files = walk(fusion, frames_of(longest, most=LAST))
        half = len(functions) // 2
        entered = f"{functions[half]} and {functions[-1]} functions entered"
        print(f"{fusion}: {entered}, {files[half]} and {files[-1]} files")


if __name__ == "__main__":
    main()
