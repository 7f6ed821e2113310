"""Devices: which one to compute on, and how CUDA is made deterministic."""

from __future__ import annotations

import os
import warnings
from functools import cache

import torch
from torch import Tensor

#: Names of the units that compute bfloat16 on x86 processors.
BFLOAT16_UNITS = {"avx512_bf16", "amx_bf16"}

#: The plans of cuFFT that are kept: those of the scales of a few jobs.
_FFT_PLANS = 32

#: The number that torch itself has chosen: the processor's cores, or ``OMP_NUM_THREADS``.
_MAX_THREADS = torch.get_num_threads()


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` is CUDA if torch can compute on it, else the CPU.

    A GPU is tried with a small computation: a driver may be too old, or torch have no kernels for
    the card.

    Raises:
        ValueError: the name is not a device, or names a GPU that torch cannot compute on.
    """
    if name == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        try:
            _check_cuda(torch.device("cuda"))
        except ValueError as error:
            warnings.warn(f"computing on the CPU: {error.__cause__}", stacklevel=2)
            return torch.device("cpu")
        return torch.device("cuda")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device is {name!r}; expected auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device is {name!r}, but torch finds no GPU of a Mac; use auto or cpu")
    if device.type == "cuda":
        _check_cuda(device)
    return device


def _check_cuda(device: torch.device) -> None:
    gpus = torch.cuda.device_count()
    if device.index is not None and 0 < gpus <= device.index:
        found = ", ".join(f"cuda:{number}" for number in range(gpus))
        raise ValueError(f"device is '{device}', but torch finds only {found}; use one of these")
    try:
        torch.ones(1, device=device).add(1).item()
    except (RuntimeError, AssertionError) as error:  # torch without CUDA raises the second
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(
            f"device is '{device}', but torch cannot use it: {reason}; use auto or cpu"
        ) from error


def limit_threads(most: int) -> int:
    """Compute with at most this many threads on the CPU; fewer if ``OMP_NUM_THREADS`` says so.

    Torch starts a thread for each processor that it sees. In a container with a lower quota, or
    beside other jobs, they would wait for each other.

    Returns:
        The number of threads.
    """
    threads = min(most, _MAX_THREADS)
    torch.set_num_threads(threads)
    return threads


def threads_on(device: torch.device) -> int | None:
    """Return with how many threads this process computes; None on a GPU."""
    return torch.get_num_threads() if device.type == "cpu" else None


def make_deterministic(device: torch.device) -> None:
    """Make CUDA compute in full precision and deterministically, for the whole process.

    The GPU becomes the current one, on which CUDA makes its streams and recordings.

    By default cuDNN rounds the factors of float32 convolutions to 10 bits (TF32) and may pick
    non-deterministic algorithms, and sums of bfloat16 products may be rounded in between. With
    more than one stream, cuBLAS needs a workspace of fixed size ("Results reproducibility" in its
    manual); it reads the variable at its first product.
    """
    if device.type == "cuda":
        if device.index is not None:
            torch.cuda.set_device(device)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
        torch.backends.cudnn.deterministic = True
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def keep_few_plans(device: torch.device) -> None:
    """Bound the plans of cuFFT on a GPU, whose memory torch does not count.

    Torch keeps 4096, and every size of a picture needs two. A recorded step goes on using its own,
    which are the ones used last, for as long as it exists.
    """
    if device.type == "cuda":
        torch.backends.cuda.cufft_plan_cache[torch.cuda.current_device()].max_size = _FFT_PLANS


@cache
def cpu_capabilities() -> frozenset[str]:
    """Return what ``torch.cpu.get_capabilities`` reports, and ``onednn``."""
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    capabilities = {**torch.cpu.get_capabilities(), "onednn": onednn}
    return frozenset(name for name, has in capabilities.items() if has)


def multipliable(x: Tensor) -> Tensor:
    """Return a matrix in a format whose products are fast: float32 where bfloat16 has no units."""
    if x.dtype != torch.bfloat16 or x.is_cuda or BFLOAT16_UNITS & cpu_capabilities():
        return x
    return x.float()
