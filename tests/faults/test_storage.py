"""Disks that are full, read-only or lose data: no job is lost, and no file is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import torch
from redis import Redis
from redis.exceptions import ResponseError

from api.callers.rate_limits import RateLimiter
from api.deps import Services
from api.live.reader import JobReader
from cli.supervisor import Supervised
from cli.valkey import EmbeddedValkey, free_port, fsync_policy
from core.blobs.blobs import open_blobs
from core.jobs.job import RETENTION, TOMBSTONE, Inputs, Job, Metrics, Picture
from core.nst.weights.files import save_weights
from core.params import Network, StyleParams
from core.pictures.sandbox import Sandbox
from core.queue.app import JobQueue, make_celery
from core.runtime.redis import connect, connect_async
from core.settings.model import Settings
from core.store.api_keys import KeyRing, KeyStore
from core.store.jobs import JobStore
from core.store.previews import Previews
from core.store.statistics import StatisticsReader
from core.store.webhooks.secrets import WebhookSecrets
from core.store.workers import WorkerRegistry
from core.upkeep.cleaner import Cleaner
from core.upkeep.durability import DurabilityCheck
from core.upkeep.retention import GRACE
from core.webhooks.addresses import AddressGuard
from tests.api.conftest import serving
from tests.api.problems import assert_problem
from tests.conftest import photo, png, random_weights, some_progress, vouch
from tests.core.store.test_jobs import INPUTS
from tests.faults.conftest import Row
from tests.service import servers
from tests.service.log import Log
from tests.service.proxy import Wire
from tests.service.servers import PATIENCE_SECONDS, Server
from tests.service.storage import (
    LocalService,
    SmallDisk,
    read_only,
)
from worker.networks import Networks
from worker.prefetch import PictureLoader
from worker.progress import RunLimits
from worker.runner import Runner

CONTENT, STYLE = png(photo(80, 60, seed=1)), png(photo(70, 90, seed=2))


@pytest.fixture
def settings(tmp_path: Path, valkey_url: str) -> Settings:
    return Settings(redis_url=valkey_url, data_dir=tmp_path)


@pytest.fixture
def service(
    settings: Settings, redis: Redis, sandbox: Sandbox, tmp_path: Path
) -> Iterator[LocalService]:
    """An API, and a worker with a network of random filters."""
    store, blobs = JobStore(redis), open_blobs(settings.blobs_url)
    services = Services(
        settings=settings,
        store=store,
        blobs=blobs,
        queue=JobQueue(make_celery(settings.redis_url)),
        workers=WorkerRegistry(redis),
        statistics=StatisticsReader(redis),
        durability=DurabilityCheck(redis),
        webhooks=WebhookSecrets(redis),
        guard=AddressGuard(),
        keyring=KeyRing(KeyStore(redis)),
        sandbox=sandbox,
    )
    save_weights(random_weights(seed=0), tmp_path / Network.TORCHVISION.filename)
    vouch(redis)
    networks = Networks(tmp_path, torch.device("cpu"))
    load = PictureLoader(blobs, settings.max_picture_pixels).load
    limits = RunLimits(checkpoint_seconds=60, stall_seconds=60)
    previews = Previews(redis)
    runner = Runner(store, services.queue, blobs, previews, networks, load, limits)
    with serving(services) as client:
        yield LocalService(services, client, runner, redis)


@pytest.fixture
def disk(settings: Settings) -> Iterator[SmallDisk]:
    disk = SmallDisk(settings.blobs_dir)
    yield disk
    disk.close()


def start_api(settings: Settings, log: Log, port: int, *, redis_url: str) -> Server:
    environment = {
        "EASEL_REDIS_URL": redis_url,
        "EASEL_DATA_DIR": str(settings.data_dir),
        "EASEL_PORT": str(port),
    }
    return Server("api", servers.api(), environment, log)


def blob_file(service: LocalService, digest: str) -> Path:
    return next(service.services.settings.blobs_dir.rglob(digest))


def test_s1_an_upload_to_a_full_disk_is_a_503_and_leaves_nothing(
    disk: SmallDisk, service: LocalService, redis: Redis, row: Row
) -> None:
    row(
        "S1",
        "the disk is full during an upload",
        "503 `service_unavailable`; nothing of the upload is left",
    )
    before = service.done(CONTENT, STYLE)
    disk.fill()
    problem = assert_problem(service.post(png(photo(99, 99)), STYLE), 503, "service_unavailable")
    disk.free()
    assert "blob store file://" in problem["detail"]
    assert any(why in problem["detail"] for why in ("No space left", "File too large"))
    assert len(list(redis.scan_iter("easel:job:*"))) == 1
    service.assert_sound([before], CONTENT, STYLE)


def test_s2_a_result_on_a_full_disk_fails_the_job_as_retryable(
    disk: SmallDisk, service: LocalService, row: Row
) -> None:
    row(
        "S2",
        "the disk is full when the result is written",
        "`failed` with code `service_unavailable`, `retryable`",
    )
    job = service.accepted(CONTENT, STYLE)
    disk.fill()
    service.work()
    disk.free()
    ended = service.job(job.id)
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == ("service_unavailable", True)
    assert_problem(service.result(ended), 409, "job_failed")
    service.assert_sound([job], CONTENT, STYLE)


def test_s3_a_read_only_disk_is_a_503_and_fails_the_job_as_retryable(
    service: LocalService, settings: Settings, row: Row
) -> None:
    row(
        "S3",
        "the picture folder becomes read-only",
        "503 for uploads, with the reason in `/readyz`; a job that ends is `failed`, `retryable`",
    )
    before = service.done(CONTENT, STYLE)  # so that nothing needs to be imported later
    job = service.accepted(CONTENT, STYLE)
    with read_only(settings.blobs_dir):
        problem = assert_problem(service.post(CONTENT, STYLE), 503, "service_unavailable")
        assert "Permission denied" in problem["detail"]
        ready = service.http.get("/readyz")
        assert (ready.status_code, "Permission denied" in ready.json()["blobs"]) == (503, True)
        service.work()
    error = service.job(job.id).error
    assert error is not None
    assert (error.code, error.retryable) == ("service_unavailable", True)
    service.assert_sound([before, job], CONTENT, STYLE)


def test_s4_a_truncated_result_is_never_returned_and_the_same_job_repairs_it(
    service: LocalService, row: Row
) -> None:
    row(
        "S4",
        "a result loses its last byte",
        "410 `result_damaged`, never the damaged bytes; posting the same job again repairs it",
    )
    job = service.done(CONTENT, STYLE)
    assert job.result is not None
    file = blob_file(service, job.result.sha256)
    file.write_bytes(file.read_bytes()[:-1])
    problem = assert_problem(service.result(job), 410, "result_damaged")
    assert "submit the job again" in problem["detail"]
    again = service.done(CONTENT, STYLE)
    assert again.result == job.result
    service.assert_sound([job, again], CONTENT, STYLE)


def test_s4_a_truncated_upload_fails_its_job_and_another_upload_repairs_it(
    service: LocalService, row: Row
) -> None:
    row(
        "S4b",
        "an upload loses its last byte",
        "`failed` with code `blob_corrupt`, `retryable`; uploading it again repairs it",
    )
    job = service.accepted(CONTENT, STYLE)
    file = blob_file(service, job.inputs.content.sha256)
    file.write_bytes(file.read_bytes()[:-1])
    service.work()
    error = service.job(job.id).error
    assert error is not None
    assert (error.code, error.retryable) == ("blob_corrupt", True)
    service.assert_sound([job], CONTENT, STYLE)


def test_s5_an_upload_deleted_before_the_start_fails_only_its_job(
    service: LocalService, row: Row
) -> None:
    row(
        "S5",
        "an upload is deleted before its job starts",
        "`failed` with code `blob_not_found`; no other job is affected",
    )
    other = png(photo(88, 66, seed=3))
    lost, kept = service.accepted(CONTENT, STYLE), service.accepted(other, STYLE)
    blob_file(service, lost.inputs.content.sha256).unlink()
    service.work()
    error = service.job(lost.id).error
    assert error is not None
    assert error.code == "blob_not_found"
    assert service.job(kept.id).status == "succeeded"
    service.assert_sound([lost, kept], CONTENT, STYLE)


def test_s6_a_download_completes_although_the_result_expires(
    service: LocalService, redis: Redis, row: Row
) -> None:
    row("S6", "a result expires and is swept during a download", "the download completes")
    # Larger than the socket buffers between server and client.
    data = b"pixels" * 4_000_000
    job = _finished(service, data)
    with service.http.stream("GET", f"/jobs/{job.id}/result") as response:
        chunks = response.iter_raw(4096)
        received = next(chunks)
        redis.hincrbyfloat(f"easel:job:{job.id}", "finished_at", -RETENTION.total_seconds())
        service.sweep()
        assert job.result is not None
        assert job.result.sha256 not in dict(service.services.blobs.ages())
        received += b"".join(chunks)
    assert sha256(received).hexdigest() == job.result.sha256
    assert_problem(service.result(job), 410, "result_expired")
    service.assert_sound([], CONTENT, STYLE)


def _finished(service: LocalService, data: bytes) -> Job:
    store, blobs = service.services.store, service.services.blobs
    upload = Picture(sha256=blobs.put(CONTENT), media_type="image/png", size_bytes=len(CONTENT))
    job = store.create(StyleParams(), Inputs(content=upload, styles=(upload,)))
    claimed = store.claim(job.id)
    assert claimed is not None
    result = Picture(sha256=blobs.put(data), media_type="image/png", size_bytes=len(data))
    progress = some_progress()
    store.succeed(claimed, result, progress, Metrics(optimize_seconds=1, device="cpu"))
    return store.get(job.id)


def test_s7_uploads_without_a_record_are_swept(
    service: LocalService, settings: Settings, redis: Redis, row: Row
) -> None:
    row(
        "S7",
        "SIGKILL of an API process between the upload and its record",
        "the upload is swept after its grace period",
    )
    before = service.done(CONTENT, STYLE)
    recorded = {digest for digest, _ in service.services.blobs.ages()}
    content, style = (png(photo(77, 66, seed=seed)) for seed in (5, 6))
    unrecorded = {sha256(data).hexdigest() for data in (content, style)}
    wire = Wire(urlsplit(settings.redis_url).port or 6379)
    wire.swallow = service.services.store._create.sha.encode()
    port, log = free_port(), Log()
    api = start_api(settings, log, port, redis_url=f"redis://127.0.0.1:{wire.port}/0")
    log.wait(servers.listening("127.0.0.1", port))

    def post() -> None:
        files = {"content": content, "style": style}
        with suppress(httpx.TransportError):
            httpx.post(f"http://127.0.0.1:{port}/jobs", files=files, timeout=PATIENCE_SECONDS)

    client = threading.Thread(target=post)
    client.start()
    assert wire.swallowed.wait(PATIENCE_SECONDS)
    api.kill()
    client.join()
    wire.close()

    assert len(list(redis.scan_iter("easel:job:*"))) == 1
    assert {digest for digest, _ in service.services.blobs.ages()} == recorded | unrecorded
    cleaner = Cleaner(redis, service.services.blobs, grace=GRACE)
    assert cleaner.sweep().blobs == 0  # their record may still be written
    service.sweep()
    assert {digest for digest, _ in service.services.blobs.ages()} == recorded
    service.assert_sound([before], CONTENT, STYLE)


_WRITE_FOREVER = """
import itertools, sys
from core.blobs.blobs import open_blobs
blobs = open_blobs(sys.argv[1])
for number in itertools.count():
    blobs.put(number.to_bytes(8, "big") * 500_000)
"""


def test_s7_an_incomplete_file_is_swept(
    service: LocalService, settings: Settings, row: Row
) -> None:
    row(
        "S7b",
        "SIGKILL while a file is being written",
        "the incomplete file is never read, and is swept after its grace period",
    )
    before = service.done(CONTENT, STYLE)
    command = [sys.executable, "-c", _WRITE_FOREVER, settings.blobs_url]
    writer = Server("writer", command, {}, Log())
    incomplete = _stop_during_a_write(writer, settings.blobs_dir)
    writer.kill()
    assert incomplete.exists()
    assert service.services.blobs.delete_strays(older_than=GRACE.total_seconds()) == 0
    service.sweep()
    assert not incomplete.exists()
    service.assert_sound([before], CONTENT, STYLE)


def _stop_during_a_write(writer: Server, folder: Path) -> Path:
    """Stop the process while its temporary file exists, and return the file."""
    while True:
        for file in folder.rglob(".incoming-*"):
            writer.send(signal.SIGSTOP)
            os.waitpid(writer.popen.pid, os.WUNTRACED)
            if file.exists():
                return file
            writer.send(signal.SIGCONT)


def test_the_api_sweeps_at_intervals(
    service: LocalService, settings: Settings, redis: Redis
) -> None:
    job = _finished(service, b"result")
    past = RETENTION + TOMBSTONE + timedelta(seconds=1)
    redis.hincrbyfloat(f"easel:job:{job.id}", "finished_at", -past.total_seconds())
    log = Log()
    api = start_api(settings, log, free_port(), redis_url=settings.redis_url)
    assert log.wait("swept")["records"] == 1
    api.kill()
    assert not redis.exists(f"easel:job:{job.id}")


def test_s8_files_of_other_programs_do_not_stop_cleaning(
    service: LocalService, settings: Settings, redis: Redis, row: Row
) -> None:
    row(
        "S8",
        "other programs leave files in the picture folder (`.DS_Store`, `lost+found`)",
        "expired pictures are removed; the other files are logged and left alone",
    )
    expired = service.done(CONTENT, STYLE)
    file, folder = settings.blobs_dir / ".DS_Store", settings.blobs_dir / "lost+found"
    file.touch()
    folder.mkdir(mode=0o000)
    redis.hincrbyfloat(f"easel:job:{expired.id}", "finished_at", -RETENTION.total_seconds())
    service.sweep()
    assert list(service.services.blobs.ages()) == []
    file.unlink()
    folder.rmdir()  # which fails if it was removed or filled
    service.assert_sound([], CONTENT, STYLE)


@pytest.mark.parametrize("free", [2**20, 2**40])
def test_the_log_is_flushed_by_the_second_only_while_the_disk_is_nearly_full(free: int) -> None:
    assert fsync_policy(free) == ("everysec" if free == 2**20 else "always")


def test_s10_the_embedded_redis_serves_reads_on_a_full_disk(tmp_path: Path, row: Row) -> None:
    row(
        "S10",
        "the disk of `easel serve` is full",
        "Redis refuses writes and serves reads, also after a restart; it goes on when there is "
        "space",
    )
    disk = SmallDisk(tmp_path / "data")
    embedded = EmbeddedValkey(tmp_path / "data")
    patient = connect(embedded.url, patience=PATIENCE_SECONDS * 2)

    async def serve_reads() -> None:
        server = Supervised(embedded.program())
        await server.start()
        await asyncio.to_thread(patient.set, "kept", "before")
        draft = await asyncio.to_thread(JobStore(patient).create, StyleParams(), INPUTS, draft="1")
        disk.fill()
        with suppress(ResponseError):  # the first write may be kept in memory
            await asyncio.to_thread(patient.set, "large", "x" * 10**6)
        with pytest.raises(ResponseError, match="MISCONF"):
            await asyncio.to_thread(patient.set, "refused", "x")
        assert await asyncio.to_thread(patient.get, "kept") == "before"
        limiter = RateLimiter(embedded.url)
        await limiter.count("a caller", 10)  # as for each request to the API
        await limiter.close()
        client = connect_async(embedded.url, connections=1)
        assert (await JobReader(client).get(draft.id)).id == draft.id  # as for each poll
        await client.aclose()
        process = server._process
        assert process is not None
        process.kill()
        await process.wait()
        assert await asyncio.to_thread(patient.get, "kept") == "before"
        disk.free()
        assert await asyncio.to_thread(patient.set, "kept", "after")
        await server.stop()

    try:
        asyncio.run(serve_reads())
    finally:
        patient.close()
        os.close(embedded._lock)
        disk.close()
