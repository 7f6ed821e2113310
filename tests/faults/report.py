"""Writes ``docs/reliability.md`` from the measurements of the fault suite.

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

Once Easel has responded with 202, the job reaches exactly one final state, whichever process dies.
`make reliability` breaks things and writes this page; no entry of the table was written by hand.
After every fault the suite also checks that final states do not change, that a result has the
hash in its record, that no job takes more than three attempts, that the queue and the leases are
empty at the end, and that a new job succeeds without a restart.

To keep the tests short, the lease is {lease} s and the sweep interval {sweep} s; the defaults are
8 s and 2 s. A row that did not hold in the run is not in the table.
Measured on {machine}, which was also doing other work.

| row | fault | promise | measured |
|---|---|---|---|
"""

_SOAK = """
## Everything at once

`make soak` posts jobs as a patient client does, while workers, the API and Valkey are killed with
SIGKILL at times that a seed picks. `make soak-cut` gives each worker a host of its own (a network
namespace), and disconnects one of them from everything for a minute during a job. At the end of
each of these runs, every job had `succeeded` with the picture that its record names, no job had
ended twice, no job was queued or under a lease, and no file was left that no record names.

| seed | jobs | killed | resumed by another attempt | seconds | |
|---|---|---|---|---|---|
"""

_TAIL = """
## What the table does not cover

- S1 to S7 were measured with the file store. The other two stores pass the same contract tests
  (`tests/contract`).
- C1 does not set the machine's clock, which would need root and affect everything on it. Instead it
  shifts every time that Redis has stored by an hour, which to Easel looks the same as a jump of
  Redis's clock. Leases depend on no other clock.
- W7 limits the memory that the process may allocate. A full GPU gives the same error, which
  `tests/worker/test_runner.py` checks, but no GPU was filled here.
- W12 raises the error that torch raises for a lost CUDA device. No GPU was broken.
- The queue does not support Redis Cluster or Sentinel, and they are not tested.
"""


def page(
    rows: Iterable[Mapping[str, str]],
    soaks: Iterable[Mapping[str, Any]],
    *,
    lease: str,
    sweep: str,
) -> str:
    """Return the page.

    Args:
        rows: the rows of the table, as :class:`tests.faults.conftest.Row` records them.
        soaks: the soak runs, as ``bench.service.soak`` records them.
        lease: the length of a lease in the tests, in seconds.
        sweep: the time between two sweeps in the tests, in seconds.
    """
    machine = f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}"
    lines = [
        f"| {row['row']} | {row['fault']} | {row['promise']} | {_measured(row)} |"
        for row in sorted(rows, key=_order)
    ]
    head = _HEAD.format(lease=lease, sweep=sweep, machine=machine)
    return head + "\n".join(lines) + "\n" + _SOAK + "".join(map(_soak_row, soaks)) + _TAIL


def _soak_row(run: Mapping[str, Any]) -> str:
    killed = ", ".join(f"{name} {count} times" for name, count in sorted(run["killed"].items()))
    resumed = sum(count for attempts, count in run["attempts"].items() if attempts != "1")
    cells = (run["seed"], run["jobs"], killed, resumed, run["seconds"], run["cut"])
    return f"| {' | '.join(map(str, cells))} |\n"


def _order(row: Mapping[str, str]) -> tuple[int, int, str]:
    """Sort workers first, then Redis, delivery, storage, the clock, the API and liveness."""
    letter, number = row["row"][0], re.search(r"\d+", row["row"])
    return "WRDSCAL".index(letter), int(number.group()) if number else 0, row["row"]


def _measured(row: Mapping[str, str]) -> str:
    if "seconds" not in row:
        return "holds"
    return f"{row['seconds']} s {row['measure']}".strip()


if __name__ == "__main__":
    from tests.service.cluster import QUICK

    results, soaks = (
        [json.loads(line) for line in Path(name).read_text().splitlines()] for name in sys.argv[1:3]
    )
    quick = {"lease": QUICK["EASEL_LEASE_SECONDS"], "sweep": QUICK["EASEL_SWEEP_SECONDS"]}
    sys.stdout.write(page(results, soaks, **quick))
