"""What the workers of a cluster paint with: the optimiser, which a test can hold in mid-run.

A worker takes this module along with ``--include``. While the file named by
``FAULT_GATE`` is there, each step takes a moment, so that there is a mid-run on the
quickest machine; and the last step is not made before the file is gone, so that
there still is one when the test comes late on a slow machine. Nothing else changes.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery.signals import worker_process_init

if TYPE_CHECKING:
    from core.nst import Step

#: Has the main thread of a worker's child hang for good, and its other threads go on.
HANG = signal.SIGRTMIN

_STEP_SECONDS = 0.05
_LOOK_SECONDS = 0.01


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _watch_the_gate(**_: Any) -> None:
    from core.nst import stylize  # torch: in the child, not in its parent
    from worker import checkpoints

    vars(checkpoints)["stylize"] = _held(stylize, Path(os.environ["FAULT_GATE"]))
    signal.signal(HANG, lambda *_: time.sleep(1e6))  # this is the fault


def _held(stylize: Callable[..., Iterator[Step]], gate: Path) -> Callable[..., Iterator[Step]]:
    def held(*args: Any, **kwargs: Any) -> Iterator[Step]:
        for step in stylize(*args, **kwargs):
            yield step
            if gate.exists():
                time.sleep(_STEP_SECONDS)
            while step.step == step.steps - 1 and gate.exists():
                time.sleep(_LOOK_SECONDS)

    return held
