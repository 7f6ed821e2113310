"""Where to compute, and in which number format."""

from __future__ import annotations

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


def pick_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """What the network computes in; ``auto`` is the fastest that the device has units for.

    Convolutions in 8 bits are there for the CPU only; elsewhere they are in bfloat16.
    """
    if precision is Precision.AUTO:
        precision = _fastest(device)
    if precision is Precision.INT8:
        return torch.int8 if device.type == "cpu" else torch.bfloat16
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def _fastest(device: torch.device) -> Precision:
    if device.type == "cuda":
        ampere = torch.cuda.get_device_capability(device) >= (8, 0)
        return Precision.BFLOAT16 if ampere else Precision.FLOAT32
    has = torch.cpu.get_capabilities()
    if not (has.get("avx512_bf16") or has.get("amx_bf16")):
        return Precision.FLOAT32
    return Precision.INT8 if has.get("avx512_vnni") else Precision.BFLOAT16
