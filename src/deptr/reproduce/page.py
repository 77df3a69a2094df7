"""The page of a result: the paper's tables with ours beside them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from deptr.evaluation.bootstrap import Difference, mean_paired_bootstrap
from deptr.evaluation.methods import ORACLE
from deptr.evaluation.tables import Table, figure
from deptr.reproduce.studies import PAPER, PAPER_FUSION, PAPER_TRACKER, Study, study_of

METRICS = ("HOTA", "DetA", "AssA", "IDF1", "MOTA")
DEPTH, PLAIN = "depth", "plain"
Key = tuple[str, str, str, int]  # detector, tracker, fusion, stride
DEPARTURES = """Where this departs from the paper: teacher depth over whole videos, not clips of 4 frames;
images are scaled into the input instead of stretched to it; L_align compares dense depth, not features;
one-to-many boxes help training; a pair of `fixed` must also pass the plain 2-D limit; every tracker is
this package's own."""


class Cells:
    """The cells of all runs of a result, found by what they measured.

    Args:
        content: The result.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.runs: list[dict[Key, dict[str, Any]]] = [
            {(c["detector"], c["tracker"], c["fusion"], c["stride"]): c for c in run["cells"]}
            for run in content["runs"]
        ]
        self.keys = list(self.runs[0])

    def mean(self, key: Key, metric: str) -> float:
        """Mean over the runs."""
        return statistics.fmean(run[key]["combined"][metric] for run in self.runs)

    def spread(self, key: Key, metric: str) -> float | None:
        """Standard deviation between the runs, None for a single one."""
        values = [run[key]["combined"][metric] for run in self.runs]
        return statistics.stdev(values) if len(values) > 1 else None

    def gain(self, keys: Sequence[Key], metric: str) -> Difference:
        """Mean over cells and runs of what depth adds to the same tracker on the same detections."""
        pairs = [
            (run[key]["sequences"], run[self.without(key)]["sequences"]) for key in keys for run in self.runs
        ]
        return mean_paired_bootstrap(pairs, metric=metric)

    def without(self, key: Key) -> Key:
        """The same cell without depth."""
        return key[0], key[1], "none", key[3]

    def pairs(self, fusion: str, stride: int, trackers: Sequence[str]) -> list[Key]:
        """Cells with a fusion and their partners without depth."""
        found = [(DEPTH, name, fusion, stride) for name in trackers]
        return [key for key in found if key in self.keys and self.without(key) in self.keys]


def page(content: dict[str, Any]) -> str:
    """A result as Markdown."""
    study, cells, first = study_of(content["benchmark"]), Cells(content), content["runs"][0]
    grid = first["settings"]["grid"]
    parts = [f"# {PAPER} on {study.name}\n", _intro(content, study)]
    tables = [
        _claim(cells, study, grid),
        *(_trackers(cells, grid, stride) for stride in grid["strides"]),
        _means(cells, grid),
        *_sweep(cells, study, grid),
        _detectors(cells, grid),
    ]
    parts += [table.markdown() for table in tables]
    return "\n".join(parts).rstrip() + "\n"


def _intro(content: dict[str, Any], study: Study) -> str:
    run = content["runs"][0]
    training, data = run["settings"]["training"], run["data"]
    teachers = run["settings"]["labelling"]
    seeds = ", ".join(str(each["settings"]["seed"]) for each in content["runs"])
    split = "val" if study.halves else study.scored
    scored = data.get(split) or data[study.train]
    lines = [
        f"- runs: {len(content['runs'])} (seeds {seeds}); deptr-mot {run['deptr']}",
        f"- detector: D-FINE-{training['size'].upper()} for {training['epochs']:g} epochs of "
        f"{run['training']['images']:,} images, {training['batch_size']} a step, input "
        f"{training['image_size'][0]} x {training['image_size'][1]}",
        f"- depth: {teachers['depth']} in masks of {teachers['masks']}; "
        f"{run['labels']['with_depth']:,} of {run['labels']['boxes']:,} boxes got one",
        f"- scored: {scored['videos']} videos"
        + (", the second half of each" if study.halves else f", {scored['frames']:,} frames of {split}"),
        *(f"- weights: {name} sha256 {entry['sha256'][:16]}" for name, entry in run["weights"].items()),
        *(f"- note: {note}" for note in run["notes"]),
    ]
    return "\n".join(lines) + f"\n\n{DEPARTURES}\n"


def _claim(cells: Cells, study: Study, grid: dict[str, Any]) -> Table:
    """The paper's figures with ours beside them."""
    table = Table(
        "The paper's claim",
        ["figure", "paper", "here", "agrees"],
        note="Every pair has the same detections. Intervals (95 %) are of a paired bootstrap over videos.",
    )
    stride = min(grid["strides"])
    key: Key = (DEPTH, PAPER_TRACKER, PAPER_FUSION, stride)
    gains = [cells.gain([key], metric) for metric in ("HOTA", "IDF1")]
    hota = cells.mean(key, "HOTA")
    wanted = study.hota
    near = "-" if wanted is None else f"{hota - wanted:+.2f}"
    table.rows.append(
        ["HOTA, ByteTrack with the paper's formula", figure(wanted or float("nan")), figure(hota), near]
    )
    table.rows.append(
        ["HOTA, ByteTrack without depth", "-", figure(cells.mean(cells.without(key), "HOTA")), "-"]
    )
    for metric, gain in zip(("HOTA", "IDF1"), gains, strict=True):
        table.rows.append([f"{metric} that depth adds to ByteTrack", "-", str(gain), _word(gain, 0.0)])
    keys = cells.pairs(PAPER_FUSION, stride, grid["trackers"]) or [key]
    for metric in ("HOTA", "IDF1"):
        gain, said = cells.gain(keys, metric), study.gains.get(metric)
        table.rows.append(
            [
                f"{metric} that depth adds, mean over {len(keys)} trackers",
                "-" if said is None else f"{said:+.1f}",
                str(gain),
                _word(gain, said if said is not None else 0.0),
            ]
        )
    return table


def _word(gain: Difference, said: float) -> str:
    """Whether a gain confirms what was said of it."""
    if gain.low > 0:
        return "yes" if gain.low <= said <= gain.high or said == 0 else "in sign"
    return "no" if gain.high < 0 else "open"


def _trackers(cells: Cells, grid: dict[str, Any], stride: int) -> Table:
    table = Table(
        f"Trackers, {every(stride)}",
        ["tracker", "depth", *METRICS, "IDSW", "depth adds (HOTA)", "depth adds (IDF1)"],
        note="On the depth-aware detector's detections." + _runs_note(cells),
        words=2,
    )
    wanted = [(DEPTH, name, fusion, stride) for name in grid["trackers"] for fusion in [*grid["fusions"]]]
    for key in [key for key in wanted if key in cells.keys]:
        adds = ["", ""]
        if key[2] != "none":
            adds = [str(cells.gain([key], metric)) for metric in ("HOTA", "IDF1")]
        scores = [_with_spread(cells, key, metric) for metric in METRICS]
        switches = figure(cells.mean(key, "IDSW"), 0)
        table.rows.append([key[1], "" if key[2] == "none" else key[2], *scores, switches, *adds])
    ceiling: Key = (DEPTH, ORACLE, "", stride)
    if ceiling in cells.keys:
        scores = [_with_spread(cells, ceiling, metric) for metric in METRICS]
        table.rows.append(
            ["ceiling: true identities", "", *scores, figure(cells.mean(ceiling, "IDSW"), 0), "", ""]
        )
    return table


def _runs_note(cells: Cells) -> str:
    return "" if len(cells.runs) == 1 else f" Mean of {len(cells.runs)} runs, ± between them."


def _with_spread(cells: Cells, key: Key, metric: str) -> str:
    spread = cells.spread(key, metric)
    return figure(cells.mean(key, metric)) + ("" if spread is None else f" ±{spread:.2f}")


def _means(cells: Cells, grid: dict[str, Any]) -> Table:
    table = Table(
        "What depth adds on average",
        ["frames", "depth", "trackers", "HOTA", "IDF1", "least", "most"],
        note="Mean change over the trackers against each without depth; least and most: HOTA of single ones.",
        words=2,
    )
    for stride in grid["strides"]:
        for fusion in grid["fusions"]:
            keys = cells.pairs(fusion, stride, grid["trackers"])
            if fusion == "none" or not keys:
                continue
            single = [cells.gain([key], "HOTA").value for key in keys]
            means = [str(cells.gain(keys, metric)) for metric in ("HOTA", "IDF1")]
            ends = [f"{min(single):+.2f}", f"{max(single):+.2f}"]
            table.rows.append([every(stride), fusion, str(len(keys)), *means, *ends])
    return table


def _sweep(cells: Cells, study: Study, grid: dict[str, Any]) -> Iterator[Table]:
    stride = min(grid["strides"])
    gammas = [0.0, *grid["gammas"]]
    for metric in ("HOTA", "IDF1"):
        table = Table(
            f"Weight of depth in the paper's formula, {metric}",
            ["lambda", *(f"gamma {gamma:g}" for gamma in gammas)],
            note=f"ByteTrack, {every(stride)}. The paper: more than 0.4 is harmful."
            if metric == "HOTA"
            else "",
        )
        if metric == "HOTA" and study.sweep:
            known = [figure(study.sweep.get(gamma, float("nan")), 1) for gamma in gammas]
            table.rows.append([study.sweep_source, *known])
        for scale in grid["scales"]:
            fusions = ["none", *(f"fixed:gamma={gamma:g},scale={scale:g}" for gamma in gammas[1:])]
            keys: list[Key] = [(DEPTH, PAPER_TRACKER, fusion, stride) for fusion in fusions]
            table.rows.append([f"{scale:g}", *(_swept(cells, key, metric) for key in keys)])
        yield table


def _swept(cells: Cells, key: Key, metric: str) -> str:
    if key not in cells.keys:
        return "-"
    star = key[2] != "none" and cells.gain([key], metric).certain
    return figure(cells.mean(key, metric)) + "*" * star


def _detectors(cells: Cells, grid: dict[str, Any]) -> Table:
    """What learning depth does to the boxes."""
    table = Table(
        "The detector with and without the depth module",
        ["tracker without depth", "frames", "HOTA plain", "HOTA depth-aware", "change"],
        note="Both were trained alike; a loss here is what depth costs before a tracker sees it.",
    )
    for stride in grid["strides"]:
        for name in grid["trackers"]:
            ours: Key = (DEPTH, name, "none", stride)
            plain: Key = (PLAIN, name, "none", stride)
            if ours not in cells.keys or plain not in cells.keys:
                continue
            pairs = [(run[ours]["sequences"], run[plain]["sequences"]) for run in cells.runs]
            change = mean_paired_bootstrap(pairs, metric="HOTA")
            scores = [figure(cells.mean(key, "HOTA")) for key in (plain, ours)]
            table.rows.append([name, every(stride), *scores, str(change)])
    return table


def every(stride: int) -> str:
    """A stride in words.

    Example:
        >>> every(1), every(4)
        ('every frame', 'every 4th frame')
    """
    return {1: "every frame", 2: "every 2nd frame", 3: "every 3rd frame"}.get(
        stride, f"every {stride}th frame"
    )
