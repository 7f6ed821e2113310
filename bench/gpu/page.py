"""Writes ``docs/gpu.md`` from the rows of a check: ``python -m bench.gpu.page``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "gpu.md"

_HEAD = """\
# Easel on a GPU

`make gpu-check` measures Easel on the GPU of this machine within eight minutes and writes this
page. No entry was written by hand. The rows are in [gpu.jsonl](gpu.jsonl).
"""

_NO_GPU = """
**This page was written on a CPU: no GPU has run Easel yet.** It shows only that the sections below
run through, with pictures of {sizes} pixels, {steps} steps, also of whole jobs, and {network}.
Nothing is recorded on a CPU. The times say nothing about a GPU.
"""

_ABOUT = {
    "paths": "Six steps of each way against float32 on the CPU; resumed in the middle.",
    "graphs": "Ten recorded steps against ten plain ones, also beside threads on the device.",
    "steps": "Milliseconds of a step of L-BFGS and of its evaluation, and the part of the ceiling.",
    "jobs": "Seconds of whole jobs, on a GPU with default parameters: first record, picture, file.",
    "memory": "The peak of the device, and the estimate that jobs are refused by.",
    "no-memory": "More memory than there is, and the next job of the same process.",
    "lost-device": "An illegal access, and what follows it.",
    "processes": "Jobs a second of several processes that share the device.",
    "loop": "Milliseconds of a step of the usual loop (`bench/loop.py`), also with TF32.",
}


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the page.

    Args:
        rows: of the check; the first describes the machine, or says why nothing does.
    """
    machine, *measured = rows
    measured = [row for row in measured if row["section"] != "machine"]
    text = _HEAD
    if "failed" in machine:
        text += f"\nWhat the machine is could not be found out: {machine['failed']}\n"
    elif "gpu" in machine:
        capability = ".".join(str(part) for part in machine["capability"])
        text += (
            f"\nMeasured on {machine['gpu']} (compute capability {capability}, "
            f"{machine['memory_mib']} MiB) with torch {machine['torch']}. With one idle process, "
            f"{machine['context_mib']} MiB were in use.\n"
        )
    else:
        sizes = " and ".join(str(size) for size in machine["sizes"])
        filters = machine["filters"]
        network = (
            "VGG-19" if filters == 64 else f"a network whose first layer has {filters} filters"
        )
        text += _NO_GPU.format(sizes=sizes, steps=machine["steps"], network=network)
    for name in dict.fromkeys(row["section"] for row in measured):
        own = [row for row in measured if row["section"] == name]
        text += f"\n## {name}\n\n{_ABOUT[name]}\n"
        text += "".join(f"\nFailed: {row['failed']}\n" for row in own if "failed" in row)
        table = [row for row in own if not {"failed", "seconds"} & row.keys()]
        text += "\n" + _table(table) if table else ""
        text += "".join(
            f"\nThe section took {row['seconds']} s.\n" for row in own if "seconds" in row
        )
    return text


def write_page(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the page of some rows."""
    path.write_text(page(rows))


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row if name != "section"))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += [
        "| " + " | ".join(_cell(row.get(name, "")) for name in columns) + " |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name}={each}" for name, each in value.items()) or "default"
    if isinstance(value, list):
        return "; ".join(str(each) for each in value)
    return str(value)


if __name__ == "__main__":
    lines = PAGE.with_suffix(".jsonl").read_text().splitlines()
    write_page([json.loads(line) for line in lines], PAGE)
