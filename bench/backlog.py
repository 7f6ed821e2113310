"""A long queue, made quickly: copies of the record and the message of one job.

The first job is written and announced as the api does it. The others are copies of
what that left in Redis, each with an id of its own.
"""

from __future__ import annotations

import base64
import json
import uuid

from redis import Redis

from core.admission import Admission
from core.jobs import Inputs, JobStatus, new_job_id
from core.params import StyleParams
from core.queue import MESSAGE_LISTS, JobQueue
from core.records import JOBS_QUEUED, events_key, job_key, listed_key, unfinished_key
from core.store import JobStore

_PAGE = 1000

#: The caller of the copies. It is never at its limit.
_ADMISSION = Admission(caller="fleet", max_queue=10**9, max_jobs_per_caller=10**9)


def fill(redis: Redis, queue: JobQueue, params: StyleParams, inputs: Inputs, count: int) -> None:
    """Queue so many jobs, and announce them.

    Args:
        redis: a client with ``decode_responses=True``.
        queue: hears of the first of them.
        params: of each of them.
        inputs: of each of them; their pictures are in the blob store.
        count: how many, at least 1.
    """
    store = JobStore(redis)
    first = store.create(params, inputs, _ADMISSION)
    queue.announce(first.id)
    (message,) = redis.lrange(MESSAGE_LISTS[-1], 0, 0)
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
            pipeline.lpush(MESSAGE_LISTS[-1], *(message_for(str(message), each) for each in some))
            pipeline.execute()


def message_for(message: str, job_id: str) -> str:
    """The message that tells of another job."""
    found = json.loads(message)
    known = found["headers"]["id"]
    body = base64.b64decode(found["body"]).decode().replace(known, job_id)
    told = json.loads(json.dumps(found).replace(known, job_id))
    told["body"] = base64.b64encode(body.encode()).decode()
    told["properties"]["delivery_tag"] = str(uuid.uuid4())
    return json.dumps(told)
