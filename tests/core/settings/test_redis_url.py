"""The URL of the Redis server: accepted forms, and messages for the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.connection import SSLConnection, UnixDomainSocketConnection, parse_url

from core.errors import InvalidSetting
from core.settings.model import Settings

FILE = Path(__file__)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("redis://", {}),
        ("redis://host", {"host": "host"}),
        ("redis://host:6380/3", {"host": "host", "port": 6380, "db": 3}),
        ("redis://[::1]:6380/", {"host": "::1", "port": 6380}),
        ("valkey://host?virtual_host=2", {"host": "host", "db": 2}),
        (
            "redis://user:p%40%2F;%25@host",
            {"host": "host", "username": "user", "password": "p@/;%"},
        ),
        (
            "rediss://:word@host?ssl_cert_reqs=CERT_NONE&ssl_check_hostname=False",
            {
                "connection_class": SSLConnection,
                "host": "host",
                "password": "word",
                "ssl_cert_reqs": "none",
                "ssl_check_hostname": False,
            },
        ),
        (
            f"valkeys://host?ssl_ca_certs={FILE}",
            {"connection_class": SSLConnection, "host": "host", "ssl_ca_certs": str(FILE)},
        ),
        (
            "unix://user:word@/run/redis.sock?db=1",
            {
                "connection_class": UnixDomainSocketConnection,
                "path": "/run/redis.sock",
                "username": "user",
                "password": "word",
                "db": 1,
            },
        ),
        (
            "redis+socket:///run/redis.sock?virtual_host=1",
            {
                "connection_class": UnixDomainSocketConnection,
                "path": "/run/redis.sock",
                "db": 1,
            },
        ),
    ],
)
def test_redis_py_reads_every_accepted_form_as_it_is_meant(
    given: str, read: dict[str, object]
) -> None:
    url = Settings(redis_url=given).redis_url
    assert parse_url(url) == read
    assert ";" not in url  # kombu would split the URL there


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "not a URL"),
        ("host:6379", "not a URL"),
        ("amqp://:secret@host", "the scheme is 'amqp'; expected redis://"),
        ("sentinel://:secret@one:26379;sentinel://two:26379", "sentinel:// is not supported"),
        ("redis+sentinel://host/primary", "is not supported"),
        ("redis://:secret@one:6379,two:6379", "several servers"),
        ("redis://:secret@one:6379;redis://two:6379", "several servers"),
        ("redis://:secret#word@host", "percent-encoded.*%23"),
        ("redis://:secret/word@host", "percent-encoded.*%2F"),
        ("redis://:secret?word@host", "percent-encoded.*%3F"),
        ("redis://:secret[word@host", "percent-encoded.*%5B"),
        ("redis://:secret@host:many", "the port is not a number"),
        ("redis://:secret@host/jobs", "the database is 'jobs'; expected a number, such as /0"),
        ("redis://:secret@host?db=jobs", "'db', with the value 'jobs'; expected a number"),
        ("redis://:secret@host?socket_timeout=1", "'socket_timeout', which is not supported"),
        ("redis://:secret@host?ssl_cert_reqs=none", "'ssl_cert_reqs', which needs TLS"),
        ("rediss://:secret@host?ssl_cert_reqs=no", "'no'; expected none or optional or required"),
        ("rediss://:secret@host?ssl_ca_certs=/nowhere", "'/nowhere'; expected the path of a file"),
        ("unix://run/redis.sock", "the path must begin with the third slash"),
        ("unix://:secret@", "the path must begin with the third slash"),
    ],
)
def test_any_other_form_is_refused_without_showing_the_password(url: str, message: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^EASEL_REDIS_URL: .*{message}") as raised:
        Settings(redis_url=url)
    assert "secret" not in str(raised.value)


def test_the_url_of_a_blob_store_in_redis_has_the_same_rules() -> None:
    with pytest.raises(InvalidSetting, match=r"^EASEL_BLOBS: .*sentinel:// is not supported"):
        Settings(blobs="sentinel://host")
