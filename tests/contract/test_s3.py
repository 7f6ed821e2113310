"""The S3 blob store."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from redis import Redis

from core.blobs.blobs import open_blobs
from core.errors import InvalidSetting, ServiceUnavailable
from core.jobs.job import new_job_id
from core.settings.model import Settings
from core.store.holds import Holds
from core.upkeep.cleaner import Cleaner
from tests.conftest import vouch
from tests.service.proxy import Wire


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.parametrize("url", ["s3://pictures", "s3://pictures/a/b/"])
def test_the_environment_configures_the_bucket(
    s3_server: str, keys: None, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    httpx.post(f"{s3_server}/moto-api/reset").raise_for_status()
    httpx.put(f"{s3_server}/pictures").raise_for_status()
    monkeypatch.setenv("EASEL_BLOBS", url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    settings = Settings()
    blobs = open_blobs(settings.blobs_url, s3_endpoint=settings.s3_endpoint)
    digest = blobs.put(b"picture")
    assert [each for each, _ in blobs.ages()] == [digest]
    assert blobs.get(digest) == b"picture"


def test_amazon_s3_needs_no_endpoint(keys: None) -> None:
    open_blobs("s3://pictures")


def test_an_incomplete_access_key_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    with pytest.raises(InvalidSetting, match="AWS_SECRET_ACCESS_KEY"):
        open_blobs("s3://pictures")


def test_a_missing_bucket_raises_service_unavailable(s3_server: str, keys: None) -> None:
    blobs = open_blobs("s3://nowhere", s3_endpoint=s3_server, patience=0)
    for use in (blobs.check, lambda: blobs.put(b"picture"), lambda: list(blobs.ages())):
        with pytest.raises(ServiceUnavailable, match="s3://nowhere"):
            use()


def test_a_picture_uploaded_during_two_removals_survives(
    s3_server: str, keys: None, redis: Redis
) -> None:
    httpx.post(f"{s3_server}/moto-api/reset").raise_for_status()
    httpx.put(f"{s3_server}/pictures").raise_for_status()
    wire = Wire(urlsplit(s3_server).port or 80)
    sweepers = open_blobs("s3://pictures", s3_endpoint=f"http://127.0.0.1:{wire.port}")
    apis = open_blobs("s3://pictures", s3_endpoint=s3_server)
    digest = apis.put(b"picture")
    vouch(redis)
    wire.pause = b"POST /pictures?delete"
    try:
        with ThreadPoolExecutor(2) as pool:
            swept = pool.submit(Cleaner(redis, sweepers, grace=timedelta(0)).sweep)
            assert wire.paused.wait(60), "the removal never started"  # it has checked the age
            another = Holds(redis).remove(apis, digest, older_than=0, ended=frozenset())
            assert not another, "two processes removed the same blob"
            calls = _calls(redis)

            def upload_again() -> None:
                Holds(redis).hold(new_job_id(), [digest])
                apis.put(b"picture")

            sent = pool.submit(upload_again)
            deadline = time.monotonic() + 60
            # Wait until it has retried several times, or was not blocked at all.
            while not sent.done() and _calls(redis) < calls + 6:
                assert time.monotonic() < deadline, "the upload never tried to hold the blob"
            wire.open.set()
            assert swept.result().blobs == 1
            sent.result()
        assert apis.get(digest) == b"picture"
    finally:
        wire.close()


def _calls(redis: Redis) -> int:
    """Return the number of script calls."""
    return int(redis.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))
