"""Redis: clients with bounded waits, and its outages as an error of ours.

redis-py takes a third of a second to import, so it is imported when a client is
made, not with the modules that use one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from core.errors import NewerRecord, RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

_P = ParamSpec("_P")
_T = TypeVar("_T")


def connect(url: str, *, patience: int, decode: bool = True) -> Redis:
    """A client that never hangs on a dead connection.

    Args:
        url: of the server.
        patience: how often a call is tried again while the server is away or
            refuses to write, at most half a second apart.
        decode: whether replies are text; otherwise they are bytes.
    """
    from redis import Redis
    from redis.backoff import ExponentialBackoff
    from redis.exceptions import OutOfMemoryError, ReadOnlyError
    from redis.retry import Retry

    return Redis.from_url(
        url,
        decode_responses=decode,
        socket_timeout=10,
        socket_connect_timeout=5,
        socket_keepalive=True,
        health_check_interval=25,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=patience),
        # A server that is full, or still a replica, may soon be neither.
        retry_on_error=[OutOfMemoryError, ReadOnlyError],
    )


def connect_async(url: str, *, connections: int, decode: bool = True) -> AsyncRedis:
    """A client for an event loop, as :func:`connect`, that tries a call three times.

    Args:
        url: of the server.
        connections: the most that it opens; callers wait their turn for one.
        decode: whether replies are text; otherwise they are bytes.
    """
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialBackoff

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=10,
        decode_responses=decode,
        socket_timeout=10,
        socket_connect_timeout=5,
        socket_keepalive=True,
        health_check_interval=25,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2),
    )
    return Redis.from_pool(pool)


@contextmanager
def redis_outages() -> Iterator[None]:
    """Make RedisError a RedisUnavailable, also around what is awaited.

    What ``newer.lua`` refuses becomes a NewerRecord.
    """
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        match str(error).split():
            case ["NEWER", schema, known]:
                raise NewerRecord(schema, known) from error
        raise RedisUnavailable(f"Redis cannot do it: {error}") from error


def needs_redis(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make a function raise RedisUnavailable when Redis is away or refuses."""

    @wraps(function)
    def translated(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with redis_outages():
            return function(*args, **kwargs)

    return translated
