"""Result files as they come, right or wrong: read leniently, with a note on everything that is not right."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.io.columns import NOT_SAID, class_table, kitti_class, whole
from deptr.io.folders import entries, text_files
from deptr.io.identities import LARGEST_EXACT, whole_number
from deptr.io.kitti_text import looks_like_kitti
from deptr.io.sequences import Benchmark
from deptr.io.text_files import lines_of, read_text
from deptr.io.text_rows import REMOVE_COMMENT, is_comment, number_of, row_advice
from deptr.records import FloatArray, IntArray

LEAST_COLUMNS = 6
KITTI_FIELDS = (17, 18)
CLASS_COLUMN = 7
# layouts whose eighth column the official scorers take for a class; of eight columns it is the depth
CLASS_COLUMNS = (9, 10)
SHOWN = 40
LEVELS = 3  # below a folder that may hold TrackEval's tree
_SEPARATORS = {";": "semicolons", "\t": "tabs", " ": "blanks"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks wrong, with a result.

    Attributes:
        severity: ``error`` when the result cannot be scored or would be scored wrongly, else ``warning``.
        source: The file or folder.
        problem: What is wrong.
        line: First line of a file on which it is, from 1.
        count: On how many rows it is; 0 when it is not about rows.
        expected: What would be right.
        found: What is there.
        hint: What to do.
    """

    severity: str
    source: str
    problem: str
    line: int | None = None
    count: int = 0
    expected: str = ""
    found: str = ""
    hint: str = ""

    def __str__(self) -> str:
        rows = f" ({self.count} rows)" if self.count > 1 else ""
        return f"{self.severity}: {self.error()}{rows}"

    def error(self) -> DataError:
        """The finding as the error that scoring such a file raises."""
        return DataError(
            self.source,
            self.problem,
            line=self.line,
            expected=self.expected or None,
            found=self.found or None,
            hint=self.hint or None,
        )


@dataclass
class ResultFile:
    """The rows of one result file that could be read.

    Attributes:
        path: The file.
        table: ``(N, 7)`` frame from 1, identity, left, top, width, height, score; NaN where unreadable.
            Identities of more than 53 bits, which a float cannot hold, are numbered anew.
        lines: ``(N,)`` line of each row, from 1.
        classes: ``(N,)`` class number of MOT text or position in KITTI's class list plus 1; -1 = not said.
        kitti: Whether it is KITTI text, whose frames count from 0.
        findings: What was noticed while reading.
        large_ids: Of the identities numbered anew, what the file calls them.
    """

    path: Path
    table: FloatArray
    lines: IntArray
    classes: IntArray
    kitti: bool = False
    findings: list[Finding] = field(default_factory=list)
    large_ids: dict[float, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the sequence that the file's name says."""
        return self.path.stem

    def identity(self, row: int) -> str:
        """Identity of a row as the file has it."""
        number = float(self.table[row, 1])
        return str(self.large_ids[number]) if number in self.large_ids else f"{number:g}"

    def of_target(self, benchmark: Benchmark) -> FloatArray:
        """Rows of the benchmark's class; KITTI text may hold others too."""
        if not self.kitti:
            return self.table
        chosen: FloatArray = self.table[self.classes == class_table(benchmark)[benchmark.target]]
        return chosen


def result_paths(tracks: str | Path) -> list[Path]:
    """Result files of a folder, or of the one ``data`` folder below, as TrackEval has it, or one file.

    Text beside them that holds no row of a result, such as the summary that TrackEval writes, is passed over;
    where no file holds one, all are taken, so that it is told what is wrong with each.

    Raises:
        DataError: Nothing is there, or results of several trackers are.
    """
    path = Path(tracks)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(
            path, "no such file or folder", expected="a result file, or a folder with one per sequence"
        )
    folders = [text_files(path), text_files(path / "data")]
    for files in folders:
        results = [file for file in files if _may_be_result(file)]
        if results:
            return results
    found = folders[0] or folders[1]
    if not found:
        trackers = _trackers_below(path)
        if len(trackers) == 1:
            return result_paths(trackers[0])
        if trackers:
            names = ", ".join(str(folder.relative_to(path)) for folder in trackers)
            raise DataError(path, "results of several trackers", expected="one of its folders", found=names)
        inside = ", ".join(entry.name for entry in entries(path)[:3]) or "nothing"
        raise DataError(path, "no result files", expected="SEQUENCE.txt for each sequence", found=inside)
    return found


def _trackers_below(folder: Path) -> list[Path]:
    """Folders of trackers in TrackEval's tree, ``trackers/mot_challenge/MOT17-train/TRACKER/data``."""
    found: list[Path] = []
    level = [folder]
    for _ in range(LEVELS):
        level = [entry for place in level for entry in entries(place) if entry.is_dir()]
        found += [place for place in level if text_files(place / "data")]
    return found


def passed_over(tracks: str | Path) -> list[Path]:
    """Text files of a folder that `result_paths` leaves out."""
    path = Path(tracks)
    if path.is_file():
        return []
    taken = result_paths(path)
    return [file for file in text_files(taken[0].parent) if file not in taken]


def _may_be_result(path: Path) -> bool:
    """Whether a file is empty, or some line of it has as many numbers as a row of MOT or KITTI text."""
    lines = [line.strip() for line in lines_of(read_text(path))]
    lines = [line for line in lines if line]
    return not lines or looks_like_kitti("\n".join(lines)) or any(map(_may_be_row, lines))


def _may_be_row(line: str) -> bool:
    fields = [field for field in re.split(r"[,;\s]+", line) if field]
    numbers = sum(number_of(field) is not None for field in fields)
    return LEAST_COLUMNS <= numbers <= KITTI_FIELDS[1] and numbers >= len(fields) - 1


def read_result(path: Path) -> ResultFile:
    """A result file with what can be read of it.

    Raises:
        DataError: The file cannot be read as text at all.
    """
    text = read_text(path)
    numbered = [(number, line.strip()) for number, line in enumerate(lines_of(text), 1)]
    numbered = [(number, line) for number, line in numbered if line]
    if not numbered:
        empty = ResultFile(path, np.zeros((0, 7)), np.zeros(0, np.int64), np.zeros(0, np.int64))
        problem, hint = "empty result", "an empty file scores as no track at all"
        empty.findings.append(Finding("error", str(path), problem, expected="one track per line", hint=hint))
        return empty
    return _kitti(path, numbered) if looks_like_kitti(text) else _mot(path, numbered)


def _mot(path: Path, numbered: list[tuple[int, str]]) -> ResultFile:
    findings: list[Finding] = []
    separator = _separator(path, numbered, findings)
    table = _fast(numbered, separator)
    lines: IntArray = np.array([number for number, _ in numbered], np.int64)
    if table is None:
        table, lines = _slow(path, numbered, separator, findings)
    classes = np.full(len(table), NOT_SAID, np.int64)
    if table.shape[1] in CLASS_COLUMNS:
        said = np.isfinite(table[:, CLASS_COLUMN])
        own = table[said, CLASS_COLUMN]
        if whole(own).all():  # of ten columns the eighth may be a depth
            classes[said] = own.astype(np.int64)
    scores = table[:, 6] if table.shape[1] > LEAST_COLUMNS else np.ones(len(table))
    rows = np.column_stack([table[:, :6], scores])
    result = ResultFile(path, rows, lines, classes, False, findings)
    return _number_anew(result, dict(numbered), None if separator == " " else separator)


def _number_anew(result: ResultFile, text: dict[int, str], separator: str | None) -> ResultFile:
    """The result with its identities that a float cannot hold replaced by numbers that it can."""
    table = result.table
    large = np.flatnonzero(np.isfinite(table[:, 1]) & (table[:, 1] >= LARGEST_EXACT))
    if not len(large):
        return result
    words = [(line, text[line].split(separator)[1].strip()) for line in result.lines[large].tolist()]
    exact = [whole_number(word) for _, word in words]
    vague = [word for word, identity in zip(words, exact, strict=True) if identity is None]
    hint = "write identities in full, without an exponent"
    result.findings += _note(
        result.path, vague, "identity is too large to be exact", "a whole number in full", hint
    )
    small = table[np.isfinite(table[:, 1]) & (table[:, 1] < LARGEST_EXACT), 1]
    first = float(np.floor(small.max(initial=0.0))) + 1
    names = sorted({identity for identity in exact if identity is not None})
    numbers = {identity: first + place for place, identity in enumerate(names)}
    for row, identity in zip(large, exact, strict=True):
        if identity is not None:
            table[row, 1] = numbers[identity]
    result.large_ids = {number: identity for identity, number in numbers.items()}
    return result


def _separator(path: Path, numbered: list[tuple[int, str]], findings: list[Finding]) -> str:
    """What stands between the columns, with a finding when it is no comma."""
    rows = [entry for entry in numbered if not is_comment(entry[1])]
    line, first = (rows or numbered)[-1]
    if "," in first:
        return ","
    separator = next((mark for mark in _SEPARATORS if mark in first), ",")
    if separator != ",":
        problem, found = "wrong separator", _SEPARATORS[separator]
        hint = "write frame,id,left,top,width,height,score"
        findings.append(
            Finding("error", str(path), problem, line, len(numbered), "commas between columns", found, hint)
        )
    return separator


def _fast(numbered: list[tuple[int, str]], separator: str) -> FloatArray | None:
    """All rows at once when they are clean; None when a line needs a closer look."""
    text = io.StringIO("\n".join(line.rstrip(", ;\t") for _, line in numbered))
    try:
        table = np.loadtxt(text, delimiter=None if separator == " " else separator, ndmin=2, comments=None)
    except ValueError:
        return None
    return table if table.shape[1] >= LEAST_COLUMNS else None


def _slow(
    path: Path, numbered: list[tuple[int, str]], separator: str, findings: list[Finding]
) -> tuple[FloatArray, IntArray]:
    """Row by row: lines that are no rows of numbers become findings."""
    rows: list[list[float]] = []
    lines: list[int] = []
    short: list[tuple[int, str]] = []
    words: list[tuple[int, str]] = []
    comments: list[tuple[int, str]] = []
    advice = ""
    for number, line in numbered:
        if is_comment(line):
            comments.append((number, repr(line[:SHOWN])))
            continue
        parts = line.rstrip(", ;\t").split(None if separator == " " else separator)
        if len(parts) < LEAST_COLUMNS:
            short.append((number, f"{len(parts)} in {line[:SHOWN]!r}"))
            continue
        values = [number_of(part) for part in parts]
        if any(value is None for value in values):
            words.append((number, repr(line[:SHOWN])))
            advice = advice or row_advice(parts, first=number == numbered[0][0]) or ""
            continue
        padded = [value for value in values if value is not None] + [np.nan] * 10
        if len(parts) not in CLASS_COLUMNS:
            padded[CLASS_COLUMN] = np.nan
        rows.append(padded[:10])
        lines.append(number)
    expected = f"at least {LEAST_COLUMNS}"
    findings += _note(path, short, "too few columns", expected, "frame,id,left,top,width,height")
    findings += _note(path, words, "not a number", "numbers only", advice)
    findings += _note(path, comments, "a comment", "rows only", REMOVE_COMMENT)
    return np.array(rows).reshape(len(rows), 10), np.array(lines, np.int64)


def _note(
    path: Path, where: list[tuple[int, str]], problem: str, expected: str, hint: str = ""
) -> list[Finding]:
    """One finding for all lines with the same mistake."""
    if not where:
        return []
    line, found = where[0]
    return [Finding("error", str(path), problem, line, len(where), expected, found, hint)]


def _kitti(path: Path, numbered: list[tuple[int, str]]) -> ResultFile:
    findings: list[Finding] = []
    rows, lines, classes = [], [], []
    wrong: list[tuple[int, str]] = []
    unknown: list[tuple[int, str]] = []
    comments: list[tuple[int, str]] = []
    for number, line in numbered:
        if is_comment(line):
            comments.append((number, repr(line[:SHOWN])))
            continue
        parts = line.split()
        values = [number_of(part) for position, part in enumerate(parts) if position != 2]
        if len(parts) not in KITTI_FIELDS or any(value is None for value in values):
            wrong.append((number, f"{len(parts)} in {line[:SHOWN]!r}"))
            continue
        label = kitti_class(parts[2])
        if label is None:
            unknown.append((number, repr(parts[2])))
            continue
        frame, identity = values[0], values[1]
        left, top, right, bottom = (float(value or 0.0) for value in values[5:9])
        score = values[16] if len(values) > 16 else 1.0
        rows.append([(frame or 0.0) + 1, identity, left, top, right - left, bottom - top, score])
        lines.append(number)
        classes.append(label)
    findings += _note(path, comments, "a comment", "rows only", REMOVE_COMMENT)
    findings += _note(path, wrong, "not a KITTI row", "17 or 18 fields, numbers but for the type")
    hint = "KITTI scores Car and Pedestrian"
    findings += _note(path, unknown, "unknown type", "Car, Pedestrian, Van, ...", hint)
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 7)
    places, kinds = np.array(lines, np.int64), np.array(classes, np.int64)
    return _number_anew(ResultFile(path, table, places, kinds, True, findings), dict(numbered), None)


def tracks_of(files: Iterable[ResultFile], benchmark: Benchmark) -> dict[str, FloatArray]:
    """Sequence name to scoreable rows.

    Raises:
        DataError: A file has an error that was found while reading.
    """
    tracks = {}
    for result in files:
        for finding in result.findings:
            if finding.severity == "error" and finding.problem != "empty result":
                raise finding.error()
        tracks[result.name] = result.of_target(benchmark)
    return tracks
