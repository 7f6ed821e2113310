"""All settings, read from environment variables: ``EASEL_`` and the name of the field."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from core.errors import HostRefused, InvalidSetting, OriginRefused
from core.jobs.job import RETENTION, TOMBSTONE
from core.params.validation import validation_message
from core.runtime.logs import LogFormat
from core.settings import exposure, sites
from core.settings.values import (
    BlobsUrl,
    Directory,
    Duration,
    Durations,
    Hosts,
    Networks,
    Origins,
    Port,
    RedisUrl,
)
from core.settings.workers import WorkerSettings
from core.webhooks.retries import DELAYS

_PREFIX = "EASEL_"


def _setting_error(detail: Mapping[str, Any]) -> str:
    # Our own messages state the value themselves. An error of several settings has all of them
    # as its input, secrets too.
    own = detail["type"] == "value_error"
    message = str(detail["ctx"]["error"]) if own else validation_message(detail)
    if not detail["loc"]:
        return message
    name = str(detail["loc"][0]).upper()
    return f"{name if name.startswith(_PREFIX) else _PREFIX + name}: {message}"


class Settings(WorkerSettings):
    """All settings of a deployment. There is no global instance: pass it as an argument.

    Raises:
        InvalidSetting: settings are invalid. The message has each variable, its value and what
            was expected.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    redis_url: RedisUrl = Field(
        "redis://127.0.0.1:6379/0",
        description="The Redis or Valkey server that stores the jobs, as described in "
        "[Redis](#redis). If it is not set, `easel serve` starts its own server.",
    )
    data_dir: Directory = Field(
        default_factory=lambda: platformdirs.user_data_path("easel"),
        description="Directory for pictures and for the Valkey server of `easel serve`.",
    )
    weights_dir: Directory = Field(
        default_factory=lambda: platformdirs.user_cache_path("easel"),
        description="Directory for the downloaded weights of the networks.",
    )
    blobs: BlobsUrl = Field(
        "",
        description="Where pictures are stored: `file:///path`, `redis://host:port/db`, or "
        "`s3://bucket/prefix`. `redis://` alone means `EASEL_REDIS_URL`.",
    )
    s3_endpoint: str | None = Field(
        None,
        validation_alias=AliasChoices(
            "EASEL_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"
        ),
        description="The URL of an S3-compatible store. `AWS_ENDPOINT_URL_S3` and "
        "`AWS_ENDPOINT_URL` are also read.",
    )
    host: str = Field(
        "127.0.0.1",
        description="The address that the API listens on. An address other than loopback "
        "requires an API key, or `EASEL_ALLOW_ANONYMOUS`.",
    )
    allow_anonymous: bool = Field(
        False,
        description="Whether requests without an API key are accepted from any address.",
    )
    require_keys: bool = Field(
        False,
        description="Whether every request requires an API key, even if none was created yet.",
    )
    shared_gallery: bool = Field(
        False,
        description="Whether callers without an API key share all jobs that were posted without "
        "one. By default, each browser has its own.",
    )
    port: Port = Field(8000, ge=1, le=65535, description="The port that the API listens on.")
    allowed_hosts: Hosts = Field(
        (),
        description="Comma-separated names by which requests without an API key may call the API, "
        "such as `easel.example`, or `*` for all. Loopback names and the host of "
        "`EASEL_PUBLIC_URL` are always allowed, and IP addresses with `EASEL_ALLOW_ANONYMOUS`.",
    )
    cors_origins: Origins = Field(
        (),
        description="Comma-separated web origins that may call the API from a browser, such as "
        "`https://example.com`, or `*` for all.",
    )
    retention: Duration = Field(
        RETENTION,
        gt=timedelta(0),
        description="How long the pictures of a finished job are kept: a number and `s`, `m`, "
        "`h` or `d`. It applies to jobs that are submitted later.",
    )
    record_retention: Duration = Field(
        TOMBSTONE,
        description="How long the record of a finished job is kept after its pictures. A busy "
        "service needs a shorter time: docs/scale.md has the memory that records "
        "take in Redis.",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="The secret that signs [webhooks](webhooks.md): `whsec_` and 24 to 64 bytes "
        "in base64. Several secrets, separated by spaces, allow rotation.",
    )
    webhook_allowed_networks: Networks = Field(
        (),
        description="Comma-separated networks that webhooks may be sent to although they are not "
        "public, such as `127.0.0.0/8,10.1.2.0/24`.",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]*[^\s?#/])?$",
        description="The public URL of the API, such as `https://easel.example`. It is the base "
        "of the links in [webhooks](webhooks.md), which are relative without it.",
    )
    root_path: str = Field(
        "",
        pattern=r"^((/[A-Za-z0-9._~-]+)+)?$",
        description="The path under which a proxy serves the API, such as `/easel`. The header "
        "`X-Forwarded-Prefix` of a trusted proxy takes precedence: see [hosting](hosting.md).",
    )
    webhook_timeout: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        description="How long the receiver of a webhook may take to respond.",
    )
    webhook_retries: Durations = Field(
        DELAYS, description="The delays before each retry of a webhook."
    )
    log_level: str = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    log_format: LogFormat = Field(
        LogFormat.AUTO,
        description="How log lines are written: `json`, `plain`, or `auto`, which is plain on a "
        "terminal and JSON elsewhere.",
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidSetting("; ".join(map(_setting_error, error.errors()))) from None

    @model_validator(mode="after")
    def _check_combinations(self) -> Settings:
        if errors := list(self._contradictions()):
            raise ValueError("; ".join(errors))
        return self

    def _contradictions(self) -> Iterator[str]:
        if self.allow_anonymous and self.require_keys:
            yield "EASEL_ALLOW_ANONYMOUS and EASEL_REQUIRE_KEYS are both true; expected at most one"
        if self.sweep_seconds > self.lease_seconds / 3:
            yield (
                f"EASEL_SWEEP_SECONDS is {self.sweep_seconds:g} and EASEL_LEASE_SECONDS is "
                f"{self.lease_seconds:g}; expected at most a third of it: after a longer gap "
                "between sweeps, leases are renewed, and no job of a lost worker would be requeued"
            )

    @property
    def blobs_dir(self) -> Path:
        """The default directory of pictures."""
        return self.data_dir / "blobs"

    @property
    def runtime_dir(self) -> Path:
        """The directory of files that matter only while Easel runs; created if missing.

        It belongs to the user: ``$XDG_RUNTIME_DIR/easel``, or else a folder in the folder of
        temporary files.

        Raises:
            OSError: it cannot be created, or belongs to somebody else.
        """
        with warnings.catch_warnings():  # that it is the second
            warnings.simplefilter("ignore")
            return platformdirs.user_runtime_path("easel", ensure_exists=True)

    @property
    def blobs_url(self) -> str:
        """The URL of the blob store."""
        if self.blobs in ("redis:", "redis://"):
            return self.redis_url
        return self.blobs or self.blobs_dir.as_uri()

    def refuses_anonymous(self, *, any_key_made: bool, reached_at: str) -> bool:
        """Return whether a request without an API key is refused.

        Args:
            any_key_made: whether a key was ever created.
            reached_at: the address that the request was sent to.
        """
        return exposure.refuses_anonymous(
            anonymous=self.allow_anonymous,
            required=self.require_keys,
            any_key_made=any_key_made,
            addresses=(self.host, reached_at),
        )

    def check_site(self, headers: Mapping[str, str], *, reads: bool) -> None:
        """Check that no web page of another site made a request without an API key.

        Args:
            headers: the headers of the request, found by names in lower case.
            reads: whether the method is GET or HEAD.

        Raises:
            HostRefused: the request calls this server by an unknown name.
            OriginRefused: a page of another site made the request, and may not.
        """
        host = headers.get("host", "")
        public = urlsplit(self.public_url)
        names = (*self.allowed_hosts, self.host, public.hostname or self.host)
        if not sites.is_known_host(sites.host_name(host), names, anonymous=self.allow_anonymous):
            raise HostRefused(
                f"this server is not called {host!r}; use http://127.0.0.1 or http://localhost, "
                "send an API key, or add the name to EASEL_ALLOWED_HOSTS"
            )
        origins = self.cors_origins
        if sites.is_foreign_page(headers, reads=reads, origins=origins, public=public.netloc):
            origin = headers.get("origin", "another site")
            raise OriginRefused(
                f"a web page of {origin} may not use this server without an API key; add its "
                "origin to EASEL_CORS_ORIGINS, or send an API key"
            )

    def check_exposure(self, any_key_made: Callable[[], bool]) -> None:
        """Check that the API is not opened to the network by mistake.

        Args:
            any_key_made: returns whether a key was ever created. Called only if it matters.

        Raises:
            InvalidSetting: the API would listen beyond loopback, and there is no API key.
        """
        exposure.check_exposure(
            self.host,
            anonymous=self.allow_anonymous,
            required=self.require_keys,
            any_key_made=any_key_made,
        )
