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
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import InvalidSetting
from core.exposure import is_loopback, wants_key
from core.jobs import RETENTION
from core.retries import DELAYS
from core.uploads import MAX_FILES
from core.values import Duration, Durations, Networks, Origins


class Settings(BaseSettings):
    """What a deployment can set. There is no global instance: pass it on."""

    model_config = SettingsConfigDict(
        env_prefix="EASEL_", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", description="The Redis or Valkey server that holds the jobs."
    )
    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("easel"),
        description="Where pictures, and a server of `easel serve`'s own, keep their files.",
    )
    weights_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("easel"),
        description="Where the network's weights are cached.",
    )
    blobs: str = Field(
        "",
        description="Where pictures are kept: file:///path, redis://host:port/db, or redis:// "
        "for the server that holds the jobs, or s3://bucket/prefix. "
        "By default the folder `blobs` of the data directory.",
    )
    s3_endpoint: str | None = Field(
        None,
        validation_alias=AliasChoices(
            "EASEL_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"
        ),
        description="The address of an S3-compatible store that is not Amazon's.",
    )
    host: str = Field("127.0.0.1", description="The address the api listens on.")
    allow_anonymous: bool = Field(
        False,
        description="Whether requests without an API key are answered, wherever they come from.",
    )
    require_keys: bool = Field(
        False, description="Whether every request needs an API key, even where none was made yet."
    )
    port: int = Field(8000, ge=1, le=65535, description="The port the api listens on.")
    device: str = Field("auto", description="Where to compute: auto, cpu, cuda or cuda:N.")
    max_size: int = Field(2048, ge=64, description="The largest `size` a job may ask for.")
    max_picture_bytes: int = Field(
        20 * 2**20, ge=1, description="The largest file of one uploaded picture."
    )
    max_picture_pixels: int = Field(
        40_000_000,
        ge=1,
        le=89_478_485,  # Pillow's MAX_IMAGE_PIXELS, beyond which it suspects a bomb
        description="The most pixels one uploaded picture may have.",
    )
    cors_origins: Origins = Field(
        (),
        description="The web origins whose pages may call the api from a browser: with commas "
        "between them, or * for all.",
    )
    max_fields: int = Field(64, ge=1, description="The most fields of a form that are no files.")
    max_field_bytes: int = Field(64 * 1024, ge=1, description="The most bytes of one such field.")
    max_held_bytes: int = Field(
        2**30,
        ge=1,
        description="The most bytes of uploads that each api holds at a time; "
        "it holds one request in any case.",
    )
    upload_seconds: int = Field(
        30, ge=1, description="How long a body may take to arrive, at whatever rate."
    )
    upload_rate: int = Field(
        10_000, ge=1, description="How many bytes a second must arrive in all after that."
    )
    decoders: int = Field(
        2, ge=1, le=64, description="How many uploaded pictures each api decodes at a time."
    )
    decode_memory_bytes: int = Field(
        2 * 2**30,
        ge=128 * 2**20,
        description="The most memory that decoding one uploaded picture may take.",
    )
    decode_seconds: int = Field(
        30, ge=1, description="The most seconds of a processor that decoding one picture may take."
    )
    retention: Duration = Field(
        RETENTION,
        description="How long the files of a finished job are kept: a number and s, m, h or d.",
    )
    max_queue: int = Field(1000, ge=1, description="The most jobs that may wait for a worker.")
    max_jobs_per_caller: int = Field(
        250, ge=1, description="The most jobs of one caller that may wait or run."
    )
    max_requests_per_minute: int = Field(
        6000, ge=1, description="The most requests of one caller in a minute."
    )
    lease_seconds: float = Field(
        8, gt=0, description="How long a worker may be silent before its job goes to another."
    )
    sweep_seconds: float = Field(
        2, gt=0, description="How often it is looked for jobs whose worker was lost."
    )
    max_attempts: int = Field(
        3, ge=1, description="How many workers a job may lose before it has failed."
    )
    checkpoint_seconds: float = Field(
        5, ge=0, description="How often a running job is saved; less often where saving is slow."
    )
    stall_seconds: float = Field(
        900, gt=0, description="A worker whose job makes no step for so long is restarted."
    )
    idle_seconds: float = Field(
        30, gt=0, description="A worker that takes no job for so long while some wait is restarted."
    )
    patience_seconds: float = Field(
        600, gt=0, description="How long a worker keeps a finished result while Redis is away."
    )
    redelivery_seconds: int = Field(
        600, ge=1, description="After how long the queue delivers an unanswered message again."
    )
    grace_seconds: float = Field(
        30, gt=0, description="How long `easel serve` lets a worker put its job away when stopping."
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="What signs the webhooks: whsec_ and 24 to 64 bytes in base64; several, with "
        "spaces between, while it is changed. By default Easel makes one for each caller.",
    )
    webhook_allowed_networks: Networks = Field(
        (), description="Networks that webhooks may go to although they are not public."
    )
    webhook_timeout: Duration = Field(
        timedelta(seconds=15), description="How long a receiver of webhooks may take to answer."
    )
    webhook_retries: Durations = Field(
        DELAYS, description="After how long a webhook is tried again, each time."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

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
        """Whether a request without an API key is refused; as ``core.exposure.wants_key``."""
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

    @property
    def max_body_bytes(self) -> int:
        """The largest request: every file there can be, and the fields around them."""
        return MAX_FILES * self.max_picture_bytes + 64 * 1024
