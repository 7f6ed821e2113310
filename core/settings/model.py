"""Settings, read from the environment: ``EASEL_`` and the field's name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import platformdirs
from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from core.errors import InvalidSetting
from core.jobs.job import RETENTION
from core.settings.exposure import is_loopback, wants_key
from core.settings.limits import Limits
from core.settings.values import Duration, Durations, Networks, Origins
from core.upkeep.retention import TOMBSTONE
from core.webhooks.retries import DELAYS


class Settings(Limits):
    """What a deployment can set. There is no global instance: pass it on."""

    model_config = SettingsConfigDict(
        env_prefix="EASEL_", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        description="The Redis or Valkey server that holds the jobs. It must not evict "
        "(`maxmemory-policy noeviction`) and should write to disk (`appendonly yes`). "
        "Where it is not set, `easel serve` starts a server of its own.",
    )
    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("easel"),
        description="Where pictures, and the Valkey of `easel serve`, keep their files.",
    )
    weights_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("easel"),
        description="Where the network's weights are cached.",
    )
    blobs: str = Field(
        "",
        description="Where pictures are kept: `file:///path`, `redis://host:port/db`, or "
        "`s3://bucket/prefix`. `redis://` alone is the server that holds the jobs.",
    )
    s3_endpoint: str | None = Field(
        None,
        validation_alias=AliasChoices(
            "EASEL_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"
        ),
        description="The address of an S3-compatible store that is not Amazon's; "
        "`AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL` are read too.",
    )
    host: str = Field(
        "127.0.0.1",
        description="The address the api listens on. Any other than the machine's own loopback "
        "needs an API key, or `EASEL_ALLOW_ANONYMOUS`.",
    )
    allow_anonymous: bool = Field(
        False,
        description="Whether requests without an API key are answered, wherever they come from.",
    )
    require_keys: bool = Field(
        False, description="Whether every request needs an API key, even where none was made yet."
    )
    port: int = Field(8000, ge=1, le=65535, description="The port the api listens on.")
    device: str = Field(
        "auto", description="Where a worker computes: `auto`, `cpu`, `cuda` or `cuda:N`."
    )
    cors_origins: Origins = Field(
        (),
        description="The web origins whose pages may call the api from a browser, such as "
        "`https://example.com`; with commas between several, or `*` for all.",
    )
    retention: Duration = Field(
        RETENTION,
        description="How long the files of a finished job are kept: a number and `s`, `m`, `h` or "
        "`d`. It holds for the jobs posted from then on.",
    )
    record_retention: Duration = Field(
        TOMBSTONE,
        description="For how long after its files a finished job is still answered for. "
        "A busy service keeps less: docs/scale.md says what it takes of Redis.",
    )
    lease_seconds: float = Field(
        8,
        gt=0,
        description="How many seconds a worker may be silent before its job goes to another.",
    )
    sweep_seconds: float = Field(
        2,
        gt=0,
        description="How many seconds lie between two looks for jobs whose worker was lost.",
    )
    max_attempts: int = Field(
        3,
        ge=1,
        description="How many workers a job may lose before it has failed with `worker_lost`.",
    )
    checkpoint_seconds: float = Field(
        5,
        ge=0,
        description="After how many seconds a running job is saved; less often where it is slow.",
    )
    stall_seconds: float = Field(
        900, gt=0, description="A worker whose job makes no step for so many seconds is restarted."
    )
    idle_seconds: float = Field(
        30,
        gt=0,
        description="A worker that takes no job for so many seconds while some wait is restarted.",
    )
    patience_seconds: float = Field(
        600,
        gt=0,
        description="How many seconds a worker keeps a finished result while Redis is away.",
    )
    redelivery_seconds: int = Field(
        600,
        ge=1,
        description="After how many seconds the queue delivers an unanswered message again; "
        "harmless, the claim refuses it.",
    )
    grace_seconds: float = Field(
        30,
        gt=0,
        description="How many seconds `easel serve` lets a worker put its job away when stopping.",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="What signs the [webhooks](webhooks.md): `whsec_` and 24 to 64 bytes in "
        "base64; several, with spaces between, while it is changed.",
    )
    webhook_allowed_networks: Networks = Field(
        (),
        description="Networks that webhooks may go to although they are not public, with commas "
        "between, such as `127.0.0.0/8,10.1.2.0/24`.",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]*[^\s?#/])?$",
        description="Where callers reach the api, such as `https://easel.example`; the links in "
        "[webhooks](webhooks.md) begin with it. Without it they are relative, as in every answer.",
    )
    webhook_timeout: Duration = Field(
        timedelta(seconds=15), description="How long a receiver of webhooks may take to answer."
    )
    webhook_retries: Durations = Field(
        DELAYS, description="After how long a webhook is tried again, each time."
    )
    log_level: str = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")

    @model_validator(mode="after")
    def _check_keys(self) -> Settings:
        if self.allow_anonymous and self.require_keys:
            raise ValueError(
                "EASEL_ALLOW_ANONYMOUS and EASEL_REQUIRE_KEYS are both true; set one of them"
            )
        return self

    @property
    def blobs_dir(self) -> Path:
        """Where pictures are kept by default."""
        return self.data_dir.absolute() / "blobs"

    @property
    def blobs_url(self) -> str:
        """Where pictures are kept, in full."""
        if self.blobs in ("redis:", "redis://"):
            return self.redis_url
        return self.blobs or self.blobs_dir.as_uri()

    def wants_key(self, *, any_made: bool, reached_at: str) -> bool:
        """Whether a request without an API key is refused; see ``core.settings.exposure``."""
        return wants_key(
            anonymous=self.allow_anonymous,
            required=self.require_keys,
            any_made=any_made,
            addresses=(self.host, reached_at),
        )

    def check_exposure(self, any_key_made: Callable[[], bool]) -> None:
        """See that nobody listens to strangers by mistake.

        Args:
            any_key_made: asked when it matters.

        Raises:
            InvalidSetting: the api would listen beyond loopback, and there is no key.
        """
        if is_loopback(self.host) or self.allow_anonymous or self.require_keys:
            return
        if not any_key_made():
            raise InvalidSetting(
                f"EASEL_HOST={self.host} is open to whoever can reach it, and there is no API key "
                "yet; make one with `easel keys create NAME`, or keep EASEL_HOST=127.0.0.1, or "
                "say EASEL_ALLOW_ANONYMOUS=true if everybody may post jobs"
            )
