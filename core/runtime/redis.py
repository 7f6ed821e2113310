"""Redis clients with bounded waits, and the translation of their errors.

Importing redis-py takes a third of a second, so it is imported when a client is created.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from core.errors import NewerRecord, RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

_P = ParamSpec("_P")
_T = TypeVar("_T")


def socket_options(url: str) -> dict[str, Any]:
    """Return the options of a connection that never hangs, for redis-py and for kombu.

    Args:
        url: the URL of the server.
    """
    options = {"socket_timeout": 10, "socket_connect_timeout": 5, "health_check_interval": 25}
    # redis-py refuses the option for a Unix socket.
    return options if url.startswith("unix:") else {**options, "socket_keepalive": True}


def connect(url: str, *, patience: int, decode: bool = True) -> Redis:
    """Return a client that never hangs on a dead connection.

    Args:
        url: the URL of the server.
        patience: how often a call is retried while the server is unavailable or refuses to
            write. The retries are at most half a second apart.
        decode: whether replies are text instead of bytes.
    """
    from redis import Redis
    from redis.backoff import ExponentialBackoff
    from redis.exceptions import MasterDownError, OutOfMemoryError, ReadOnlyError
    from redis.retry import Retry

    return Redis.from_url(
        url,
        decode_responses=decode,
        **socket_options(url),
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=patience),
        # A full server may soon have room. A server that became a replica keeps its connections;
        # the URL leads to the new primary.
        retry_on_error=[OutOfMemoryError, ReadOnlyError, MasterDownError],
    )


def connect_async(url: str, *, connections: int, decode: bool = True) -> AsyncRedis:
    """Return a client like :func:`connect` for an event loop, which tries a call three times.

    Args:
        url: the URL of the server.
        connections: the maximum number of connections; further calls wait for a free one.
        decode: whether replies are text instead of bytes.
    """
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialBackoff
    from redis.exceptions import MasterDownError, ReadOnlyError

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=10,
        decode_responses=decode,
        **socket_options(url),
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2),
        retry_on_error=[ReadOnlyError, MasterDownError],
    )
    return Redis.from_pool(pool)


@contextmanager
def redis_outages() -> Iterator[None]:
    """Translate errors of redis-py that the block raises, also in an ``await``.

    Raises:
        NewerRecord: a script refused to change a newer record (``core/store/lua/lib/schema.lua``).
        RedisUnavailable: Redis is unavailable or refused the call.
    """
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        match str(error).split():
            case ["NEWER", schema, known]:
                raise NewerRecord(schema, known) from error
        raise RedisUnavailable(f"Redis is unavailable: {error}") from error


def needs_redis(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Wrap a function in :func:`redis_outages`."""

    @wraps(function)
    def translated(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with redis_outages():
            return function(*args, **kwargs)

    return translated
