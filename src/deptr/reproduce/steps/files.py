"""Files of tracks of the paper's tracker, scored from the files, and the archive for DanceTrack's server."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from deptr.errors import DataError
from deptr.evaluation.cells import detections_of
from deptr.evaluation.judge import check_tracks, evaluate_sequences
from deptr.evaluation.methods import our_method
from deptr.evaluation.methods import run as track
from deptr.evaluation.result_files import read_result
from deptr.files import atomic_path, atomic_write
from deptr.io.mot_text import read_tracks
from deptr.io.sequences import Sequence, benchmark_of, find_sequences, folder_sequence
from deptr.progress import Progress
from deptr.records import DepthKind, FloatArray
from deptr.reproduce.steps.follow import SCORED, TEST, kind_of, overrides_of
from deptr.reproduce.steps.step import Outcome
from deptr.reproduce.studies import PAPER_FUSION, PAPER_TRACKER, Study

SERVER_FOLDER = "tracker"  # in the archive that DanceTrack's server takes


def official(folder: Path, progress: Progress, *, study: Study, detections: Path, test: bool) -> Outcome:
    """Files of tracks of the paper's tracker without and with depth: scored as files, and for the server.

    Args:
        folder: Gets ``without-depth`` and ``with-depth``.
        progress: Told of videos.
        study: Whose data.
        detections: Folder of the depth-aware detector's detections.
        test: Whether the test split is written too, as its server wants it.

    Returns:
        HOTA from the files, and the archives for the server.
    """
    entry, kind = benchmark_of(study.name), kind_of(detections)
    outcome: Outcome = {}
    for done, (word, fusion) in enumerate((("without-depth", "none"), ("with-depth", PAPER_FUSION)), 1):
        sequences = find_sequences(entry, detections / SCORED)
        files = _write(folder / word, study, sequences, fusion, kind)
        tracks = {path.stem: read_result(path).table for path in files}
        result = evaluate_sequences(entry, sequences, tracks, allow_empty=True)
        outcome[f"HOTA_{word}"] = result.combined["HOTA"]
        if test:
            names = sorted(path for path in (detections / TEST).iterdir() if (path / "det").is_dir())
            hidden = [folder_sequence(path) for path in names]
            files = _write(folder / "test" / word, study, hidden, fusion, kind)
            archive = folder / f"{study.name}-test-{word}.zip"
            write_server_archive(archive, files)
            check_server_archive(archive, hidden)
            outcome[f"test_{word}"] = archive.name
        progress.update(done, 2)
    return outcome


def _write(
    folder: Path, study: Study, sequences: list[Sequence], fusion: str, kind: DepthKind | None
) -> list[Path]:
    """A file of tracks for each sequence: frame, identity, left, top, width, height, score, -1, -1, -1."""
    entry = benchmark_of(study.name)
    method = our_method(PAPER_TRACKER, fusion, "mot", overrides_of(study, sequences))
    paths = []
    for sequence in sequences:
        rows, _ = track(method, entry, sequence, detections_of(entry, sequence, depth_kind=kind))
        path = folder / f"{sequence.name}.txt"
        with atomic_write(path) as file:
            file.write("".join(map(_row, check_tracks(sequence, rows))))
        paths.append(path)
    return paths


def _row(values: FloatArray) -> str:
    frame, identity, *box, score = values.tolist()
    left, top, width, height = (f"{value:.2f}" for value in box)
    return f"{int(frame)},{int(identity)},{left},{top},{width},{height},{score:.4f},-1,-1,-1\n"


def write_server_archive(archive: Path, files: list[Path]) -> None:
    """The archive that DanceTrack's server takes: a folder ``tracker`` with a file for each test video."""
    with atomic_path(archive) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(files):
            packed.writestr(zipfile.ZipInfo(f"{SERVER_FOLDER}/{path.name}"), path.read_bytes())


def check_server_archive(archive: Path, sequences: list[Sequence]) -> int:
    """Read an archive for DanceTrack's server as the server would; how many rows it holds.

    Raises:
        DataError: A video is missing or unknown, a row is malformed, or lies behind the video's end.
    """
    wanted = {f"{SERVER_FOLDER}/{sequence.name}.txt": sequence for sequence in sequences}
    total = 0
    with zipfile.ZipFile(archive) as opened:
        names = set(opened.namelist())
        if names != set(wanted):
            off = sorted(names ^ set(wanted))
            expected = f"{SERVER_FOLDER}/VIDEO.txt for each of {len(wanted)} videos"
            raise DataError(archive, "other videos than the test set", expected=expected, found=off[0])
        for name, sequence in wanted.items():
            text = opened.read(name).decode("utf-8")
            for number, line in enumerate(text.splitlines(), 1):
                if len(line.split(",")) != 10 or not line.endswith(",-1,-1,-1"):
                    expected = "frame,id,left,top,width,height,conf,-1,-1,-1"
                    raise DataError(f"{archive}:{name}", "malformed row", line=number, expected=expected)
            total += _check_rows(archive, text, sequence)
    return total


def _check_rows(archive: Path, text: str, sequence: Sequence) -> int:
    """Rows of a file, read by the package's own strict reader."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{sequence.name}.txt"
        path.write_text(text, encoding="utf-8")
        tracks = read_tracks(path)
    if len(tracks.frame) and tracks.frame.max() > sequence.recorded_length:
        expected = f"frames up to {sequence.recorded_length}"
        raise DataError(archive, f"{sequence.name} is longer than its video", expected=expected)
    return len(tracks.frame)
