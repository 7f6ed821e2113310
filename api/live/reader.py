"""Batched reads of jobs for all requests of a process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from api.answers.job_json import NO_OUTLOOK, Outlook, Snapshot
from core.errors import NewerRecord, RedisUnavailable
from core.jobs.job import is_job_id
from core.jobs.schema_version import NewerRecordLog, newer_schema
from core.jobs.status import JobStatus
from core.jobs.waiting.forecast import Forecast, make_forecast
from core.jobs.waiting.reasons import Fleet, WaitingReason, resting, why_waiting
from core.jobs.work import Speed
from core.runtime.redis import redis_outages
from core.store.jobs import not_found
from core.store.scripts import script_text
from core.store.serialization import detect_newer, pairs
from core.store.workers import FORGET_SECONDS, parse_worker

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: The maximum age of a forecast.
_MAX_AGE = timedelta(seconds=1)

#: The maximum number of jobs in one call, so that no call blocks Redis for long.
_MAX_BATCH = 100


#: The number of queued jobs whose own work a forecast reads. Behind them, the average counts.
_MAX_FORECAST = 1000


class JobReader:
    """Reads jobs in batches: requests that arrive during a call share the next call.

    A thousand polls a second then need few calls, and every job is still read after it was
    requested. An ``await`` on Redis costs more than the rest of a poll.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._read_jobs = redis.register_script(script_text("queries/read_jobs"))
        self._read_forecast = redis.register_script(script_text("queries/forecast"))
        self._newer_records = NewerRecordLog("api")
        self._forecast: Forecast | None = None
        self._fleet: Fleet | None = None
        self._pending: dict[str, asyncio.Future[Snapshot]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, job_id: str) -> Snapshot:
        """Return the current state of a job.

        Raises:
            JobNotFound: the job does not exist.
            NewerRecord: a newer version wrote the record in a format that this one cannot read.
            RedisUnavailable: Redis does not respond.
        """
        return await asyncio.shield(self.read(job_id))  # other requests share the future

    def read(self, job_id: str) -> asyncio.Future[Snapshot]:
        """Start to read a job. The future has the result or the error of :meth:`get`."""
        future = self._pending.get(job_id)
        if future is not None:
            self._ensure_task()
            return future
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(_retrieve_exception)
        if not is_job_id(job_id):
            future.set_exception(not_found(job_id))
            return future
        self._pending[job_id] = future
        self._ensure_task()
        return future

    def _ensure_task(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._pending:
            batch = list(self._pending)[:_MAX_BATCH]
            futures = {job_id: self._pending.pop(job_id) for job_id in batch}
            try:
                await self._resolve(futures)
            except RedisUnavailable as error:
                for future in futures.values():
                    future.set_exception(error)
            finally:
                for future in futures.values():
                    future.cancel()  # if it has no result after an unexpected error

    async def _resolve(self, futures: Mapping[str, asyncio.Future[Snapshot]]) -> None:
        with redis_outages():
            reply: Any = await self._read_jobs(args=list(futures))
            if any(position is not None for _, position in reply):
                await self._refresh_forecast()
        for (job_id, future), (record, position) in zip(futures.items(), reply, strict=True):
            if record:
                self._resolve_one(future, self._snapshot(pairs(record), position))
            else:
                future.set_exception(not_found(job_id))

    def _resolve_one(self, future: asyncio.Future[Snapshot], snapshot: Snapshot) -> None:
        if schema := newer_schema(snapshot.record):
            self._newer_records.report({snapshot.id: schema})
            try:
                with detect_newer(snapshot.record):
                    snapshot.document()
            except NewerRecord as error:
                future.set_exception(error)
                return
        future.set_result(snapshot)

    def _snapshot(self, record: Mapping[str, str], position: int | None) -> Snapshot:
        return Snapshot(record, position, self.outlook(record, position))

    async def forecast(self) -> Forecast:
        """Return when workers will become free, from data at most one second old.

        Raises:
            RedisUnavailable: Redis does not respond.
        """
        with redis_outages():
            return await self._refresh_forecast()

    def outlook(self, record: Mapping[str, str], position: int | None) -> Outlook:
        """Return the estimated start of the job at a queue position, and why it waits."""
        queued_at = float(record.get("queued_at") or record["created_at"])
        if position is None and "draft" in record and record["status"] == JobStatus.QUEUED:
            return Outlook(waiting=resting(queued_at))
        if self._forecast is None or self._fleet is None or position is None:
            return NO_OUTLOOK
        memory = json.loads(record.get("memory", "{}"))
        waiting = why_waiting(self._fleet, position, queued_at, memory)
        if waiting.reason is not WaitingReason.BEHIND_OTHERS:
            return Outlook(waiting=waiting)  # nobody knows when it starts
        return Outlook(self._forecast.start(position), waiting)

    async def _refresh_forecast(self) -> Forecast:
        """Return the forecast, after renewing it if it is too old."""
        now = datetime.now(UTC)
        if self._forecast is None or now - self._forecast.at > _MAX_AGE:
            reply = await self._read_forecast(args=[FORGET_SECONDS, _MAX_FORECAST])
            run_seconds, running, queued, pace, texts, time, last_seen, paused = reply
            workers = tuple(each for text in texts if (each := parse_worker(text)) is not None)
            self._fleet = Fleet(
                float(time),
                workers,
                None if last_seen is None else float(last_seen),
                None if paused is None else float(paused),
            )
            self._forecast = make_forecast(
                now,
                len(texts),
                None if run_seconds is None else float(run_seconds),
                [(float(since), progress) for since, progress in running],
                [float(work) if work else None for work in queued],
                Speed({name: float(value) for name, value in pairs(pace).items()}),
            )
        return self._forecast


def _retrieve_exception(future: asyncio.Future[Snapshot]) -> None:
    """Mark the exception as retrieved: the client that waited for it may have disconnected."""
    if not future.cancelled():
        future.exception()
