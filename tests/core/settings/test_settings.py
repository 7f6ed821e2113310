"""What the environment can say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import InvalidSetting
from core.settings.model import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("36h", timedelta(hours=36)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_duration_has_a_unit(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: timedelta
) -> None:
    monkeypatch.setenv("EASEL_RETENTION", text)
    assert Settings().retention == expected


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "-1h", "24 hours"])
def test_another_duration_is_refused_with_the_way_to_write_it(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("EASEL_RETENTION", text)
    with pytest.raises(ValidationError, match=f"'{text}' is no duration.*as in 24h"):
        Settings()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "file:///data/blobs"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("redis://other:6379/1", "redis://other:6379/1"),
        ("redis://", "redis://jobs:6379/0"),
    ],
)
def test_pictures_are_kept_where_the_setting_says(given: str, expected: str) -> None:
    settings = Settings(data_dir=Path("/data"), redis_url="redis://jobs:6379/0", blobs=given)
    assert settings.blobs_url == expected


@pytest.mark.parametrize("name", ["EASEL_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_the_s3_endpoint_has_the_usual_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert Settings().s3_endpoint is None
    monkeypatch.setenv(name, "http://minio:9000")
    assert Settings().s3_endpoint == "http://minio:9000"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str) -> None:
    Settings(host=host).check_exposure(lambda: False)


def test_strangers_are_let_in_only_on_purpose() -> None:
    with pytest.raises(InvalidSetting, match=r"HOST=0\.0\.0\.0.*easel keys create.*ANONYMOUS"):
        Settings(host="0.0.0.0").check_exposure(lambda: False)
    Settings(host="0.0.0.0").check_exposure(lambda: True)
    Settings(host="0.0.0.0", require_keys=True).check_exposure(lambda: False)
    Settings(host="0.0.0.0", allow_anonymous=True).check_exposure(lambda: False)


def test_anonymous_callers_cannot_be_both_let_in_and_kept_out() -> None:
    with pytest.raises(ValidationError, match="set one of them"):
        Settings(allow_anonymous=True, require_keys=True)
