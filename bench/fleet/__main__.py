"""The capacity of one Redis and of many workers: ``python -m bench.fleet [PART ...]``.

The parts are ``workers``, ``lengths``, ``depths``, ``costs`` and ``saturation``; by default all
are measured. The figures are kept in ``docs/scale.json``, from which ``python -m bench.fleet.page``
writes ``docs/scale.md``. The workers are the real ones, except that their optimiser sleeps
(``bench/fleet/workers.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.fleet.costs import costs
from bench.fleet.page import FIGURES
from bench.fleet.saturation import saturation
from bench.fleet.throughput import by_depth, by_length, by_workers

PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "workers": by_workers,
    "lengths": by_length,
    "depths": by_depth,
    "costs": costs,
    "saturation": saturation,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops what was started
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in parser.parse_args().parts or PARTS:
        figures[name] = PARTS[name]()
        figures["machine"] = {"cores": os.cpu_count(), "measured": f"{datetime.now(UTC):%Y-%m-%d}"}
        print(name, json.dumps(figures[name], indent=1), flush=True)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
