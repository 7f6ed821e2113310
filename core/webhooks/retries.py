"""The retry schedule of webhook deliveries."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from core.webhooks.webhook import DeliveryState

#: The delays after the first attempt, the second, and so on: three days in total, as Standard
#: Webhooks recommends.
DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)

#: The largest random addition to a delay, as a fraction of it. It spreads the retries to a
#: receiver that was unavailable.
_JITTER = 0.1

_LONGEST_RETRY_AFTER = timedelta(hours=24)

#: The statuses whose ``Retry-After`` header is respected.
_BUSY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Attempt:
    """The result of one delivery attempt."""

    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver accepted the event."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Decision:
    """The next state of a delivery, and the delay of the next attempt, if there is one."""

    state: DeliveryState
    delay: timedelta | None = None


def decide(attempt: Attempt, attempts: int, delays: Sequence[timedelta]) -> Decision:
    """Decide whether and when a delivery is retried after an attempt.

    Args:
        attempt: the result of the last attempt.
        attempts: the number of attempts made, including the last one.
        delays: the delays after the first attempt, the second, and so on.
    """
    if attempt.delivered:
        return Decision(DeliveryState.DELIVERED)
    if attempt.status == 410:
        return Decision(DeliveryState.STOPPED)
    if attempts > len(delays):
        return Decision(DeliveryState.FAILED)
    delay = delays[attempts - 1]
    if attempt.status in _BUSY and attempt.retry_after is not None:
        delay = max(delay, min(attempt.retry_after, _LONGEST_RETRY_AFTER))
    return Decision(DeliveryState.PENDING, delay * (1 + random.random() * _JITTER))  # noqa: S311


def parse_retry_after(value: str, now: datetime | None = None) -> timedelta | None:
    """Parse a ``Retry-After`` header, in seconds or as a date. Return None if it is invalid."""
    if value.strip().isdecimal():
        return timedelta(seconds=min(int(value[:12]), 10**9))
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter for numbers of twenty digits
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(date - (now or datetime.now(UTC)), timedelta())
