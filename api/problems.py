"""How the problems of a call are described in OpenAPI."""

from __future__ import annotations

from typing import Any

from api.schemas import Problem


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that are problem documents."""
    return {
        status: {
            "model": Problem,
            "content": {"application/problem+json": {}},
        }
        for status in statuses
    }
