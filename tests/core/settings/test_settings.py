"""Parsing of settings from environment variables."""

from __future__ import annotations

import traceback
from datetime import timedelta
from pathlib import Path

import pytest

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
def test_a_duration_is_parsed_with_its_unit(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: timedelta
) -> None:
    monkeypatch.setenv("EASEL_RETENTION", text)
    assert Settings().retention == expected


@pytest.mark.parametrize("text", ["24", "h", "1.5h", "-1h", "24 hours"])
def test_the_error_for_an_invalid_duration_has_an_example(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("EASEL_RETENTION", text)
    expected = f"^EASEL_RETENTION: '{text}' is not a duration.*such as 24h"
    with pytest.raises(InvalidSetting, match=expected):
        Settings()


@pytest.mark.parametrize(
    ("blobs", "url"),
    [
        ("", "file:///data/blobs"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("redis://other:6379/1", "redis://other:6379/1"),
        ("redis://", "redis://jobs:6379/0"),
    ],
)
def test_the_blob_store_has_the_url_of_the_setting(blobs: str, url: str) -> None:
    settings = Settings(data_dir=Path("/data"), redis_url="redis://jobs:6379/0", blobs=blobs)
    assert settings.blobs_url == url


@pytest.mark.parametrize("name", ["EASEL_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_the_s3_endpoint_is_read_from_the_usual_variables(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert Settings().s3_endpoint is None
    monkeypatch.setenv(name, "http://minio:9000")
    assert Settings().s3_endpoint == "http://minio:9000"


def test_anonymous_access_cannot_be_both_allowed_and_refused() -> None:
    with pytest.raises(InvalidSetting, match="expected at most one"):
        Settings(allow_anonymous=True, require_keys=True)


def test_sweeps_so_far_apart_that_no_lease_would_expire_are_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"EASEL_SWEEP_SECONDS is 5 and EASEL_LEASE_SECONDS"):
        Settings(sweep_seconds=5)
    assert Settings(sweep_seconds=5, lease_seconds=15)


def test_all_contradictions_are_named_at_once() -> None:
    with pytest.raises(InvalidSetting) as raised:
        Settings(allow_anonymous=True, require_keys=True, sweep_seconds=60, max_held_bytes=1)
    for name in ("REQUIRE_KEYS", "SWEEP_SECONDS", "LEASE_SECONDS"):
        assert f"EASEL_{name}" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [("RETENTION", "0s"), ("WEBHOOK_TIMEOUT", "0s"), ("LEASE_SECONDS", "0.2")],
)
def test_a_time_in_which_nothing_can_be_done_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"EASEL_{name}", text)
    with pytest.raises(InvalidSetting, match=f"^EASEL_{name}: "):
        Settings()


def test_the_error_names_every_invalid_variable_with_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EASEL_PORT", "abc")
    monkeypatch.setenv("EASEL_WEBHOOK_RETRIES", "5s,soon")
    with pytest.raises(
        InvalidSetting,
        match=r"^EASEL_PORT: 'abc' is invalid: input should be a valid integer.*; "
        r"EASEL_WEBHOOK_RETRIES: 'soon' is not a duration",
    ):
        Settings()


def test_the_error_of_two_settings_does_not_contain_the_secret_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EASEL_WEBHOOK_SECRET", "whsec_private")
    with pytest.raises(InvalidSetting, match="both true") as raised:
        Settings(allow_anonymous=True, require_keys=True)
    assert "private" not in "".join(traceback.format_exception(raised.value))


MIB = 2**20


def taken(settings: Settings) -> int:
    """The most memory of an API process, by docs/operations.md."""
    decoding = settings.decoders * settings.decode_memory_bytes
    return 150 * MIB + 2 * settings.max_held_bytes + decoding


def test_limits_that_fit_the_memory_are_kept() -> None:
    settings = Settings()
    assert settings.within(8 * 2**30) == settings


@pytest.mark.parametrize("memory", [700, 1024, 2048, 4096])
def test_limits_are_lowered_to_the_memory(memory: int) -> None:
    settings = Settings(decoders=4).within(memory * MIB)
    assert 0.98 * memory * MIB < taken(settings) <= memory * MIB
    assert settings.decode_memory_bytes >= 256 * MIB


def test_the_memory_for_decoding_follows_the_pixels_unless_it_is_set() -> None:
    small, large = Settings(max_picture_pixels=10**7), Settings(max_picture_pixels=2 * 10**8)
    assert large.decode_memory_bytes == 20 * small.decode_memory_bytes
    assert large.decode_memory_bytes / 2e8 > 26  # what WebP with alpha takes
    assert Settings(max_picture_pixels=1).decode_memory_bytes == 256 * MIB
    fixed = Settings(max_picture_pixels=2 * 10**8, decode_memory_bytes=2**30)
    assert fixed.decode_memory_bytes == 2**30
    with pytest.raises(InvalidSetting, match="expected at least 134217728"):
        Settings(decode_memory_bytes=2**20)


def test_the_smallest_api_still_decodes_a_photograph() -> None:
    settings = Settings().within(100 * MIB)
    assert settings.decoders == 1
    assert settings.decode_memory_bytes == 256 * MIB
    assert settings.max_held_bytes == 1


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("64", 64), ("auto", "auto")])
def test_workers_are_a_number_or_auto(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: int | str
) -> None:
    monkeypatch.setenv("EASEL_WORKERS", text)
    assert Settings().workers == expected


@pytest.mark.parametrize("text", ["0", "65", "-1", "1.5", "many"])
def test_the_error_for_other_workers_says_what_was_expected(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("EASEL_WORKERS", text)
    with pytest.raises(InvalidSetting, match=f"^EASEL_WORKERS: '{text}' is not.*1 to 64, or auto"):
        Settings()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("EASEL_DEVICE", "gpu", "'gpu' is not a device; expected auto, cpu, cuda, cuda:N or mps"),
        ("EASEL_BLOBS", "/srv/pictures", "expected file:///path, redis://host:port/db or s3://"),
        ("EASEL_PORT", "tcp://10.0.0.7:8000", "set enableServiceLinks: false in the pod"),
        ("EASEL_DATA_DIR", "~nobody-of-that-name/x", "'~nobody-of-that-name/x' is not a directory"),
    ],
)
def test_a_setting_of_another_kind_is_refused_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSetting) as raised:
        Settings()
    assert str(raised.value).startswith(f"{variable}: ")
    assert expected in str(raised.value)


def test_a_directory_may_be_relative_or_in_the_home_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EASEL_DATA_DIR", "daten/größe")
    monkeypatch.setenv("EASEL_WEIGHTS_DIR", "~/weights")
    assert Settings().data_dir == tmp_path / "daten" / "größe"
    assert Settings().weights_dir == tmp_path / "home" / "weights"


def test_an_empty_variable_is_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "DATA_DIR", "PORT", "DEVICE", "RETENTION"):
        monkeypatch.setenv(f"EASEL_{name}", "")
    settings = Settings()
    assert "redis_url" not in settings.model_fields_set
    assert (settings.port, settings.device) == (8000, "auto")
    assert settings.data_dir.is_absolute()
