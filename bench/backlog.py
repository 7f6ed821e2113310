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
from core.jobs.job import Inputs, JobStatus, new_job_id
from core.params import StyleParams
from core.queue.app import MESSAGE_LISTS, JobQueue, make_celery
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.records import JOBS_QUEUED, events_key, job_key, listed_key, unfinished_key

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
            pipeline.zadd(listed_key(JobStatus.QUEUED, first.owner), owned)
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
