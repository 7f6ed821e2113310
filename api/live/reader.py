"""Reads jobs for all requests of a process, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from api.answers.documents import Snapshot
from core.errors import NewerRecord, RedisUnavailable
from core.jobs.forecast import Forecast, make_forecast
from core.jobs.job import is_job_id
from core.jobs.schema_version import NewerRecordLog, newer_schema
from core.runtime.redis import redis_outages
from core.store.jobs import not_found
from core.store.scripts import script_text
from core.store.serialization import detect_newer, pairs
from core.store.workers import FORGET_SECONDS

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: A forecast is as good as new for so long.
_FRESH = timedelta(seconds=1)

#: The most jobs of one call, so that no call keeps the server long.
_MOST = 100


class JobReader:
    """Answers whoever asks for jobs while a call is under way with the next call.

    So a thousand polls a second cost a few calls, and each answer was still read
    after it was asked for. An ``await`` on Redis costs more than all else that a
    poll does.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(script_text("queries/read_jobs"))
        self._ask = redis.register_script(script_text("queries/forecast"))
        self._newer_records = NewerRecordLog("api")
        self._forecast: Forecast | None = None
        self._wanted: dict[str, asyncio.Future[Snapshot]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def get(self, job_id: str) -> Snapshot:
        """The job of that id, as it is now.

        Raises:
            JobNotFound: there is none.
            NewerRecord: a newer version wrote it in a way that cannot be read.
            RedisUnavailable: Redis is away.
        """
        return await asyncio.shield(self.ask(job_id))  # others wait for it too

    def ask(self, job_id: str) -> asyncio.Future[Snapshot]:
        """The same, for who has something else to do until it has come."""
        future = self._wanted.get(job_id)
        if future is not None:
            self._go_on()
            return future
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        if not is_job_id(job_id):
            future.set_exception(not_found(job_id))
            return future
        self._wanted[job_id] = future
        self._go_on()
        return future

    def _go_on(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while self._wanted:
            some = list(self._wanted)[:_MOST]
            futures = {job_id: self._wanted.pop(job_id) for job_id in some}
            try:
                await self._answer(futures)
            except RedisUnavailable as error:
                for future in futures.values():
                    future.set_exception(error)
            finally:
                for future in futures.values():
                    future.cancel()  # where it was not answered: nobody may wait for ever

    async def _answer(self, futures: Mapping[str, asyncio.Future[Snapshot]]) -> None:
        with redis_outages():
            reply: Any = await self._script(args=list(futures))
            if any(position is not None for _, position in reply):
                await self._look_ahead()
        for (job_id, future), (record, position) in zip(futures.items(), reply, strict=True):
            if record:
                self._answer_one(future, Snapshot(pairs(record), position, self.start_of(position)))
            else:
                future.set_exception(not_found(job_id))

    def _answer_one(self, future: asyncio.Future[Snapshot], snapshot: Snapshot) -> None:
        if schema := newer_schema(snapshot.record):
            self._newer_records.report({snapshot.id: schema})
            try:
                with detect_newer(snapshot.record):
                    snapshot.document()
            except NewerRecord as error:
                future.set_exception(error)
                return
        future.set_result(snapshot)

    async def forecast(self) -> Forecast:
        """When workers become free, as of a second ago at most.

        Raises:
            RedisUnavailable: Redis is away.
        """
        with redis_outages():
            return await self._look_ahead()

    def start_of(self, position: int | None) -> datetime | None:
        """When the job at that place of the queue will probably be started."""
        if self._forecast is None or position is None:
            return None
        return self._forecast.start(position)

    async def _look_ahead(self) -> Forecast:
        """Make the forecast anew, unless it is fresh."""
        now = datetime.now(UTC)
        if self._forecast is None or now - self._forecast.at > _FRESH:
            run_seconds, workers, running = await self._ask(args=[FORGET_SECONDS])
            self._forecast = make_forecast(
                now,
                workers,
                None if run_seconds is None else float(run_seconds),
                [(float(since), progress) for since, progress in running],
            )
        return self._forecast


def _seen(future: asyncio.Future[Snapshot]) -> None:
    """Whoever asked may have left: then nobody is missing the error."""
    if not future.cancelled():
        future.exception()
