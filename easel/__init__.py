"""Neural style transfer in Python.

    import easel

    easel.stylize("photo.jpg", "painting.jpg", strength=0.6).save("painted.png")

``stylize`` and ``paint`` run the optimiser in this process, ``Client`` and ``AsyncClient`` call a
server. ``docs/python.md`` has examples.

Every part of the installed package lies below this one, also small processes that must start
quickly. So a name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.errors import (
        CheckpointMismatch,
        EaselError,
        InvalidRequest,
        JobFailed,
        PackageMissing,
        ServerRefused,
        ServerUnreachable,
        WeightsUnavailable,
    )
    from easel.client.asynchronous import AsyncClient
    from easel.client.batches import SubmittedBatch
    from easel.client.jobs import SubmittedJob
    from easel.client.sync import Client
    from easel.painting import Painting, paint, stylize

__all__ = [
    "AsyncClient",
    "CheckpointMismatch",
    "Client",
    "EaselError",
    "InvalidRequest",
    "JobFailed",
    "PackageMissing",
    "Painting",
    "ServerRefused",
    "ServerUnreachable",
    "SubmittedBatch",
    "SubmittedJob",
    "WeightsUnavailable",
    "paint",
    "stylize",
]

_MODULES = {
    "AsyncClient": "easel.client.asynchronous",
    "Client": "easel.client.sync",
    "Painting": "easel.painting",
    "SubmittedBatch": "easel.client.batches",
    "SubmittedJob": "easel.client.jobs",
    "paint": "easel.painting",
    "stylize": "easel.painting",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'easel' has no attribute {name!r}")
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    from core import errors

    return getattr(errors, name)


def __dir__() -> list[str]:
    return __all__
