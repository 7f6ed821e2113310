"""Where to compute, and in which number format."""

from __future__ import annotations

from collections.abc import Set

import torch

from core.params import Precision


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; ``auto`` is CUDA when there is one, else the CPU.

    Raises:
        ValueError: the name is no device, or asks for CUDA where there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device {name!r} is unknown; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} was asked for, but torch finds no CUDA; use auto or cpu")
    return device


def be_exact(device: torch.device) -> None:
    """Have CUDA compute what is asked for, and the same each time, in this whole process.

    By default cuDNN rounds the factors of float32 convolutions to 10 bits (TF32), and
    picks sums that depend on who comes first; and sums of bfloat16 products may be
    rounded on the way.
    """
    if device.type == "cuda":
        torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
        torch.backends.cudnn.deterministic = True
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def pick_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """What the network computes in; ``auto`` is the fastest that the device has units for.

    Departure: steps are rounded to bfloat16 where that is fast; targets and the result's
    losses are in float32. In 8 bits only the CPU computes; a GPU takes bfloat16 instead.
    """
    if device.type == "cuda":
        if precision is Precision.AUTO:
            ampere = torch.cuda.get_device_capability(device) >= (8, 0)
            precision = Precision.BFLOAT16 if ampere else Precision.FLOAT32
        return torch.float32 if precision is Precision.FLOAT32 else torch.bfloat16
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    has = {**torch.cpu.get_capabilities(), "onednn": onednn}
    chosen = on_cpu(precision, {name for name, there in has.items() if there})
    return {Precision.INT8: torch.int8, Precision.BFLOAT16: torch.bfloat16}.get(
        chosen, torch.float32
    )


def on_cpu(precision: Precision, has: Set[str]) -> Precision:
    """What a CPU computes in that is asked for a precision.

    Args:
        precision: ``int8`` means ``auto`` where sums of 8-bit products have no unit of
            their own: without one they are cut off at 16 bits, and wrong.
        has: what ``torch.cpu.get_capabilities`` finds, and ``onednn``.
    """
    exact_sums = {"onednn", "avx512_vnni"} <= has
    if precision is Precision.AUTO or (precision is Precision.INT8 and not exact_sums):
        if not {"avx512_bf16", "amx_bf16"} & has:
            return Precision.FLOAT32
        return Precision.INT8 if exact_sums else Precision.BFLOAT16
    return precision
