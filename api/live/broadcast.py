"""Broadcasts the events of jobs to their listeners in this process.

While there are listeners, one task follows the stream of all events and passes each event
to the listeners of its job. A waiting client needs neither a thread nor a connection to
Redis. After an outage of Redis, or when the task fell behind the short stream, it reads
the streams of the jobs that have listeners, so no event is missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from core.errors import RedisUnavailable
from core.jobs.events import BEGINNING, SUPERSEDED_EVENTS, Event, order_of, parse_event
from core.runtime.redis import redis_outages
from core.store.keys import ALL_EVENTS, events_key

if TYPE_CHECKING:
    from redis.asyncio import Redis

_logger = logging.getLogger(__name__)

#: The block time of one XREAD; shorter than the timeout of the Redis client.
_BLOCK_MS = 2000

#: The delay before Redis is tried again.
_RETRY_SECONDS = 0.5

#: The longest wait of a new listener for the task to follow the stream.
_READY_SECONDS = 5.0

#: The number of events in one XREAD, and of streams in one pipeline.
_PAGE = 200

#: The number of listeners that receive an event before other tasks run. A poll takes a dozen
#: iterations of the event loop, and each listener a third of a millisecond of one.
_BATCH = 4


def _log(error: Exception) -> None:
    if isinstance(error, RedisUnavailable):
        _logger.warning("event stream unavailable", extra={"reason": str(error)})
    else:
        _logger.error("event stream failed", exc_info=error)


class Listener:
    """A queue of the events of one job that a client has not seen.

    Args:
        after: the id of the last event that the client has seen.
        only_final: whether to drop all events but the last one of the job.
    """

    def __init__(self, after: str, *, only_final: bool = False) -> None:
        self._seen = order_of(after)
        self._only_final = only_final
        self._events: list[Event] = []
        self._ready = asyncio.Event()
        self.closed = False

    def add(self, event: Event) -> None:
        """Add an event, unless it was seen. It replaces a queued event that it supersedes."""
        if event.order <= self._seen or (self._only_final and not event.final):
            return
        self._seen = event.order
        if event.name in SUPERSEDED_EVENTS:
            self._events = [each for each in self._events if each.name != event.name]
        self._events.append(event)
        self._ready.set()

    def close(self) -> None:
        """End the wait, because the server is shutting down."""
        self.closed = True
        self._ready.set()

    async def wait(self, seconds: float) -> list[Event]:
        """Return the events since the last call; none after a timeout or when closed."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._ready.wait()
        except TimeoutError:
            return []
        events, self._events = self._events, []
        if not self.closed:
            self._ready.clear()
        return events


class Broadcast:
    """The listeners of this process, and the task that follows the events.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listeners: dict[str, set[Listener]] = {}
        self._task: asyncio.Task[None] | None = None
        self._following = asyncio.Event()
        self._closed = False

    @contextmanager
    def listen(
        self, job_id: str, after: str = BEGINNING, *, only_final: bool = False
    ) -> Iterator[Listener]:
        """Listen to the events of a job after the given one. None is missed after :meth:`ready`."""
        listener = Listener(after, only_final=only_final)
        if self._closed:
            listener.close()
        self._listeners.setdefault(job_id, set()).add(listener)
        try:
            yield listener
        finally:
            self._listeners[job_id].discard(listener)
            if not self._listeners[job_id]:
                del self._listeners[job_id]

    async def ready(self) -> None:
        """Wait until the task follows the stream, so that no later event is missed.

        Raises:
            RedisUnavailable: Redis does not respond.
        """
        if self._task is None or self._task.done():
            self._following.clear()
            self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._following.wait()
        except TimeoutError as error:
            raise RedisUnavailable("the stream of events cannot be read from Redis") from error

    async def backlog(self, job_id: str, after: str) -> list[Event]:
        """Return the stored events of a job after the given one.

        Raises:
            RedisUnavailable: Redis does not respond.
        """
        with redis_outages():
            entries: Any = await self._redis.xrange(events_key(job_id), min=f"({after}")
        return [parse_event(entry_id, fields) for entry_id, fields in entries]

    def close(self) -> None:
        """End all waits, because the server is shutting down."""
        self._closed = True
        for listener in self._all_listeners():
            listener.close()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        """Follow the events, through all errors, until there are no listeners."""
        problem: type[Exception] | None = None
        while self._listeners:
            try:
                await self._follow()
            except Exception as error:
                self._following.clear()
                if type(error) is not problem:
                    _log(error)
                problem = type(error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                problem = None

    async def _follow(self) -> None:
        with redis_outages():
            newest: Any = await self._redis.xrevrange(ALL_EVENTS, count=1)
            position = newest[0][0] if newest else BEGINNING
            self._following.set()
            await self._catch_up()
            while self._listeners:
                reply: Any = await self._redis.xread(
                    {ALL_EVENTS: position}, count=_PAGE, block=_BLOCK_MS
                )
                entries = _entries(reply)
                for position, fields in entries:
                    await self._deliver(fields["job"], position, fields)
                if len(entries) == _PAGE:
                    return  # fell behind: the next events may be trimmed already, so start again

    async def _catch_up(self) -> None:
        jobs = list(self._listeners)
        for start in range(0, len(jobs), _PAGE):
            page = jobs[start : start + _PAGE]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in page:
                    pipeline.xrange(events_key(job_id))
                streams: list[Any] = await pipeline.execute()
            for job_id, entries in zip(page, streams, strict=True):
                for entry_id, fields in entries:
                    await self._deliver(job_id, entry_id, fields)

    async def _deliver(self, job_id: str, entry_id: str, fields: dict[str, str]) -> None:
        listeners = tuple(self._listeners.get(job_id, ()))
        if listeners:
            event = parse_event(entry_id, fields)
        for start in range(0, len(listeners), _BATCH):
            for listener in listeners[start : start + _BATCH]:
                listener.add(event)
            await asyncio.sleep(0)  # let these listeners write, and other requests run

    def _all_listeners(self) -> list[Listener]:
        return [listener for listeners in self._listeners.values() for listener in listeners]


def _entries(reply: Any) -> list[tuple[str, dict[str, str]]]:
    """Return the entries in a reply of XREAD for one stream."""
    return list(reply[0][1]) if reply else []
