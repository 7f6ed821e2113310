"""Leaves out what torch needs only with a GPU: for ``make`` and ``Dockerfile.worker``.

The package index has torch for Linux only with CUDA, and torch is linked to the CUDA libraries:
it does not load without them. A GPU needs 3 GB of them, a CPU three small ones. Every other
library is replaced by a link to a small library of torch. That suffices, because torch calls
them only with a GPU: Python has to load torch without looking for their functions (``RTLD_LAZY``),
and torch must find no GPU (``CUDA_VISIBLE_DEVICES``). A ``.pth`` file in the environment sets both.

This uses only the standard library, because it runs before anything is installed. Tried with
torch 2.15.0.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

#: The packages of CUDA that torch needs on a CPU too: it uses their variables, not only functions.
NEEDED = frozenset({"nvidia-cuda-cupti", "nvidia-cuda-runtime", "nvidia-nvshmem-cu13"})

#: Unneeded files of the remaining packages, in ``site-packages``.
FILES = (
    "nvidia/cu*/lib/libnvperf_*",
    "nvidia/cu*/lib/libcheckpoint*",
    "nvidia/cu*/lib/libpcsamplingutil*",
    "nvidia/nvshmem/bin",
    "nvidia/nvshmem/lib/nvshmem_*",
    "nvidia/**/include",
    "nvidia/**/*.a",
    "nvidia/**/*.bc",
    "torch/include",
    "torch/share",
)

#: Stands in for the missing libraries. Torch itself loads it, so this costs no memory.
STAND_IN = "libc10.so"

SETUP = """\
import os, sys; os.environ["CUDA_VISIBLE_DEVICES"] = ""; sys.setdlopenflags(os.RTLD_LAZY)
"""

_WORKS = """\
import torch
picture = torch.rand(1, 3, 8, 8, requires_grad=True)
torch.nn.functional.conv2d(picture, torch.rand(4, 3, 3, 3)).square().sum().backward()
torch.linalg.eigh(torch.eye(3))
"""


def needed_on_cpu(name: str) -> bool:
    """Return whether a package of the lock file is needed without a GPU."""
    return name != "triton" and (not name.startswith(("cuda-", "nvidia-")) or name in NEEDED)


def without_cuda(lock: str) -> str:
    """Return the text of a lock file without those packages; the others keep their hashes."""
    blocks = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)
    return "".join(block for block in blocks if needed_on_cpu(block.partition("==")[0].strip()))


def prune(environment: Path) -> None:
    """Have torch load without the packages that are left out, and remove unneeded files.

    Args:
        environment: a virtual environment with torch.

    Raises:
        CalledProcessError: torch does not work.
    """
    (packages,) = environment.glob("lib/python3*/site-packages")
    for pattern in FILES:
        for path in list(packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    (packages / "easel_cpu_only.pth").write_text(SETUP)
    while library := _missing_library(environment / "bin" / "python"):
        (packages / "torch" / "lib" / library).symlink_to(STAND_IN)


def _missing_library(python: Path) -> str | None:
    """Return the name of a library that torch does not find, or None if torch works."""
    environment = {**os.environ, "LC_ALL": "C"}
    command = (python, "-c", _WORKS)
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    missing = re.search(r"^ImportError: (lib\S+): cannot open shared object", done.stderr, re.M)
    if missing:
        return missing[1]
    sys.stderr.write(done.stderr)
    done.check_returncode()
    return None


if __name__ == "__main__":
    action, argument = sys.argv[1], Path(sys.argv[2])
    if action == "lock":
        argument.write_text(without_cuda(argument.read_text()))
    else:
        prune(argument)
