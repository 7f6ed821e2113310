"""Writes ``docs/quality.md``: ``python -m docs.quality [FOLDER]``.

FOLDER has records and pictures of ``bench.look``. Their numbers are copied to
``docs/quality.jsonl``, and the pictures that may be shipped onto contact sheets in
``docs/images/``. Without FOLDER, only the page is written again.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from string import Template

from bench.look.measures import SIMPLE, STYLE_EVAL
from bench.look.paint import LOOP
from bench.look.peer import EQUAL_TIME, OWN_SETTINGS
from bench.look.records import Folder, Record, read_records, write_records
from bench.look.sheet import contact_sheet
from bench.look.summary import LOWER, by_recipe, deviation, difference, mean, seconds, worst
from docs.figures import IMAGES, ROOT, SAMPLES, read

PAGE, FIGURES = ROOT / "docs" / "quality.md", ROOT / "docs" / "quality.jsonl"
_TEXT = ROOT / "docs" / "quality.txt"

#: Labels for the lists of ``bench.look --finished``.
PUBLISHED, FEED_FORWARD = "neural-style-published", "feed-forward"
#: What each of them is called on the page.
_OTHERS = {
    PUBLISHED: "the published pictures of neural-style",
    FEED_FORWARD: "feed-forward networks",
    OWN_SETTINGS: "neural-style-pt at its own settings",
    EQUAL_TIME: "neural-style-pt in the time of `balanced`",
}
#: The rows of every table, as far as there are pictures.
_OWN = ("fast", "balanced", "fine", "classic", LOOP)
_DEFAULT, _SLOWEST = "balanced", "fine"

_NAMES = (*STYLE_EVAL, *SIMPLE, "cfsd", "edges")
_TITLES = dict(zip(_NAMES, ("CF", "GE", "LP", "CF'", "GE'", "LP'", "CFSD", "edges"), strict=True))
_LOWEST = "ge_centred"

#: The side of a picture on a sheet, in pixels.
_CELL = 224


def page(records: Sequence[Record]) -> str:
    """Return the page."""
    text = Template(_TEXT.read_text()).substitute(
        own="".join(_own_table(records, size) for size in _sizes(records, _OWN)),
        strength=_strength_table(records),
        published=_beside(records, "The published pictures of neural-style", [PUBLISHED]),
        feed_forward=_beside(records, "Feed-forward networks", [FEED_FORWARD]),
        peer=_beside(records, "neural-style-pt", [OWN_SETTINGS, EQUAL_TIME]),
        sizes=_size_table(records),
        sheets=_sheets(records),
        lower="\n".join(_lower(records)) or "Nothing yet: there are no common pairs.",
    )
    return re.sub(r"\n{3,}", "\n\n", text)  # without gaps where a table has no pictures


def shared_pairs(records: Iterable[Record], recipes: Iterable[str]) -> set[str]:
    """Return the pairs that all of these recipes have, at whatever size."""
    groups = by_recipe(records)
    found = [
        {record.pair for group in groups[recipe].values() for record in group}
        for recipe in recipes
        if recipe in groups
    ]
    return set.intersection(*found) if found else set()


def rows(records: Iterable[Record], recipes: Sequence[str], pairs: set[str]) -> list[list[Record]]:
    """Return a group of records for each recipe and size that has all of the pairs."""
    groups = by_recipe(record for record in records if record.pair in pairs)
    return [
        group
        for recipe in recipes
        for group in groups.get(recipe, {}).values()
        if len(group) == len(pairs)
    ]


def _own_table(records: Sequence[Record], size: int) -> str:
    chosen = [each for each in records if each.size == size and each.recipe in _OWN]
    text = f"## Easel's presets at {size} pixels\n\n"
    tables = []
    for anchor in (_DEFAULT, _SLOWEST, LOOP):
        pairs = shared_pairs(chosen, [anchor])
        groups = rows(chosen, _OWN, pairs) if pairs else []
        if groups and (pairs, len(groups)) not in tables:
            tables.append((pairs, len(groups)))
            text += f"{_named(pairs)}\n\n{_table(groups)}\n\n"
    return text if tables else ""


def _beside(records: Sequence[Record], title: str, others: Sequence[str]) -> str:
    pairs = shared_pairs(records, others)
    if not pairs:
        return ""
    groups = rows(records, [*others, *_OWN], pairs)
    return f"### {title}\n\n{_named(pairs)}\n\n{_table(groups)}\n\n"


def _table(groups: Iterable[Sequence[Record]]) -> str:
    lines = [
        f"| recipe | size | seconds | {' | '.join(_TITLES.values())} | lowest GE' |",
        "|---" * (len(_NAMES) + 4) + "|",
    ]
    for group in groups:
        time = seconds(group)
        lines.append(
            _row(
                f"`{group[0].recipe}`",
                " to ".join(map(str, sorted({each.size for each in group}))),
                "" if time is None else f"{time:.1f}",
                *_numbers([*mean(group, _NAMES), *worst(group, (_LOWEST,))]),
            )
        )
    return "\n".join(lines)


def _strength_table(records: Sequence[Record]) -> str:
    """Return what ``strength`` does, from the recipes that set nothing else."""
    dial = {
        float(recipe.removeprefix("strength=")): sizes
        for recipe, sizes in by_recipe(records).items()
        if re.fullmatch(r"strength=[\d.]+", recipe)
    }
    if len(dial) < 2:
        return ""
    lines = [
        f"| strength | size | pairs | {' | '.join(_TITLES.values())} | deviation of GE' |",
        "|---" * (len(_NAMES) + 4) + "|",
    ]
    lines += [
        _row(f"{strength:g}", size, len(group), *_numbers(values))
        for strength, sizes in sorted(dial.items())
        for size, group in sizes.items()
        for values in [[*mean(group, _NAMES), *deviation(group, (_LOWEST,))]]
    ]
    table = "\n".join(lines)
    text = "`balanced`, with other values of `strength` than its 0.5."
    return f"## The dial\n\n{text}\n\n{table}\n\n"


def _size_table(records: Sequence[Record]) -> str:
    lines = []
    for recipe, sizes in by_recipe(records).items():
        if recipe not in _OWN:
            continue
        smallest, *larger = sizes
        for size in larger:
            count, values = difference(sizes[smallest], sizes[size], _NAMES)
            if count:
                lines.append(_row(f"`{recipe}`", smallest, size, count, *_numbers(values)))
    if not lines:
        return ""
    head = _row("recipe", "size", "and", "pairs", *_TITLES.values())
    return "\n".join(
        [
            "## The same look at every size",
            "",
            "Mean absolute difference between two sizes of the same pair, both seen at 256.",
            "",
            head,
            "|---" * (len(_NAMES) + 4) + "|",
            *lines,
            "",
            "",
        ]
    )


def _sheets(records: Sequence[Record]) -> str:
    sizes = _sizes([each for each in records if is_shippable(each)], _OWN)
    if not sizes:
        return ""
    links = [f"![The pictures at {size} pixels](images/quality-{size}.jpg)" for size in sizes]
    return "\n\n".join(["## The pictures", *links, ""]) + "\n"


def _lower(records: Sequence[Record]) -> Iterable[str]:
    """Yield a line for each program and size: where the default preset is worse than it."""
    for other, title in _OTHERS.items():
        pairs = shared_pairs(records, [other])
        for theirs in rows(records, [other], pairs):
            for ours in rows(records, [_DEFAULT], pairs):
                values = zip(_NAMES, mean(ours, _NAMES), mean(theirs, _NAMES), strict=True)
                worse = [
                    f"{_TITLES[name]} ({_number(own)}, not {_number(their)})"
                    for name, own, their in values
                    if (own > their if name in LOWER else own < their)
                ]
                start = f"- `{_DEFAULT}` at {ours[0].size} beside {title}: "
                yield _wrap(start + (", ".join(worse) if worse else "nothing") + ".", "  ")


def is_shippable(record: Record) -> bool:
    """Return whether a picture may be shipped: both of its pictures are samples."""
    photograph, painting = SAMPLES / "photos" / record.content, SAMPLES / "styles" / record.style
    return photograph.exists() and painting.exists()


def draw_sheets(folder: Folder) -> None:
    """Write a contact sheet for each size: photograph, painting and results of every pair."""
    records = [each for each in folder.records() if is_shippable(each)]
    columns = [*_OWN, OWN_SETTINGS, EQUAL_TIME]
    for size in _sizes(records, _OWN):
        shown = [each for each in records if each.size == size and each.recipe in columns]
        sheet = []
        for content, style in dict.fromkeys(each.key[:2] for each in shown):
            row = [
                ("photograph", read(SAMPLES / "photos" / content)),
                ("painting", read(SAMPLES / "styles" / style)),
            ]
            own = {each.recipe: each for each in shown if each.key[:2] == (content, style)}
            row += [(name, folder.picture(own[name])) for name in columns if name in own]
            sheet.append(row)
        contact_sheet(sheet, _CELL).save(IMAGES / f"quality-{size}.jpg", quality=82)


def _sizes(records: Iterable[Record], recipes: Iterable[str]) -> list[int]:
    return sorted({record.size for record in records if record.recipe in recipes})


def _named(pairs: set[str]) -> str:
    count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    return _wrap(f"{count}: {', '.join(sorted(pairs))}.")


def _wrap(text: str, indent: str = "") -> str:
    """Break lines at 120 columns."""
    return textwrap.fill(
        text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _numbers(values: Iterable[float]) -> list[str]:
    return [_number(value) for value in values]


def _number(value: float) -> str:
    return f"{value:.3f}"


def _published(record: Record) -> Record:
    """Return a record for the repository: no picture, and short numbers."""
    measures = {name: round(value, 4) for name, value in record.measures.items()}
    time = None if record.seconds is None else round(record.seconds, 1)
    return replace(record, picture="", seconds=time, measures=measures)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="of bench.look; see --out there")
    path = parser.parse_args().folder
    if path is not None:
        folder = Folder(path)
        write_records(sorted(map(_published, folder.records()), key=lambda each: each.key), FIGURES)
        draw_sheets(folder)
    PAGE.write_text(page(read_records(FIGURES)))


if __name__ == "__main__":
    main()
