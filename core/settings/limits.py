"""The limits of a deployment: settings that bound requests, pictures, jobs and the queue."""

from __future__ import annotations

from typing import Self

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from core.pictures.uploads import MAX_FILES

_MIB = 2**20

#: What an API process takes without uploads and decoders.
_API_BYTES = 150 * _MIB

#: The most files that an API process opens without connections.
_OWN_FILES = 200

#: A decoder gets no less than this, which is enough for a photograph of 12 million pixels.
_MIN_DECODE_BYTES = 256 * _MIB

#: What decoding takes for each pixel, with a margin: at most 26 bytes were measured, for WebP with
#: alpha (docs/operations.md).
_DECODE_BYTES_PER_PIXEL = 33


class Limits(BaseSettings):
    """Limits. A request that exceeds one is refused with an error that names the limit."""

    max_size: int | None = Field(
        None,
        ge=64,
        le=16384,
        description="The largest `size` of a job, in pixels. By default, what fits into the memory "
        "of the largest live worker, up to 16384; 2048 while no worker reports its memory.",
    )
    max_picture_bytes: int = Field(
        50 * 2**20, ge=1, description="The largest uploaded file, in bytes."
    )
    max_picture_pixels: int = Field(
        65_000_000,
        ge=1,
        description="The most pixels to which an uploaded picture is decoded. A larger JPEG is "
        "decoded at a half, a quarter or an eighth of its scale. In other formats, the header of a "
        "larger picture is enough to refuse it.",
    )
    max_fields: int = Field(64, ge=1, description="The most form fields that are not files.")
    max_field_bytes: int = Field(
        64 * 1024,
        ge=1,
        description="The largest form field that is not a file, in bytes. Errors state it in "
        "whole KB.",
    )
    max_held_bytes: int = Field(
        2**30,
        ge=1,
        description="The most bytes of uploads that an API process holds at a time, half of them "
        "for one caller; above it, requests get a 503 `uploads_full`. A single request is always "
        "accepted.",
    )
    max_header_bytes: int = Field(
        32 * 1024,
        ge=1024,
        description="The most bytes of a request's first line and headers; above it, requests get "
        "a 431 `headers_too_large`.",
    )
    max_connections: int = Field(
        2000,
        ge=8,
        description="The most requests that an API process answers at a time, such as event "
        "streams; above it, requests get a 503 `connections_full`. It is lowered where the "
        "process may not open twice as many files.",
    )
    max_connections_per_caller: int = Field(
        500,
        ge=1,
        description="The most requests of a caller that an API process answers at a time, and at "
        "most half of `EASEL_MAX_CONNECTIONS`; above it, requests get a 429 "
        "`too_many_connections`.",
    )
    upload_seconds: int = Field(
        30,
        ge=1,
        description="How many seconds the head of a request may take, and its body regardless of "
        "its rate.",
    )
    upload_rate: int = Field(
        10_000,
        ge=1,
        description="The least rate of a request body after `EASEL_UPLOAD_SECONDS`, in bytes per "
        "second; slower ones are aborted with a 408 `upload_too_slow`.",
    )
    download_seconds: int = Field(
        60,
        ge=1,
        description="After how many seconds a connection is closed whose client reads nothing of "
        "its response, or less than about 100 KB.",
    )
    decoders: int = Field(
        2,
        ge=1,
        le=64,
        description="How many uploaded pictures an API process decodes at a time, each in a "
        "process of its own (about 50 MB when idle).",
    )
    decoder_wait_seconds: int = Field(
        60,
        ge=1,
        description="How many seconds an uploaded picture waits for a decoder; after them, its "
        "request gets a 503 `uploads_full`. Callers take turns, and one caller has at most all "
        "decoders but one.",
    )
    decode_memory_bytes: int = Field(
        0,
        ge=0,
        validate_default=True,
        description="The most memory for decoding an uploaded picture, in bytes, at least 128 MiB; "
        f"0 means {_DECODE_BYTES_PER_PIXEL} bytes for each of `EASEL_MAX_PICTURE_PIXELS`, and at "
        "least 256 MiB.",
    )
    decode_seconds: int = Field(
        30,
        ge=1,
        description="The most processor time for decoding an uploaded picture, in seconds.",
    )
    max_queue: int = Field(
        1000,
        ge=1,
        description="The most queued jobs; above it, requests get a 503 `queue_full`.",
    )
    max_jobs_per_caller: int = Field(
        250,
        ge=1,
        description="The most unfinished jobs of a caller; above it, requests get a 429 "
        "`too_many_jobs`. An API key can have its own limit.",
    )
    max_stored_bytes_per_caller: int = Field(
        20 * 2**30,
        ge=1,
        description="The most bytes of uploads, checkpoints and results that a caller's jobs hold; "
        "above it, requests get a 507 `storage_quota_exceeded`. An API key can have its own limit.",
    )
    max_requests_per_minute: int = Field(
        6000,
        ge=1,
        description="The most requests of a caller per minute, counted over all API processes; "
        "above it, requests get a 429 `too_many_requests`. An API key can have its own limit.",
    )

    @field_validator("decode_memory_bytes")
    @classmethod
    def _follow_pixels(cls, given: int, info: ValidationInfo) -> int:
        if 0 < given < 128 * _MIB:
            raise ValueError(f"{given} is too little for a decoder; expected at least 134217728")
        pixels = int(info.data.get("max_picture_pixels", 0))
        return given or max(_MIN_DECODE_BYTES, _DECODE_BYTES_PER_PIXEL * pixels)

    def within(self, memory: int) -> Self:
        """Return these limits, lowered where decoders and uploads would not fit into the memory.

        Decoders may take two thirds, and uploads the rest, twice: as received and as form fields.

        Args:
            memory: the memory that an API process may use, in bytes.
        """
        room = max(0, memory - _API_BYTES)
        for_decoders = room * 2 // 3
        decoders = max(1, min(self.decoders, for_decoders // _MIN_DECODE_BYTES))
        decode = min(self.decode_memory_bytes, max(_MIN_DECODE_BYTES, for_decoders // decoders))
        held = min(self.max_held_bytes, max(1, (room - decoders * decode) // 2))
        return self.model_copy(
            update={
                "decoders": decoders,
                "decode_memory_bytes": decode,
                "max_held_bytes": held,
            }
        )

    def within_files(self, files: int) -> Self:
        """Return these limits, with no more connections than a process can have.

        Args:
            files: the most files that the process may open. A download takes two of them.
        """
        connections = max(8, min(self.max_connections, (files - _OWN_FILES) // 2))
        return self.model_copy(update={"max_connections": connections})

    @property
    def max_body_bytes(self) -> int:
        """The largest request body: all possible files, and the other form fields."""
        return MAX_FILES * self.max_picture_bytes + 64 * 1024
