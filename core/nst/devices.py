"""Where to compute."""

from __future__ import annotations

import torch


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
