"""The outbox: webhook deliveries that are pending.

The script that changes a job adds a delivery. The delivery leaves the outbox when it succeeds
or is given up. Until then it always has a due time. A claim only postpones that time, so the
deliveries that a dead sender has claimed become due again by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import BatchNotFound
from core.jobs.batch import Batch
from core.jobs.job import RETENTION, Job
from core.jobs.schema_version import NewerRecordLog
from core.runtime.redis import needs_redis
from core.store.batches import BatchStore
from core.store.keys import delivery_record_key
from core.store.scripts import script
from core.store.serialization import pairs, read_job
from core.webhooks.retries import Attempt, Decision
from core.webhooks.webhook import WebhookEvent, parse_delivery_id

if TYPE_CHECKING:
    from redis import Redis

#: The duration of a claim, in multiples of the timeout of an attempt: one for the time between
#: the announcement and the attempt, and more for the attempt, whose name may resolve slowly.
_CLAIM_TIMEOUTS = 4

#: The maximum of deliveries in one claim, and of those of one caller, so that a caller with
#: thousands of deliveries does not delay the others.
_MAX_CLAIMED = 100
_MAX_CLAIMED_PER_CALLER = 25

#: The maximum of callers that one claim looks at. The next claim looks at the others.
_MAX_CALLERS = 1000

#: The maximum of simultaneous attempts for one caller. A sender has four times as many threads,
#: and the unresponsive receivers of one caller must not occupy all of them.
_MAX_ACTIVE_PER_CALLER = 4

#: How long a further delivery of the same caller is postponed.
_POSTPONE_SECONDS = 2


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery that one sender is to make now."""

    id: str
    #: Identifies the claim.
    stamp: str


@dataclass(frozen=True)
class StartedDelivery:
    """A delivery whose attempt is in progress."""

    claim: ClaimedDelivery
    job: Job | Batch
    event: WebhookEvent

    @property
    def attempts(self) -> int:
        """The number of attempts, including this one."""
        return self.job.deliveries[self.event].attempts


class Outbox:
    """The deliveries, from the event to the receiver.

    Args:
        redis: a client with ``decode_responses=True``.
        timeout: the maximum duration of an attempt.
    """

    def __init__(self, redis: Redis, timeout: timedelta) -> None:
        self._claim_seconds = _CLAIM_TIMEOUTS * timeout.total_seconds()
        self._claim = script(redis, "outbox/claim")
        self._start = script(redis, "outbox/start")
        self._settle = script(redis, "outbox/settle")
        self._batches = BatchStore(redis, RETENTION)
        self._newer_records = NewerRecordLog("webhook dispatcher")

    @needs_redis
    def claim(self) -> list[ClaimedDelivery]:
        """Claim deliveries that are due. The callers take turns."""
        limits = (_MAX_CLAIMED, _MAX_CLAIMED_PER_CALLER, _MAX_ACTIVE_PER_CALLER, _MAX_CALLERS)
        claimed, newer = self._claim(args=[self._claim_seconds, *limits])
        self._newer_records.report(pairs(newer))
        return [ClaimedDelivery(delivery, stamp) for delivery, stamp in pairs(claimed).items()]

    @needs_redis
    def start(self, claimed: ClaimedDelivery, max_attempts: int) -> StartedDelivery | None:
        """Start an attempt at a claimed delivery.

        Returns:
            The delivery; None if it is done, if it was claimed again in the meantime, or if it
            is postponed because its caller has too many attempts in progress.

        Raises:
            NewerRecord: only a newer version of Easel may change the job.
        """
        job_id, event = parse_delivery_id(claimed.id)
        reply = self._start(
            keys=[delivery_record_key(job_id, event)],
            args=[
                *(claimed.id, event.value, claimed.stamp, self._claim_seconds, max_attempts),
                *(_MAX_ACTIVE_PER_CALLER, _POSTPONE_SECONDS),
            ],
        )
        if reply is None:
            return None
        stamp, record = reply
        try:
            batch = event is WebhookEvent.BATCH_FINISHED
            job = self._batches.get(job_id) if batch else read_job(record)
        except BatchNotFound:  # it has just been deleted
            return None
        return StartedDelivery(ClaimedDelivery(claimed.id, stamp), job, event)

    @needs_redis
    def settle(self, started: StartedDelivery, attempt: Attempt, decision: Decision) -> bool:
        """Record the outcome of an attempt.

        Returns:
            Whether it was recorded; False if the delivery was claimed again in the meantime.
        """
        delay = "" if decision.delay is None else f"{decision.delay.total_seconds():.3f}"
        return bool(
            self._settle(
                keys=[delivery_record_key(started.job.id, started.event)],
                args=[
                    started.claim.id,
                    started.event.value,
                    started.claim.stamp,
                    decision.state.value,
                    delay,
                    "" if attempt.status is None else attempt.status,
                    attempt.error or "",
                ],
            )
        )
