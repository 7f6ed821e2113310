"""``python -m api.healthcheck``: the health check of the API container.

It requests ``/healthz``, which needs neither Redis nor a worker. An API that waits for Redis
is healthy: a restart of its container would not help.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

#: The address at which a server that listens on all interfaces is checked.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here


def is_alive(host: str, port: int, seconds: float = 4.0) -> bool:
    """Return whether an API that listens on the host and port answers within the seconds."""
    connection = HTTPConnection(_LOOPBACK.get(host, host), port, timeout=seconds)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    # core.settings.model takes longer to import than the API takes to answer.
    host, port = os.environ.get("EASEL_HOST", "127.0.0.1"), os.environ.get("EASEL_PORT", "8000")
    sys.exit(0 if is_alive(host, int(port)) else 1)
