"""The order of waiting jobs: lanes, turns of callers, and priorities.

Callers take turns: with every turn, each caller that waits has one job started. So nobody waits
for a long batch of somebody else, and no job starves. Within a caller, jobs go in the order of
their creation, and the priority is a head start of limited length, so that no job waits forever
behind later ones. ``core/store/lua/lib/queue/`` keeps the order in Redis.
"""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """How urgent a job is among the jobs of its caller."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


#: By how many seconds a job of each priority counts as older than it is.
HEAD_STARTS = {Priority.LOW: -3600, Priority.NORMAL: 0, Priority.HIGH: 3600}


#: How many callers of a lane, and how many jobs of each, a worker may pass over because they need
#: more memory than it has.
CALLERS_TRIED, JOBS_TRIED = 32, 8


class Lane(StrEnum):
    """A queue of its own. No job of a lane starts while one of an earlier lane can.

    Drafts take seconds, and go before the others. So that they do not keep these from starting,
    no two drafts start in a row while another job waits.
    """

    DRAFT = "draft"
    #: Jobs that were started before: their worker was lost or stopped.
    RESUMED = "resumed"
    NEW = "new"
