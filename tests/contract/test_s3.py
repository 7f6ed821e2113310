"""What only the store in a bucket promises."""

from __future__ import annotations

import httpx
import pytest

from core.blobs import open_blobs
from core.errors import InvalidSetting, ServiceUnavailable
from core.settings import Settings


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.parametrize("url", ["s3://pictures", "s3://pictures/a/b/"])
def test_the_environment_says_where_the_bucket_is(
    s3_server: str, keys: None, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    httpx.post(f"{s3_server}/moto-api/reset").raise_for_status()
    httpx.put(f"{s3_server}/pictures").raise_for_status()
    monkeypatch.setenv("EASEL_BLOBS", url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    settings = Settings()
    blobs = open_blobs(settings.blobs_url, s3_endpoint=settings.s3_endpoint)
    digest = blobs.put(b"picture")
    assert [found for found, _ in blobs.ages()] == [digest]
    assert blobs.get(digest) == b"picture"


def test_amazon_needs_no_endpoint(keys: None) -> None:
    open_blobs("s3://pictures")


def test_half_a_key_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    with pytest.raises(InvalidSetting, match="AWS_SECRET_ACCESS_KEY"):
        open_blobs("s3://pictures")


def test_a_bucket_that_does_not_exist_is_an_outage(s3_server: str, keys: None) -> None:
    blobs = open_blobs("s3://nowhere", s3_endpoint=s3_server, patience=0)
    for use in (blobs.check, lambda: blobs.put(b"picture"), lambda: list(blobs.ages())):
        with pytest.raises(ServiceUnavailable, match="s3://nowhere"):
            use()
