"""Fills Redis with queued or finished jobs quickly.

Queued jobs are created as the API does it, and their messages are copies of one. Finished jobs are
copies of one, each with an id of its own.
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
from core.queue.app import JOB_QUEUES, JobQueue, make_celery
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.keys import OWNED_PREFIX, events_key, job_key

_PAGE = 1000

#: A caller that never reaches its limit.
_ADMISSION = Admission(caller="fleet", max_queue=10**9, max_jobs_per_caller=10**9)


def fill(
    redis: Redis,
    url: str,
    params: StyleParams,
    inputs: Inputs,
    count: int,
    admission: Admission = _ADMISSION,
) -> list[str]:
    """Queue jobs and send their messages.

    Args:
        redis: a client with ``decode_responses=True``.
        url: the URL of the same database.
        params: the parameters of every job.
        inputs: the inputs of every job. The pictures must be in the blob store.
        count: the number of jobs, at least 1.
        admission: the caller of the jobs, and limits that they do not reach.

    Returns:
        The ids of the jobs in the order of the queue.
    """
    store = JobStore(redis)
    job_ids = [store.create(params, inputs, admission).id for _ in range(count)]
    message = _message(url, job_ids[0])
    for start in range(0, count, _PAGE):
        some = job_ids[start : start + _PAGE]
        redis.lpush(JOB_QUEUES[0], *(_readdressed(message, each) for each in some))
    return job_ids


def _message(url: str, job_id: str) -> str:
    """Return the message that the API would send, taken from a database that no worker reads."""
    elsewhere = f"{url.rpartition('/')[0]}/15"
    JobQueue(make_celery(elsewhere)).announce(job_id)
    redis = connect(elsewhere, patience=0)
    message = str(redis.lpop(JOB_QUEUES[0]))
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
