"""Removes what torch needs only with a GPU: for ``Dockerfile.worker`` with ``DEVICE=cpu``.

The package index has torch for Linux only with CUDA, and torch is linked to most of the CUDA
libraries: it does not load without them. The libraries that it loads only for a GPU can be
removed; they are about half of the environment. ``docs/docker.md`` has the numbers.

This uses only the standard library, because it runs before anything is installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

#: Packages that torch does not need on a CPU.
PACKAGES = frozenset(
    {
        "triton",  # torch.compile, which Easel does not use
        "cuda-bindings",
        "cuda-pathfinder",
        "cuda-toolkit",
        "nvidia-cuda-cccl",
        "nvidia-cusolver",
        "nvidia-nvtx",
    }
)

#: Unneeded files of the other packages, in ``site-packages``.
FILES = (
    "nvidia/cudnn/lib/libcudnn_*",  # libcudnn.so.9 itself is needed, and loads these by name
    "nvidia/cu*/lib/libnvperf_*",
    "nvidia/cu*/lib/libcheckpoint*",
    "nvidia/cu*/lib/libpcsamplingutil*",
    "nvidia/cu*/bin",
    "nvidia/nvshmem/bin",
    "nvidia/nvshmem/lib/nvshmem_*",
    "nvidia/**/include",
    "nvidia/**/*.a",
    "nvidia/**/*.bc",
    "torch/include",
    "torch/share",
)

_LOADS = "import torch, torchvision; torch.rand(2, 2, requires_grad=True).square().sum().backward()"


def without_cuda(lock: str) -> str:
    """Return the text of a lock file without those packages; the others keep their hashes."""
    blocks = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)
    return "".join(block for block in blocks if _name(block) not in PACKAGES)


def prune(environment: Path) -> int:
    """Remove those files from a virtual environment, and check that torch still loads.

    Returns:
        The number of bytes removed.

    Raises:
        CalledProcessError: torch no longer loads.
    """
    (packages,) = environment.glob("lib/python3*/site-packages")
    removed = 0
    for pattern in FILES:
        for path in list(packages.glob(pattern)):
            removed += _size(path)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    subprocess.run([environment / "bin" / "python", "-c", _LOADS], check=True)
    return removed


def _name(block: str) -> str:
    return block.partition("==")[0].strip()


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.lstat().st_size for file in files)


if __name__ == "__main__":
    action, argument = sys.argv[1], Path(sys.argv[2])
    if action == "lock":
        argument.write_text(without_cuda(argument.read_text()))
    else:
        sys.stderr.write(f"removed {prune(argument) // 2**20} MiB\n")
