"""Tables of records: each record, statistics over pairs, and differences between sizes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields

from bench.look.measures import Measures
from bench.look.records import Record

NAMES = tuple(field.name for field in fields(Measures))
#: Lower is better for these.
LOWER = ("cfsd",)

#: Reduces the values of one measure over all pairs to one number.
Statistic = Callable[[Sequence[float]], float]


def statistic(records: Iterable[Record], reduce: Statistic, names: Sequence[str]) -> list[float]:
    """Return one number for each measure."""
    rows = [[record.measures[name] for name in names] for record in records]
    return [reduce(column) for column in zip(*rows, strict=True)]


def worst(records: Sequence[Record], names: Sequence[str] = NAMES) -> list[float]:
    """Return the worst value of each measure."""
    values = zip(names, statistic(records, min, names), statistic(records, max, names), strict=True)
    return [highest if name in LOWER else lowest for name, lowest, highest in values]


def mean(records: Sequence[Record], names: Sequence[str] = NAMES) -> list[float]:
    """Return the mean of each measure."""
    return statistic(records, statistics.mean, names)


def deviation(records: Sequence[Record], names: Sequence[str] = NAMES) -> list[float]:
    """Return the standard deviation of each measure between pairs."""
    return statistic(records, statistics.pstdev, names)


def difference(
    first: Iterable[Record], second: Iterable[Record], names: Sequence[str] = NAMES
) -> tuple[int, list[float]]:
    """Compare two sizes of one recipe.

    Returns:
        The number of pairs that both have, and for each measure the mean absolute difference.
    """
    others = {record.pair: record for record in second}
    both = [(each, others[each.pair]) for each in first if each.pair in others]
    return len(both), [
        statistics.mean(abs(a.measures[name] - b.measures[name]) for a, b in both)
        for name in names
        if both
    ]


def seconds(records: Iterable[Record]) -> float | None:
    """Return the mean of the seconds, or None if one has none."""
    times = [record.seconds for record in records]
    known = [each for each in times if each is not None]
    return statistics.mean(known) if known and len(known) == len(times) else None


def by_recipe(records: Iterable[Record]) -> Mapping[str, dict[int, list[Record]]]:
    """Return the records by recipe and size, smaller sizes first."""
    groups: dict[str, dict[int, list[Record]]] = {}
    for record in sorted(records, key=lambda record: record.size):
        groups.setdefault(record.recipe, {}).setdefault(record.size, []).append(record)
    return groups


def tables(records: Sequence[Record]) -> str:
    """Return three Markdown tables: every record, every recipe, and differences of sizes."""
    head = " | ".join(NAMES)
    lines = [f"| pair | recipe | size | s | {head} |", "|---" * (4 + len(NAMES)) + "|"]
    lines += [
        _row(each.pair, each.recipe, each.size, _time(each.seconds), values=each.measures.values())
        for each in records
    ]
    lines += ["", f"| recipe | size | pairs | | s | {head} |", "|---" * (5 + len(NAMES)) + "|"]
    groups = by_recipe(records)
    for recipe, sizes in groups.items():
        for size, group in sizes.items():
            cells = recipe, size, len(group)
            lines.append(_row(*cells, "mean", _time(seconds(group)), values=mean(group)))
            lines.append(_row(*cells, "worst", "", values=worst(group)))
            lines.append(_row(*cells, "deviation", "", values=deviation(group)))
    changes = []
    for recipe, sizes in groups.items():
        smallest, *larger = sizes
        for size in larger:
            pairs, values = difference(sizes[smallest], sizes[size])
            changes.append(_row(recipe, f"{smallest} and {size}", pairs, values=values))
    if changes:
        lines += ["", f"| recipe | sizes | pairs | {head} |", "|---" * (3 + len(NAMES)) + "|"]
    return "\n".join([*lines, *changes])


def _row(*cells: object, values: Iterable[float]) -> str:
    return f"| {' | '.join([*map(str, cells), *(f'{value:.3f}' for value in values)])} |"


def _time(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
