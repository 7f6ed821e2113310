"""A long queue, made quickly: copies of the record and the message of one job.

The first job is written, and its message sent, as the api does it. The others are copies of
what that left in Redis, each with an id of its own.
"""

from __future__ import annotations

import base64
import json
import uuid

from redis import Redis

from core.jobs.admission import Admission
from core.jobs.job import Inputs, JobStatus, Loss, Metrics, Picture, Progress, new_job_id
from core.params import StyleParams
from core.queue.app import MESSAGE_LISTS, JobQueue, make_celery
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.keys import JOBS_QUEUED, events_key, job_key, owned_key, unfinished_key

_PAGE = 1000

#: The caller of the copies. It is never at its limit.
_ADMISSION = Admission(caller="fleet", max_queue=10**9, max_jobs_per_caller=10**9)


def fill(redis: Redis, url: str, params: StyleParams, inputs: Inputs, count: int) -> list[str]:
    """Queue so many jobs, and announce them; give their ids.

    Args:
        redis: a client with ``decode_responses=True``.
        url: of the same database.
        params: of each of them.
        inputs: of each of them; their pictures are in the blob store.
        count: how many, at least 1.
    """
    first = JobStore(redis).create(params, inputs, _ADMISSION)
    message = _message(url, first.id)
    now, _ = redis.time()
    made = [new_job_id() for _ in range(count - 1)]
    held = [picture.sha256 for picture in inputs.pictures()]
    for start in range(0, len(made), _PAGE):
        some = made[start : start + _PAGE]
        with redis.pipeline(transaction=False) as pipeline:
            for job_id in some:
                pipeline.copy(job_key(first.id), job_key(job_id))
                pipeline.copy(events_key(first.id), events_key(job_id))
                pipeline.hset(job_key(job_id), mapping={"id": job_id, "created_at": now})
            owned = dict.fromkeys(some, 0)
            pipeline.zadd(owned_key(JobStatus.QUEUED, first.owner), owned)
            pipeline.sadd(unfinished_key(first.caller), *some)
            pipeline.zadd("easel:held", {f"{digest}:{each}": 0 for digest in held for each in some})
            pipeline.zadd(JOBS_QUEUED, dict.fromkeys(some, now))
            pipeline.lpush(MESSAGE_LISTS[-1], *(_readdressed(message, each) for each in some))
            pipeline.execute()
    # Last: a record that a worker has claimed by now is no longer that of a queued job.
    redis.lpush(MESSAGE_LISTS[-1], message)
    return [first.id, *made]


def _message(url: str, job_id: str) -> str:
    """The message that the api would send: sent where no worker listens, and taken away."""
    elsewhere = f"{url.rpartition('/')[0]}/15"
    JobQueue(make_celery(elsewhere)).announce(job_id)
    redis = connect(elsewhere, patience=0)
    message = str(redis.lpop(MESSAGE_LISTS[-1]))
    redis.flushdb()
    redis.close()
    return message


def _readdressed(message: str, job_id: str) -> str:
    """The message that tells of another job."""
    found = json.loads(message)
    known = found["headers"]["id"]
    body = base64.b64decode(found["body"]).decode().replace(known, job_id)
    told = json.loads(message.replace(known, job_id))
    told["body"] = base64.b64encode(body.encode()).decode()
    told["properties"]["delivery_tag"] = str(uuid.uuid4())
    return json.dumps(told)


def finished_job(store: JobStore) -> str:
    """A job as most stored ones are."""
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
    """So many more jobs like that one."""
    owned = owned_key(JobStatus.SUCCEEDED, "anonymous")
    made = [new_job_id() for _ in range(count)]
    for start in range(0, count, 1000):
        with redis.pipeline(transaction=False) as pipeline:
            for job_id in made[start : start + 1000]:
                pipeline.copy(job_key(original), job_key(job_id))
                pipeline.copy(events_key(original), events_key(job_id))
                pipeline.hset(job_key(job_id), "id", job_id)
                pipeline.zadd(owned, {job_id: 0})
            pipeline.execute()
    return made
