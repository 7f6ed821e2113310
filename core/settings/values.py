"""The types of settings that pydantic cannot read from text: durations, lists, URLs, `auto`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, IPvAnyNetwork
from pydantic_settings import NoDecode

from core.settings.redis_url import is_redis_url, read_redis_url

#: More jobs at a time need more worker hosts.
MAX_WORKERS = 64

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _parse_duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    matched = re.fullmatch(r"(\d+)([smhd])", value)
    if not matched:
        raise ValueError(
            f"{value!r} is not a duration; expected a number and s, m, h or d, such as 24h"
        )
    return timedelta(**{_UNITS[matched[2]]: int(matched[1])})


def _split(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _parse_origins(value: object) -> object:
    if not isinstance(value, str):
        return value
    origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s*]+", origin):
            raise ValueError(
                f"{origin!r} is not an origin; expected a scheme, a host and optionally a port, "
                "such as https://example.com, separated by commas, or * for all origins"
            )
    return origins


def _parse_hosts(value: object) -> object:
    if not isinstance(value, str):
        return value
    hosts = tuple(host.lower() for host in value.replace(",", " ").split())
    for host in hosts:
        if host != "*" and not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:]+", host):
            raise ValueError(
                f"{host!r} is not a host; expected a name without scheme and port, such as "
                "easel.example, separated by commas, or * for all names"
            )
    return hosts


def _parse_device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise ValueError(f"{value!r} is not a device; expected auto, cpu, cuda, cuda:N or mps")
    return value


def _parse_directory(value: Path) -> Path:
    try:
        return value.expanduser().absolute()
    except RuntimeError as error:  # an unknown user
        raise ValueError(f"{str(value)!r} is not a directory: {error}") from None


def _parse_port(value: object) -> object:
    if isinstance(value, str) and value.startswith("tcp://"):
        raise ValueError(
            f"{value!r} is not a port. Kubernetes sets this variable for a service named easel: "
            "rename the service, or set enableServiceLinks: false in the pod"
        )
    return value


def _read_blobs(value: str) -> str:
    if value in ("", "redis:", "redis://"):  # the default, and the server of the jobs
        return value
    if is_redis_url(value):
        return read_redis_url(value)
    if not re.match(r"file:///|s3://[^/]", value):
        raise ValueError(
            f"{value!r} is not a store of pictures; expected file:///path, redis://host:port/db "
            "or s3://bucket/prefix"
        )
    return value


def parse_workers(value: object) -> int | str:
    """Return the number of workers that a value names, or ``auto``.

    Raises:
        ValueError: the value is neither.
    """
    text = str(value).strip()
    if text == "auto":
        return text
    if text.isdecimal() and 1 <= int(text) <= MAX_WORKERS:
        return int(text)
    raise ValueError(f"{value!r} is not a number of workers; expected 1 to {MAX_WORKERS}, or auto")


Device = Annotated[str, AfterValidator(_parse_device)]
Directory = Annotated[Path, AfterValidator(_parse_directory)]
Port = Annotated[int, BeforeValidator(_parse_port)]
Duration = Annotated[timedelta, BeforeValidator(_parse_duration)]
# Comma-separated lists, which pydantic-settings would otherwise parse as JSON.
Durations = Annotated[tuple[Duration, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_split)]
Workers = Annotated[int | Literal["auto"], BeforeValidator(parse_workers)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_origins)]
Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_hosts)]
RedisUrl = Annotated[str, AfterValidator(read_redis_url)]
BlobsUrl = Annotated[str, AfterValidator(_read_blobs)]
