"""How the values of settings are written: durations, networks, origins."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, IPvAnyNetwork
from pydantic_settings import NoDecode

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _read_duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    matched = re.fullmatch(r"(\d+)([smhd])", value)
    if not matched:
        raise ValueError(f"{value!r} is no duration; write a number and s, m, h or d, as in 24h")
    return timedelta(**{_UNITS[matched[2]]: int(matched[1])})


def _read_list(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_read_duration)]
#: Several, with commas between.
Durations = Annotated[tuple[Duration, ...], NoDecode, BeforeValidator(_read_list)]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_read_list)]


def _read_origins(value: object) -> object:
    if not isinstance(value, str):
        return value
    origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s*]+", origin):
            raise ValueError(
                f"{origin!r} is no origin; write a scheme, a host and perhaps a port, as in "
                "https://example.com, with commas between several, or * for all"
            )
    return origins


Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_origins)]
