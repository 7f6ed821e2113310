"""Names of all Redis keys that hold jobs, workers and webhooks.

The upper-case names are also available in the Lua scripts (``core.store.scripts``). The
blob store has its own keys (``core.blobs.redis``).
"""

from __future__ import annotations

from core.jobs.schema_version import versioned
from core.webhooks.webhook import WebhookEvent

# Of one job. The job id follows each prefix.
JOB_PREFIX = "easel:job:"  # hash: the job record
EVENTS_PREFIX = "easel:events:"  # stream: the events of the job
PREVIEW_PREFIX = "easel:preview:"  # string: the newest preview while the job runs
LOSSES_PREFIX = "easel:losses:"  # list: the losses, one line of CSV for each point

# Of one batch. The batch id follows each prefix; its events are in `easel:events:`, too.
BATCH_PREFIX = "easel:batch:"  # hash: the record of the batch
BATCH_JOBS_PREFIX = "easel:batch-jobs:"  # sorted set: job id, all scores 0

# Indexes of jobs.
JOBS_QUEUED = "easel:jobs:queued"  # sorted set: job id by creation time
JOBS_RUNNING = "easel:jobs:running"  # sorted set: job id by expiry time of its lease
OWNED_PREFIX = "easel:owned:"  # followed by `status:owner`; sorted set: job id, all scores 0
OWNED_DRAFTS_PREFIX = "easel:owned-drafts:"  # the same for drafts
DRAFTS = "easel:drafts"  # sorted set: id of each unfinished draft by the time it was last read
FAILED_PREFIX = "easel:failed:"  # followed by `code:owner`; sorted set: job id, all scores 0
UNFINISHED_PREFIX = "easel:unfinished:"  # followed by the caller; set: job ids queued or running
IDEMPOTENCY_PREFIX = "easel:idempotency:"  # followed by a digest; hash: job (or batch), request

# The order of the queued jobs (lua/lib/queue/). The lane follows each prefix.
TURNS_PREFIX = "easel:queue:turns:"  # sorted set: `turn:caller` by turn, one for each queued job
CALLERS_PREFIX = "easel:queue:callers:"  # sorted set: caller with queued jobs by its first turn
# Sorted set: caller without queued jobs by its last turn, unless that is over for everybody.
TURNS_SERVED_PREFIX = "easel:queue:served:"
TURN_PREFIX = "easel:queue:turn:"  # string: the highest turn that was served
# Followed by `lane:caller`; sorted set: job id by creation time, less the head start.
WAITING_PREFIX = "easel:queue:jobs:"
LAST_LANE = "easel:queue:last-lane"  # string: the lane of the job that was started last
QUEUE_PAUSED = "easel:queue:paused"  # string: the time since which no job is started
CLAIM_PREFIX = "easel:claim:"  # followed by the token of a claim; string: job id, for a while

ALL_EVENTS = "easel:events"  # stream: the events of all jobs, trimmed to the newest

# Blobs that jobs hold.
HELD = "easel:held"  # sorted set: `digest:job id`, all scores 0
STORED = "easel:stored"  # hash: bytes of its blobs by `job id:caller`
STORED_BY_CALLER = "easel:stored:callers"  # hash: their sum by caller; no caller with 0
LEAVING_PREFIX = "easel:leaving:"  # followed by a digest; string: token of its removal

# Webhooks.
WEBHOOKS_CALLERS = "easel:webhooks:callers"  # sorted set: caller by the time to look at it again
# Followed by the caller; sorted set: delivery id by the time of its next attempt.
WEBHOOKS_PENDING_PREFIX = "easel:webhooks:pending:"
WEBHOOKS_ACTIVE_PREFIX = (
    "easel:webhooks:under-way:"  # followed by the caller; sorted set: delivery id by expiry time
)
WEBHOOK_SECRETS = "easel:webhooks:secrets"  # hash: the generated secret of each caller
# Followed by the caller; sorted set: earlier secrets by the time until which they sign.
WEBHOOK_RETIRED_PREFIX = "easel:webhooks:retired-secrets:"

LINK_KEY = "easel:link-key"  # string: the key that signs download links
API_KEYS = "easel:keys"  # hash: API key by its id

# Workers.
WORKERS_SEEN = "easel:workers:seen"  # sorted set: worker id by the time of its last heartbeat
WORKERS_LAST_SEEN = "easel:workers:last-seen"  # string: the time of the last heartbeat of any
WORKERS_INFO = "easel:workers:info"  # hash: WorkerInfo by worker id
# Sorted set: `worker id: reason` by the time of the last heartbeat.
WORKERS_OUT_OF_SERVICE = "easel:workers:out-of-service"

# Statistics.
COUNTS = "easel:counts"  # hash: counters and histogram buckets
RUN_SECONDS = "easel:run-seconds"  # string: moving average of the run time of a job
PACE = "easel:pace"  # hash: moving averages of run time and work; see core.jobs.work

# Upkeep. The versioned names exist once for each schema version, so that a process that
# leaves newer records alone does not keep newer processes from handling them.
LEASES_CHECKED = versioned("easel:jobs:swept")  # string: time of the last check of the leases
CLEANING = versioned("easel:sweeping")  # string: exists until the next cleaning is due
SWEEPS = "easel:sweeps"  # hash: since, last, completed, unknown; see core.upkeep.cleaner


def job_key(job_id: str) -> str:
    """Return the key of a job record."""
    return JOB_PREFIX + job_id


def events_key(job_id: str) -> str:
    """Return the key of the event stream of a job."""
    return EVENTS_PREFIX + job_id


def preview_key(job_id: str) -> str:
    """Return the key of the newest preview of a running job."""
    return PREVIEW_PREFIX + job_id


def losses_key(job_id: str) -> str:
    """Return the key of the losses of a job."""
    return LOSSES_PREFIX + job_id


def idempotency_key(digest: str) -> str:
    """Return the key that remembers which job an idempotency key created."""
    return IDEMPOTENCY_PREFIX + digest


def batch_key(batch_id: str) -> str:
    """Return the key of the record of a batch."""
    return BATCH_PREFIX + batch_id


def batch_jobs_key(batch_id: str) -> str:
    """Return the key of the jobs of a batch."""
    return BATCH_JOBS_PREFIX + batch_id


def delivery_record_key(subject_id: str, event: WebhookEvent) -> str:
    """Return the key of the record of the job or batch that has an event."""
    return (batch_key if event is WebhookEvent.BATCH_FINISHED else job_key)(subject_id)
