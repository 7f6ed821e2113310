"""Makes ``docs/reliability.md`` of what the fault suite measured.

``python -m tests.faults.report results soaks > docs/reliability.md``
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_HEAD = """\
# What Easel promises when things break

Once Easel has answered 202, the job reaches exactly one final state, whatever dies.
`make reliability` breaks things and writes this page; nothing in the table was entered by hand.
After every fault the suite also checks that final states do not change, that a result has the
hash its record names, that attempts stay within three, that the queue and the leases are empty in
the end, and that a fresh job is done without a restart.

A lease in these tests is {lease} s and a sweep comes every {sweep} s, so that they are quick; with
the settings as they come it is 8 s and 2 s. A row that did not hold in the run is not in the table.
Measured on {machine}, which did other work too.

| row | fault | promise | measured |
|---|---|---|---|
"""

_SOAK = """
## Everything at once

`make soak` posts jobs as a patient client does, while workers, the api and Valkey are each
killed with SIGKILL at moments that a seed picks; `make soak-cut` does it with each worker on a host
of its own (a network namespace), one of which is cut off from everything for a minute in mid-job.
In the end each of these runs had every job `succeeded` with the picture that its record names,
none twice, nothing in the queue or under a lease, and no file that no record names.

| seed | jobs | killed | taken up again by another attempt | seconds | |
|---|---|---|---|---|---|
"""

_TAIL = """
## What is not in the table

- S1 to S7 were seen with files; the other two stores have the same contract tests
  (`tests/contract`).
- C1 does not set the machine's clock, which needs root on all of it: it shifts every time that
  Redis has noted by an hour, which is what a jump of Redis's clock looks like to Easel. No other
  clock is used for leases.
- W7 limits the process's address space; a full GPU is mapped to the same error by
  `tests/worker/test_runner.py`, but no GPU was filled here.
- Redis Cluster and Sentinel are not supported by the queue, and not tested.
"""


def page(
    rows: Iterable[Mapping[str, str]],
    soaks: Iterable[Mapping[str, Any]],
    *,
    lease: str,
    sweep: str,
) -> str:
    """The whole page."""
    processor = f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}"
    lines = [
        f"| {row['row']} | {row['fault']} | {row['promise']} | {_measured(row)} |"
        for row in sorted(rows, key=_place)
    ]
    head = _HEAD.format(lease=lease, sweep=sweep, machine=processor)
    return head + "\n".join(lines) + "\n" + _SOAK + "".join(map(_soaked, soaks)) + _TAIL


def _soaked(run: Mapping[str, Any]) -> str:
    killed = ", ".join(f"{name} {count} times" for name, count in sorted(run["killed"].items()))
    again = sum(count for attempts, count in run["attempts"].items() if attempts != "1")
    told = (run["seed"], run["jobs"], killed, again, run["seconds"], run["cut"])
    return f"| {' | '.join(map(str, told))} |\n"


def _place(row: Mapping[str, str]) -> tuple[int, int, str]:
    """Workers first, then Redis, delivery, storage, the clock, the api, liveness."""
    letter, number = row["row"][0], re.search(r"\d+", row["row"])
    return "WRDSCAL".index(letter), int(number.group()) if number else 0, row["row"]


def _measured(row: Mapping[str, str]) -> str:
    if "seconds" not in row:
        return "holds"
    return f"{row['seconds']} s {row['measure']}".strip()


if __name__ == "__main__":
    from tests.faults.cluster import QUICK

    results, soaks = (
        [json.loads(line) for line in Path(name).read_text().splitlines()] for name in sys.argv[1:3]
    )
    quick = {"lease": QUICK["EASEL_LEASE_SECONDS"], "sweep": QUICK["EASEL_SWEEP_SECONDS"]}
    sys.stdout.write(page(results, soaks, **quick))
