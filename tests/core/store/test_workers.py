"""The registry of live workers."""

from __future__ import annotations

from redis import Redis

from core.jobs.workers import WorkerInfo
from core.store.keys import WORKERS_OUT_OF_SERVICE
from core.store.workers import FORGET_SECONDS, WorkerRegistry

ONE = WorkerInfo(
    id="host:1",
    device="cpu",
    networks=("vgg19-normalized",),
    memory_total_bytes=8 * 2**30,
    memory_available_bytes=3 * 2**30,
    job_id="some-job",
)
TWO = ONE.model_copy(update={"id": "host:2", "device": "cuda:0", "job_id": None})


def test_a_worker_is_live_from_its_first_heartbeat_until_it_withdraws(redis: Redis) -> None:
    registry = WorkerRegistry(redis)
    assert registry.live() == []
    registry.announce(ONE)
    registry.announce(TWO)
    registry.announce(ONE)
    assert sorted(registry.live(), key=lambda worker: worker.id) == [ONE, TWO]
    registry.withdraw(ONE)
    assert registry.live() == [TWO]


def test_a_worker_without_heartbeats_is_removed(redis: Redis) -> None:
    registry = WorkerRegistry(redis)
    registry.announce(ONE)
    redis.zincrby("easel:workers:seen", -(FORGET_SECONDS + 1), ONE.id)
    assert registry.live() == []
    registry.announce(TWO)
    assert redis.hkeys("easel:workers:info") == [TWO.id]


def test_a_worker_out_of_service_is_reported_with_its_reason_and_is_not_live(
    redis: Redis,
) -> None:
    registry = WorkerRegistry(redis)
    for _ in range(2):
        registry.announce_out_of_service("host:3", "the device failed")
    assert registry.out_of_service() == ["host:3: the device failed"]
    assert registry.live() == []
    redis.zincrby(WORKERS_OUT_OF_SERVICE, -FORGET_SECONDS - 1, "host:3: the device failed")
    assert registry.out_of_service() == []
