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
    """What the network computes in; ``auto`` is bfloat16 where the device is fast at it."""
    if precision is Precision.AUTO:
        return torch.bfloat16 if _fast_at_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def _fast_at_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere has the units
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
