"""When a webhook that was not delivered is tried again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from core.webhooks.webhook import DeliveryState

#: After the first attempt, and so on: what Standard Webhooks suggests, three days in all.
DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)

#: A part of each delay, at random, so that a receiver that was away is not met by all at once.
_JITTER = 0.1

_LONGEST_RETRY_AFTER = timedelta(hours=24)

#: The answers whose ``Retry-After`` counts.
_BUSY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Attempt:
    """How one attempt went."""

    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Verdict:
    """What becomes of a delivery after an attempt; the delay is None when nothing follows."""

    state: DeliveryState
    delay: timedelta | None = None


def judge(attempt: Attempt, made: int, delays: Sequence[timedelta]) -> Verdict:
    """Decide what follows an attempt.

    Args:
        attempt: the one that was made now.
        made: how many have been made with it.
        delays: after the first, the second, and so on.
    """
    if attempt.delivered:
        return Verdict(DeliveryState.DELIVERED)
    if attempt.status == 410:
        return Verdict(DeliveryState.STOPPED)
    if made > len(delays):
        return Verdict(DeliveryState.FAILED)
    delay = delays[made - 1]
    if attempt.status in _BUSY and attempt.retry_after is not None:
        delay = max(delay, min(attempt.retry_after, _LONGEST_RETRY_AFTER))
    return Verdict(DeliveryState.PENDING, delay * (1 + random.random() * _JITTER))  # noqa: S311


def read_retry_after(value: str, now: datetime | None = None) -> timedelta | None:
    """The wait that a ``Retry-After`` header asks for, in seconds or as a date."""
    if value.strip().isdecimal():
        return timedelta(seconds=min(int(value[:12]), 10**9))
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(date - (now or datetime.now(UTC)), timedelta())
