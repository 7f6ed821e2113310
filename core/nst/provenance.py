"""How a result was made: what its file says of the run."""

from __future__ import annotations

import platform

import torch

from core.nst.network.devices import threads_on
from core.nst.network.precision import NumberFormat, pick_format
from core.nst.network.vgg19 import VGG19
from core.nst.step import Step
from core.nst.stylize import Run
from core.params import Precision, StyleParams
from core.params.edits import Edit, from_start
from core.pictures.provenance.record import Digests, Machine, Provenance, easel_version


def provenance_of(
    run: Run, last: Step, params: StyleParams, network: VGG19, inputs: Digests
) -> Provenance:
    """Return how the picture of a step was made.

    Args:
        run: the run that has made the step.
        last: the step. If the run would have gone on, the record says that it ended there.
        params: the parameters that the run was given.
        network: the network that the run was given.
        inputs: the digests of the files of its pictures.
    """
    edits = run.edits
    if last.step < last.steps and not any(edit.finish for edit in edits):
        edits = (*edits, Edit(step=last.step, params={}, finish=True))
    first, later = from_start(params, edits)
    # An earlier style_scale may have made the styles larger than they are at the last step.
    matters = last.has_strips(run.memory) or any("style_scale" in edit.params for edit in later)
    machine = machine_of(network, params.precision, run.memory if matters else None)
    return Provenance(params=first, edits=later, inputs=inputs, machine=machine)


def machine_of(network: VGG19, precision: Precision, memory: int | None) -> Machine:
    """Return what computes the steps of a run in this process.

    Args:
        network: the network of the run.
        precision: the parameter of the run.
        memory: what the run may use of the device's memory, in bytes. None if its pictures are
            computed whole, so that the memory does not matter.
    """
    device = network.device
    return Machine(
        easel=easel_version(),
        torch=torch.__version__,
        network=network.digest,
        device=_kind_of(device),
        precision=_name_of(pick_format(precision, device)),
        threads=threads_on(device),
        memory=memory,
    )


def use_threads_of(machine: Machine) -> None:
    """Compute with the threads of an earlier run, even if there are fewer cores."""
    if machine.threads is not None:
        torch.set_num_threads(machine.threads)


def _kind_of(device: torch.device) -> str:
    """Return the kind of a device, within which results have the same bytes."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return f"{platform.machine()} {device.type}"


def _name_of(number_format: NumberFormat) -> str:
    name = str(number_format.dtype).removeprefix("torch.")
    return f"{name} and int8" if number_format.int8 else name
