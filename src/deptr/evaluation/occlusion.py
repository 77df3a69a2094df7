"""The failure-case check: identity switches by occlusion, depth gap and crowding, with and without depth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from deptr.evaluation.cells import Cell
from deptr.evaluation.judge import check_tracks
from deptr.evaluation.methods import run
from deptr.evaluation.switches import Links, fixed_and_caused, links
from deptr.evaluation.tables import Table, figure
from deptr.records import BoolArray, IntArray

EQUAL_DEPTH = 0.05  # relative difference below which two objects count as equally far
Bins = dict[str, Callable[[Links], BoolArray]]


@dataclass(frozen=True)
class Comparison:
    """Links of the same sequences tracked without and with depth.

    Attributes:
        plain: One per sequence.
        fused: The same sequences.
    """

    plain: list[Links]
    fused: list[Links]


def compare(plain: Cell, fused: Cell) -> Comparison:
    """Track the sequences of two cells and follow every object."""
    return Comparison(_links(plain), _links(fused))


def _links(cell: Cell) -> list[Links]:
    found = []
    for sequence in cell.sequences:
        thin, table = sequence.strided(cell.stride), cell.table(sequence)
        tracks, _ = run(cell.method, cell.benchmark, thin, table)
        found.append(links(cell.benchmark, thin, check_tracks(thin, tracks), table))
    return found


def _gap(low: float, high: float) -> Callable[[Links], BoolArray]:
    return lambda item: (item.depth_gap >= low) & (item.depth_gap < high)


def bins() -> dict[str, Bins]:
    """Question to bins, each a name and which links fall into it."""
    wide, far = float(np.log(1.15)), float(np.log(1.5))
    equal = float(np.log(1 + EQUAL_DEPTH))
    return {
        "occlusion": {
            "visible (from 90 %)": lambda item: item.visibility >= 0.9,
            "partly hidden (50 to 90 %)": lambda item: (item.visibility >= 0.5) & (item.visibility < 0.9),
            "mostly hidden (below 50 %)": lambda item: item.visibility < 0.5,
        },
        "depth gap": {
            "equal depth (below 5 %)": _gap(0, equal),
            "5 to 15 %": _gap(equal, wide),
            "15 to 50 %": _gap(wide, far),
            "above 50 %": _gap(far, np.inf),
            "no neighbour or no depth": lambda item: np.isnan(item.depth_gap),
        },
        "crowding": {
            "alone": lambda item: item.crowd == 0,
            "1 neighbour": lambda item: item.crowd == 1,
            "2 neighbours": lambda item: item.crowd == 2,
            "3 or more": lambda item: item.crowd >= 3,
        },
    }


def occlusion_tables(comparison: Comparison, title: str) -> list[Table]:
    """One table per question: switches without and with depth, fixed, caused."""
    tables = [_table(f"{title}: by {question}", comparison, entries) for question, entries in bins().items()]
    everything: Bins = {
        "all links": lambda item: np.ones(len(item.frames), bool),
        "switch to a track of another object": lambda item: item.swapped | ~item.switched,
        "switch to a new track": lambda item: ~item.swapped,
    }
    return [_table(f"{title}: all", comparison, everything), *tables]


def _table(title: str, comparison: Comparison, entries: Bins) -> Table:
    table = Table(
        title,
        ["bin", "links", "without depth", "per 1000", "with depth", "per 1000", "fixed", "caused", "net"],
    )
    pairs = list(zip(comparison.plain, comparison.fused, strict=True))
    verdicts = [fixed_and_caused(plain, fused) for plain, fused in pairs]
    for name, inside in entries.items():
        count = int(sum(inside(plain).sum() for plain, _ in pairs))
        other_count = int(sum(inside(fused).sum() for _, fused in pairs))
        without = _sum(plain.switched & inside(plain) for plain, _ in pairs)
        with_depth = _sum(fused.switched & inside(fused) for _, fused in pairs)
        fixed = _sum(mask & inside(pair[0]) for pair, (mask, _) in zip(pairs, verdicts, strict=True))
        caused = _sum(mask & inside(pair[1]) for pair, (_, mask) in zip(pairs, verdicts, strict=True))
        table.rows.append(
            [
                name,
                str(count),
                str(without),
                figure(1000 * without / count if count else float("nan")),
                str(with_depth),
                figure(1000 * with_depth / other_count if other_count else float("nan")),
                str(fixed),
                str(caused),
                f"{caused - fixed:+d}",
            ]
        )
    return table


def _sum(masks: Iterable[BoolArray | IntArray]) -> int:
    return int(sum(int(mask.sum()) for mask in masks))
