"""A gate in the optimiser: a test can hold a job in the middle of its run.

Workers under test load this module with ``--include``. While the file named by ``FAULT_GATE``
exists, each step takes a moment, so that the fastest machine is still painting when the test looks;
and the last step waits until the file is removed, so that the job still runs when the test is late
on a slow machine. In a worker with ``FAULT_DEVICE``, the device fails at the second step of every
job, with the error that it names. Nothing else changes.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery.signals import worker_process_init

if TYPE_CHECKING:
    from core.nst import Run, Step

#: Makes the main thread of a worker's child hang forever, while its other threads continue.
HANG = signal.SIGRTMIN

_STEP_SECONDS = 0.05
_POLL_SECONDS = 0.01


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _install_gate(**_: Any) -> None:
    from worker.output import checkpoints

    vars(checkpoints)["stylize"] = _gated(Path(os.environ["FAULT_GATE"]))
    signal.signal(HANG, lambda *_: time.sleep(1e6))  # this is the fault itself


def _gated(gate: Path) -> Callable[..., Run]:
    from core.nst import Run, stylize  # imports torch, which the parent does without

    class Gated(Run):
        last: Step | None = None

        def __init__(self, *given: Any, **named: Any) -> None:
            arguments = signature(stylize).bind(*given, **named)
            arguments.apply_defaults()
            super().__init__(*arguments.args)

        def __next__(self) -> Step:
            if self.last is not None:
                _wait(self.last, gate)
            self.last = super().__next__()
            return self.last

    return Gated


def _wait(step: Step, gate: Path) -> None:
    import torch

    if "FAULT_DEVICE" in os.environ:
        raise torch.AcceleratorError(os.environ["FAULT_DEVICE"])
    if gate.exists():
        time.sleep(_STEP_SECONDS)  # so that the job still runs when the test looks
    while step.step == step.steps - 1 and gate.exists():
        time.sleep(_POLL_SECONDS)
