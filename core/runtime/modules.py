"""The full names of our packages, for everything that names a module in text.

In the source tree ``api``, ``cli``, ``core``, ``samples`` and ``worker`` are packages of their own.
The wheel has them inside the package ``easel``, as ``tools/wheel.py`` explains.
"""

from __future__ import annotations

_PARENT = __name__.removesuffix("core.runtime.modules")


def full_name(module: str) -> str:
    """Return the name by which Python imports a module: ``worker.tasks`` in the source tree."""
    return f"{_PARENT}{module}"
