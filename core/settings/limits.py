"""How much a deployment takes on: the settings that bound requests, pictures and jobs."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from core.pictures.inputs import MAX_FILES


class Limits(BaseSettings):
    """What is more than this is refused, by an error that names the limit."""

    max_size: int = Field(2048, ge=64, description="The largest `size` a job may ask for.")
    max_picture_bytes: int = Field(
        20 * 2**20, ge=1, description="The largest file of one uploaded picture, in bytes."
    )
    max_picture_pixels: int = Field(
        40_000_000,
        ge=1,
        le=89_478_485,  # Pillow's MAX_IMAGE_PIXELS, beyond which it suspects a bomb
        description="The most pixels one uploaded picture may have, read from its header before "
        "it is decoded.",
    )
    max_fields: int = Field(64, ge=1, description="The most fields of a form that are no files.")
    max_field_bytes: int = Field(
        64 * 1024, ge=1, description="The most bytes of one such field; errors name it in whole KB."
    )
    max_held_bytes: int = Field(
        2**30,
        ge=1,
        description="The most bytes of uploads that each api holds at a time; more is a 503 "
        "`uploads_full`. One request is held in any case.",
    )
    upload_seconds: int = Field(
        30,
        ge=1,
        description="How many seconds a body may take to arrive, at whatever rate; slower ones "
        "are cut off with a 408 `upload_too_slow`.",
    )
    upload_rate: int = Field(
        10_000, ge=1, description="How many bytes a second must arrive in all after that."
    )
    decoders: int = Field(
        2,
        ge=1,
        le=64,
        description="How many uploaded pictures each api decodes at a time, each in a process of "
        "its own (about 50 MB when idle).",
    )
    decode_memory_bytes: int = Field(
        2 * 2**30,
        ge=128 * 2**20,
        description="The most memory that decoding one uploaded picture may take.",
    )
    decode_seconds: int = Field(
        30, ge=1, description="The most seconds of a processor that decoding one picture may take."
    )
    max_queue: int = Field(
        1000,
        ge=1,
        description="The most jobs that may wait for a worker; one more is a 503 `queue_full`.",
    )
    max_jobs_per_caller: int = Field(
        250,
        ge=1,
        description="The most jobs of one caller that may wait or run; one more is a 429 "
        "`too_many_jobs`. A key can have its own limit.",
    )
    max_requests_per_minute: int = Field(
        6000,
        ge=1,
        description="The most requests of one caller in a minute, counted by all api processes "
        "together; one more is a 429 `too_many_requests`. A key can have its own limit.",
    )

    @property
    def max_body_bytes(self) -> int:
        """The largest request: every file there can be, and the fields around them."""
        return MAX_FILES * self.max_picture_bytes + 64 * 1024
