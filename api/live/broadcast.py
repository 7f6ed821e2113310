"""Brings events to whoever waits for them in this process.

One task follows the stream of all events, as long as anybody listens, and hands each
event to the listeners of its job: a waiting client costs neither a thread nor a
connection to Redis. When Redis was away, or the task fell behind the short stream,
it looks into the streams of the jobs that are listened to. So nothing is missed.
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

#: How long one look at the stream waits; less than the client's timeout.
_BLOCK_MS = 4000

#: After how long Redis is tried again.
_RETRY_SECONDS = 0.5

#: How long a new listener waits for the task to be on its way.
_READY_SECONDS = 5.0

_PAGE = 200

#: So many listeners are told of an event before other requests have their turn. A poll
#: takes a dozen turns of the loop, and each of these listeners a third of a millisecond.
_AT_A_TIME = 4


class Listener:
    """What somebody who waits for a job has not seen yet.

    Args:
        after: the id of the last event that was seen.
        only_final: whether nothing but the end of the job matters.
    """

    def __init__(self, after: str, *, only_final: bool = False) -> None:
        self._seen = order_of(after)
        self._only_final = only_final
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self.closed = False

    def tell(self, event: Event) -> None:
        """Take in an event, unless it is known. Progress not yet fetched is replaced."""
        if event.order <= self._seen or (self._only_final and not event.final):
            return
        self._seen = event.order
        if event.name in SUPERSEDED_EVENTS:
            self._events = [each for each in self._events if each.name != event.name]
        self._events.append(event)
        self._news.set()

    def close(self) -> None:
        """Let whoever waits know that this server stops."""
        self.closed = True
        self._news.set()

    async def wait(self, seconds: float) -> list[Event]:
        """The events since the last call; none when the time is over, or on closing."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._news.wait()
        except TimeoutError:
            return []
        events, self._events = self._events, []
        if not self.closed:
            self._news.clear()
        return events


class Broadcast:
    """All listeners of this process, and the task that serves them.

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
        """Hear of a job's events after that one, from :meth:`ready` on."""
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
        """Return once no event from now on can be missed.

        Raises:
            RedisUnavailable: Redis is away.
        """
        if self._task is None or self._task.done():
            self._following.clear()
            self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._following.wait()
        except TimeoutError as error:
            raise RedisUnavailable("Redis, which tells of events, is away") from error

    async def backlog(self, job_id: str, after: str) -> list[Event]:
        """What the job's stream has after that event.

        Raises:
            RedisUnavailable: Redis is away.
        """
        with redis_outages():
            entries: Any = await self._redis.xrange(events_key(job_id), min=f"({after}")
        return [parse_event(entry_id, fields) for entry_id, fields in entries]

    def close(self) -> None:
        """End every wait: the server stops."""
        self._closed = True
        for listener in self._everybody():
            listener.close()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        """Follow the events, through every outage of Redis, until nobody listens."""
        well = True
        while self._listeners:
            try:
                await self._follow()
            except RedisUnavailable as error:
                self._following.clear()
                if well:
                    _logger.warning("events are not heard", extra={"reason": str(error)})
                well = False
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                well = True

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
                    await self._hand_out(fields["job"], position, fields)
                if len(entries) == _PAGE:
                    return  # behind: what comes next may be cut off already, so begin anew

    async def _catch_up(self) -> None:
        jobs = list(self._listeners)
        for start in range(0, len(jobs), _PAGE):
            some = jobs[start : start + _PAGE]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in some:
                    pipeline.xrange(events_key(job_id))
                found: list[Any] = await pipeline.execute()
            for job_id, entries in zip(some, found, strict=True):
                for entry_id, fields in entries:
                    await self._hand_out(job_id, entry_id, fields)

    async def _hand_out(self, job_id: str, entry_id: str, fields: dict[str, str]) -> None:
        listeners = tuple(self._listeners.get(job_id, ()))
        if listeners:
            event = parse_event(entry_id, fields)
        for start in range(0, len(listeners), _AT_A_TIME):
            for listener in listeners[start : start + _AT_A_TIME]:
                listener.tell(event)
            await asyncio.sleep(0)  # now they write; and whoever polls has a turn as well

    def _everybody(self) -> list[Listener]:
        return [listener for each in self._listeners.values() for listener in each]


def _entries(reply: Any) -> list[tuple[str, dict[str, str]]]:
    """The entries of the one stream that was asked for."""
    return list(reply[0][1]) if reply else []
