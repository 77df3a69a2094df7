"""What a benchmark's cells say: score tables, what depth adds, spoiled depth, and ours against the peers."""

from __future__ import annotations

from collections.abc import Iterable

from deptr.evaluation.bootstrap import Difference, mean_paired_bootstrap, paired_bootstrap
from deptr.evaluation.cells import Cell, CellResult
from deptr.evaluation.corruption import Corruption
from deptr.evaluation.methods import ORACLE, PEER_PREFIX, Method
from deptr.evaluation.tables import Table, figure

Results = dict[tuple[str, int, str, str, str], list[tuple[Cell, CellResult]]]
METRICS = ("HOTA", "DetA", "AssA", "IDF1", "MOTA")
CLEAN = str(Corruption())
LEGEND = """Metrics in percent, IDSW counts identity switches, ms/frame is the median processor time of the
tracker's update alone. `depth adds` is the change of HOTA against the same tracker without depth, with the
95 % interval of a paired bootstrap over the sequences."""
FEW_SEQUENCES = 5


def index(results: Iterable[tuple[Cell, CellResult]]) -> Results:
    """Cells by benchmark, stride, tracker, fusion and corruption, in the order of arrival: one per seed."""
    found: Results = {}
    for cell, result in results:
        method = cell.method
        key = cell.benchmark.name, cell.stride, method.tracker, method.fusion, str(cell.corruption)
        found.setdefault(key, []).append((cell, result))
    return found


def all_tables(results: Iterable[tuple[Cell, CellResult]]) -> list[Table]:
    """Ours against the best peer, what depth adds, the scores, spoiled depth: as far as there are cells."""
    found = index(results)
    first = [table for table in (peer_table(found), gain_table(found)) if table is not None]
    return [*first, *score_tables(found), *corruption_tables(found)]


def score_tables(results: Results) -> list[Table]:
    """One table per benchmark and stride over clean depth."""
    tables = []
    for benchmark, stride in _groups(results):
        rows = _group(results, benchmark, stride)
        count = len(rows[0][0].sequences)
        note = f"{count} sequences{', so few that intervals are rough' if count < FEW_SEQUENCES else ''}."
        table = Table(
            f"{benchmark}, {_every(stride)}",
            ["tracker", "depth", *METRICS, "IDSW", "ms/frame", "depth adds (HOTA)"],
            note=note,
            words=2,
        )
        for cell, result in rows:
            depth = _depth_word(cell.method)
            scores = [figure(result.combined[name]) for name in METRICS]
            switches = figure(result.combined["IDSW"], 0)
            milliseconds = figure(result.milliseconds.get("median", float("nan")))
            adds = depth_adds(results, cell, result)
            table.rows.append(
                [_tracker_word(cell.method), depth, *scores, switches, milliseconds, str(adds or "")]
            )
        tables.append(table)
    return tables


def depth_adds(
    results: Results, cell: Cell, result: CellResult, *, metric: str = "HOTA"
) -> Difference | None:
    """Change against the same tracker without depth; None when there is no such cell."""
    if not cell.method.uses_depth:
        return None
    plain = results.get((cell.benchmark.name, cell.stride, cell.method.tracker, "none", CLEAN))
    return None if plain is None else paired_bootstrap(result.raw, plain[0][1].raw, metric=metric)


def gain_table(results: Results) -> Table | None:
    """What depth adds on average over our trackers, per benchmark and stride; None for a single tracker."""
    table = Table(
        "What depth adds on average",
        ["benchmark", "frames", "depth", "trackers", "HOTA", "IDF1", "least", "most"],
        note="Mean change over our trackers against each without depth; the 95 % interval is of a bootstrap "
        "that draws sequences once for all trackers. Least and most: HOTA of single trackers.",
        words=3,
    )
    for benchmark, stride in _groups(results):
        rows = _group(results, benchmark, stride)
        for fusion in dict.fromkeys(cell.method.fusion for cell, _ in rows if cell.method.uses_depth):
            pairs = [
                (result.raw, plain[0][1].raw)
                for cell, result in rows
                if cell.method.fusion == fusion
                and (plain := results.get((benchmark, stride, cell.method.tracker, "none", CLEAN)))
            ]
            if len(pairs) < 2:
                continue
            means = [mean_paired_bootstrap(pairs, metric=metric) for metric in ("HOTA", "IDF1")]
            single = [paired_bootstrap(*pair).value for pair in pairs]
            ends = [f"{min(single):+.2f}", f"{max(single):+.2f}"]
            table.rows.append(
                [benchmark, _every(stride), fusion, str(len(pairs)), *[str(mean) for mean in means], *ends]
            )
    return table if table.rows else None


def corruption_tables(results: Results) -> list[Table]:
    """One table per benchmark: change of HOTA against no depth, for each way of spoiling depth.

    What is drawn at random is the mean over its seeds.
    """
    ways = list(dict.fromkeys(key[4] for key in results))
    seeds = max((len(cells) for cells in results.values()), default=1)
    means = f", means over {seeds} seeds of the corruption" if seeds > 1 else ""
    if len(ways) < 2:
        return []
    tables = []
    for benchmark in dict.fromkeys(key[0] for key in results):
        table = Table(
            f"{benchmark}, spoiled depth",
            ["tracker", "depth", "frames", "HOTA without depth", *ways],
            note=f"HOTA with depth minus HOTA without it{means}; * where the 95 % interval excludes zero.",
            words=3,
        )
        mine = [key for key in results if key[0] == benchmark]
        for stride, tracker, fusion in dict.fromkeys(key[1:4] for key in mine):
            plain = results.get((benchmark, stride, tracker, "none", CLEAN))
            cells = [results.get((benchmark, stride, tracker, fusion, way), []) for way in ways]
            if plain is None or not any(cell.method.uses_depth for found in cells for cell, _ in found):
                continue
            base, gaps = plain[0][1], []
            for found in cells:
                pairs = [(result.raw, base.raw) for _, result in found]
                gap = mean_paired_bootstrap(pairs) if pairs else None
                gaps.append(f"{gap.value:+.2f}{'*' if gap.certain else ''}" if gap else "-")
            table.rows.append([tracker, fusion, _every(stride), figure(base.combined["HOTA"]), *gaps])
        if table.rows:
            tables.append(table)
    return tables


def peer_table(results: Results) -> Table | None:
    """The best of ours against the best peer, per benchmark and stride; None without both."""
    table = Table(
        "Ours against the best peer",
        ["benchmark", "frames", "best peer", "HOTA", "ours", "HOTA", "difference", "ceiling"],
        note="Best by HOTA among all rows below; the difference with its 95 % interval. Where one "
        "side has more rows to choose from, the choice favours it: compare rows of the same kind too.",
        words=3,
    )
    for benchmark, stride in _groups(results):
        rows = _group(results, benchmark, stride)
        peers = [row for row in rows if row[0].method.tracker.startswith(PEER_PREFIX)]
        ours = [row for row in rows if row[0].method.fusion]
        if not peers or not ours:
            continue
        peer, own = (max(side, key=lambda row: row[1].combined["HOTA"]) for side in (peers, ours))
        ceiling = [row[1].combined["HOTA"] for row in rows if row[0].method.tracker == ORACLE]
        table.rows.append(
            [
                benchmark,
                _every(stride),
                _tracker_word(peer[0].method),
                figure(peer[1].combined["HOTA"]),
                own[0].method.label,
                figure(own[1].combined["HOTA"]),
                str(paired_bootstrap(own[1].raw, peer[1].raw)),
                figure(ceiling[0]) if ceiling else "-",
            ]
        )
    return table if table.rows else None


def _groups(results: Results) -> list[tuple[str, int]]:
    return list(dict.fromkeys((key[0], key[1]) for key in results))


def _group(results: Results, benchmark: str, stride: int) -> list[tuple[Cell, CellResult]]:
    """Cells on clean depth; ours first, then the peers, then the ceiling."""
    rows = [value[0] for key, value in results.items() if key[:2] == (benchmark, stride) and key[4] == CLEAN]

    def rank(row: tuple[Cell, CellResult]) -> int:
        name = row[0].method.tracker
        return 2 if name == ORACLE else int(name.startswith(PEER_PREFIX))

    return sorted(rows, key=rank)


def _every(stride: int) -> str:
    return {1: "every frame", 2: "every 2nd frame", 3: "every 3rd frame"}.get(
        stride, f"every {stride}th frame"
    )


def _depth_word(method: Method) -> str:
    return "" if method.fusion in ("", "none") else method.fusion


def _tracker_word(method: Method) -> str:
    if method.tracker == ORACLE:
        return "ceiling: true identities"
    return method.tracker
