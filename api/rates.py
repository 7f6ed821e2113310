"""How many requests a caller may send in a minute, counted in Redis by all api processes."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from core.errors import RedisUnavailable, TooManyRequests

if TYPE_CHECKING:
    from limits.aio.storage import RedisStorage


class Rates:
    """Counts requests over a sliding minute. Belongs to one event loop.

    Args:
        redis_url: of the server that counts.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._storage: RedisStorage | None = None

    async def close(self) -> None:
        """Hang up."""
        if self._storage is not None:
            await self._storage.bridge.get_connection().aclose()  # type: ignore[attr-defined]
            self._storage = None

    async def count(self, caller: str, limit: int) -> None:
        """Count one request.

        Raises:
            TooManyRequests: it is one too many.
            RedisUnavailable: Redis is away.
        """
        from limits import RateLimitItemPerMinute
        from limits.aio.strategies import SlidingWindowCounterRateLimiter
        from redis.exceptions import OutOfMemoryError, RedisError

        if self._storage is None:
            self._storage = _open(self._redis_url)
        limiter = SlidingWindowCounterRateLimiter(self._storage)
        item = RateLimitItemPerMinute(limit)
        try:
            if await limiter.hit(item, caller):
                return
            again_at, _ = await limiter.get_window_stats(item, caller)
        except OutOfMemoryError:
            return  # full, so that it counts nothing, but it can still be asked about jobs
        except RedisError as error:
            raise RedisUnavailable(f"Redis cannot count requests: {error}") from error
        raise TooManyRequests(
            f"more than the {limit} requests a minute that you are allowed",
            retry_after=min(max(math.ceil(again_at - time.time()), 1), 60),
        )


def _open(redis_url: str) -> RedisStorage:
    """Imports and connects late: importing the api stays quick."""
    from limits.aio.storage import RedisStorage
    from redis.asyncio.retry import Retry
    from redis.backoff import ConstantBackoff

    return RedisStorage(
        _with_scheme(redis_url),
        implementation="redispy",
        key_prefix="easel:rate",
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=Retry(ConstantBackoff(0.05), retries=1),  # type: ignore[arg-type]
    )


def _with_scheme(redis_url: str) -> str:
    """As the library writes it; it only knows what begins with ``redis``."""
    return f"async+redis+{redis_url}" if redis_url.startswith("unix:") else f"async+{redis_url}"
