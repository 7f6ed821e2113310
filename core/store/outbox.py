"""The events that webhooks are still to be told, in Redis.

An event gets in here by the script that moves the job, and out when it was delivered
or given up. In between it is always due at some time: whoever takes it only puts that
time off, so that what a dead sender had taken comes back by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.jobs.job import Job
from core.jobs.schema_version import Bystander
from core.runtime.redis import needs_redis
from core.store.keys import WEBHOOKS_DUE, job_key
from core.store.scripts import pairs, script
from core.store.serialization import read_job
from core.webhooks.retries import Attempt, Decision
from core.webhooks.webhook import WebhookEvent, parse_delivery_id

if TYPE_CHECKING:
    from redis import Redis

#: A delivery is taken for so many times what an attempt may last: once from the
#: announcement to the attempt, and once more for the attempt, whose name may resolve slowly.
_TIMES = 4

_MOST_AT_ONCE = 100

#: So many attempts of one caller are under way at a time: a sender has four times as many
#: places, and receivers that are dead must not take them all.
_MOST_OF_A_CALLER = 4

#: For so long another one of the same caller is put off.
_PUT_OFF_SECONDS = 2


@dataclass(frozen=True)
class Taken:
    """A delivery that somebody is to make now."""

    id: str
    #: Which taking of it this is.
    stamp: str


@dataclass(frozen=True)
class Begun:
    """An attempt that is under way."""

    taken: Taken
    job: Job
    event: WebhookEvent

    @property
    def attempts(self) -> int:
        """How many there are with this one."""
        return self.job.deliveries[self.event].attempts


class Outbox:
    """Deliveries, from the event to the receiver.

    Args:
        redis: a client with ``decode_responses=True``.
        timeout: how long an attempt may last.
    """

    def __init__(self, redis: Redis, timeout: timedelta) -> None:
        self._redis = redis
        self._taken_seconds = _TIMES * timeout.total_seconds()
        self._take = script(redis, "lib/newer", "outbox/take")
        self._begin = script(redis, "lib/newer", "outbox/begin")
        self._settle = script(redis, "outbox/settle")
        self._bystander = Bystander("webhook dispatcher")

    @needs_redis
    def take(self) -> list[Taken]:
        """Take the deliveries that are due."""
        taken, left = self._take(keys=[WEBHOOKS_DUE], args=[self._taken_seconds, _MOST_AT_ONCE])
        self._bystander.leaves(pairs(left))
        return [Taken(delivery, stamp) for delivery, stamp in pairs(taken).items()]

    @needs_redis
    def begin(self, taken: Taken, most_attempts: int) -> Begun | None:
        """Begin an attempt.

        None if there is nothing to do, if somebody else does it, or if so many of the
        caller's are under way that this one is put off.

        Raises:
            NewerRecord: the job is left alone.
        """
        job_id, event = parse_delivery_id(taken.id)
        reply = self._begin(
            keys=[job_key(job_id), WEBHOOKS_DUE],
            args=[
                *(taken.id, event.value, taken.stamp, self._taken_seconds, most_attempts),
                *(_MOST_OF_A_CALLER, _PUT_OFF_SECONDS),
            ],
        )
        if reply is None:
            return None
        stamp, record = reply
        return Begun(Taken(taken.id, stamp), read_job(record), event)

    @needs_redis
    def settle(self, begun: Begun, attempt: Attempt, verdict: Decision) -> bool:
        """Write what came of an attempt; give whether it still was the one that counts."""
        delay = "" if verdict.delay is None else f"{verdict.delay.total_seconds():.3f}"
        return bool(
            self._settle(
                keys=[job_key(begun.job.id), WEBHOOKS_DUE],
                args=[
                    begun.taken.id,
                    begun.event.value,
                    begun.taken.stamp,
                    verdict.state.value,
                    delay,
                    "" if attempt.status is None else attempt.status,
                    attempt.error or "",
                ],
            )
        )

    @needs_redis
    def waiting(self) -> int:
        """How many deliveries are still to be made."""
        return self._redis.zcard(WEBHOOKS_DUE)
