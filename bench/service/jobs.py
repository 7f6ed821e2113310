"""Fills Redis with queued or finished jobs quickly, by copying the record of one job.

The first job is created, and its message sent, as the API does it. The others are copies of the
keys that it left in Redis, each with an id of its own.
"""

from __future__ import annotations

import base64
import json
import uuid

from redis import Redis

from core.jobs.admission import Admission
from core.jobs.job import Inputs, Loss, Metrics, Picture, Progress, new_job_id
from core.jobs.status import JobStatus
from core.params import StyleParams
from core.queue.app import MESSAGE_LISTS, JobQueue, make_celery
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.keys import JOBS_QUEUED, OWNED_PREFIX, UNFINISHED_PREFIX, events_key, job_key

_PAGE = 1000

#: The caller of the copies, which never reaches its limit.
_ADMISSION = Admission(caller="fleet", max_queue=10**9, max_jobs_per_caller=10**9)


def fill(redis: Redis, url: str, params: StyleParams, inputs: Inputs, count: int) -> list[str]:
    """Queue jobs and send their messages.

    Args:
        redis: a client with ``decode_responses=True``.
        url: the URL of the same database.
        params: the parameters of every job.
        inputs: the inputs of every job. The pictures must be in the blob store.
        count: the number of jobs, at least 1.

    Returns:
        The ids of the jobs in the order of the queue.
    """
    first = JobStore(redis).create(params, inputs, _ADMISSION)
    message = _message(url, first.id)
    now, _ = redis.time()
    copied = [new_job_id() for _ in range(count - 1)]
    held = [picture.sha256 for picture in inputs.pictures()]
    for start in range(0, len(copied), _PAGE):
        some = copied[start : start + _PAGE]
        with redis.pipeline(transaction=False) as pipeline:
            for job_id in some:
                pipeline.copy(job_key(first.id), job_key(job_id))
                pipeline.copy(events_key(first.id), events_key(job_id))
                pipeline.hset(job_key(job_id), mapping={"id": job_id, "created_at": now})
            owned = dict.fromkeys(some, 0)
            pipeline.zadd(f"{OWNED_PREFIX}{JobStatus.QUEUED}:{first.owner}", owned)
            pipeline.sadd(UNFINISHED_PREFIX + first.caller, *some)
            pipeline.zadd("easel:held", {f"{digest}:{each}": 0 for digest in held for each in some})
            pipeline.zadd(JOBS_QUEUED, dict.fromkeys(some, now))
            pipeline.lpush(MESSAGE_LISTS[-1], *(_readdressed(message, each) for each in some))
            pipeline.execute()
    # Its message comes last: once a worker claims the job, its record is no longer a queued one.
    redis.lpush(MESSAGE_LISTS[-1], message)
    return [first.id, *copied]


def _message(url: str, job_id: str) -> str:
    """Return the message that the API would send, taken from a database that no worker reads."""
    elsewhere = f"{url.rpartition('/')[0]}/15"
    JobQueue(make_celery(elsewhere)).announce(job_id)
    redis = connect(elsewhere, patience=0)
    message = str(redis.lpop(MESSAGE_LISTS[-1]))
    redis.flushdb()
    redis.close()
    return message


def _readdressed(message: str, job_id: str) -> str:
    """Return the message with the id of another job."""
    original = json.loads(message)
    original_id = original["headers"]["id"]
    body = base64.b64decode(original["body"]).decode().replace(original_id, job_id)
    copied = json.loads(message.replace(original_id, job_id))
    copied["body"] = base64.b64encode(body.encode()).decode()
    copied["properties"]["delivery_tag"] = str(uuid.uuid4())
    return json.dumps(copied)


def finished_job(store: JobStore) -> str:
    """Create a job, run it without an optimiser, and return its id."""
    picture = Picture(sha256="a" * 64, media_type="image/png", size_bytes=1)
    job = store.claim(store.create(StyleParams(), Inputs(content=picture, styles=(picture,))).id)
    assert job is not None
    loss = Loss(total=3.1, content=1.2, style=0.0019, tv=0.01)
    progress = Progress(
        step=300, steps=300, fraction=1, scale=0, scales=1, width=512, height=384, loss=loss
    )
    store.renew(job, progress=progress)
    metrics = Metrics(optimize_seconds=9.5, device="cpu", steps=300, peak_memory_bytes=10**9)
    store.succeed(job, picture, progress, metrics, picture)
    return job.id


def copies(redis: Redis, original: str, count: int) -> list[str]:
    """Copy a finished job, and return the ids of the copies."""
    owned = f"{OWNED_PREFIX}{JobStatus.SUCCEEDED}:anonymous"
    copied = [new_job_id() for _ in range(count)]
    for start in range(0, count, 1000):
        with redis.pipeline(transaction=False) as pipeline:
            for job_id in copied[start : start + 1000]:
                pipeline.copy(job_key(original), job_key(job_id))
                pipeline.copy(events_key(original), events_key(job_id))
                pipeline.hset(job_key(job_id), "id", job_id)
                pipeline.zadd(owned, {job_id: 0})
            pipeline.execute()
    return copied
