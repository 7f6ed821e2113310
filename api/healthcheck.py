"""``python -m api.healthcheck``: the container health check of the API.

It asks for ``/healthz``, which needs neither Redis nor a worker. A container whose api
waits for Redis is well: to restart it would help nobody.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

#: A server that listens everywhere is asked here.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not to listen on


def is_alive(host: str, port: int, seconds: float = 4.0) -> bool:
    """Whether an api that was told to listen there answers within so many seconds."""
    connection = HTTPConnection(_EVERYWHERE.get(host, host), port, timeout=seconds)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    # Not from core.settings.model: that takes longer to import than the api to answer.
    host, port = os.environ.get("EASEL_HOST", "127.0.0.1"), os.environ.get("EASEL_PORT", "8000")
    sys.exit(0 if is_alive(host, int(port)) else 1)
