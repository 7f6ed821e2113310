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

#: How long a server may take to reply, until a call is sent again.
_REPLY_SECONDS = 10.0

#: How long a server may take to reply to the API, until a request gets a 503.
API_SECONDS = 4.0

_P = ParamSpec("_P")
_T = TypeVar("_T")


def socket_options(url: str, seconds: float = _REPLY_SECONDS) -> dict[str, Any]:
    """Return the options of a connection that never hangs, for redis-py and for kombu.

    Args:
        url: the URL of the server.
        seconds: how long the server may take to reply.
    """
    options = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds / 2,
        "health_check_interval": 25,
    }
    # redis-py refuses the option for a Unix socket.
    return options if url.startswith("unix:") else {**options, "socket_keepalive": True}


def connect(
    url: str, *, patience: int, give_up_seconds: float | None = None, decode: bool = True
) -> Redis:
    """Return a client that never hangs on a dead connection.

    Args:
        url: the URL of the server.
        patience: how often a call is retried while the server is unavailable or refuses to
            write. The retries are at most half a second apart.
        give_up_seconds: how long the server may take to reply. A call without a reply is not
            retried then, so it fails after this time. None: it is retried.
        decode: whether replies are text instead of bytes.
    """
    from redis import Redis, exceptions
    from redis.backoff import ExponentialBackoff
    from redis.retry import Retry

    seconds = give_up_seconds or _REPLY_SECONDS
    hanging = () if give_up_seconds else (exceptions.TimeoutError,)
    return Redis.from_url(
        url,
        decode_responses=decode,
        **socket_options(url, seconds),
        retry=Retry(
            ExponentialBackoff(cap=0.5, base=0.05),
            retries=patience,
            supported_errors=(exceptions.ConnectionError, *hanging),
        ),
        # A full server may soon have room. A server that became a replica keeps its connections;
        # the URL leads to the new primary.
        retry_on_error=[
            exceptions.OutOfMemoryError,
            exceptions.ReadOnlyError,
            exceptions.MasterDownError,
        ],
    )


def connect_async(url: str, *, connections: int, decode: bool = True) -> AsyncRedis:
    """Return a client for an event loop, which gives up after ``API_SECONDS`` without a reply.

    It tries a call three times while the server is unavailable.

    Args:
        url: the URL of the server.
        connections: the maximum number of connections; further calls wait for a free one.
        decode: whether replies are text instead of bytes.
    """
    from redis import exceptions
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialBackoff

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=API_SECONDS,
        decode_responses=decode,
        **socket_options(url, API_SECONDS),
        retry=Retry(
            ExponentialBackoff(cap=0.5, base=0.05),
            retries=2,
            supported_errors=(exceptions.ConnectionError,),
        ),
        retry_on_error=[exceptions.ReadOnlyError, exceptions.MasterDownError],
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
