"""Pages of other origins that use the API (CORS)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.errors import InvalidSetting
from core.settings.model import Settings
from tests.api.conftest import serving
from tests.api.routes.test_jobs import claim, files

PAGE = "https://shop.example"


@pytest.fixture
def page_client(services: Services) -> Iterator[httpx.Client]:
    settings = services.settings.model_copy(update={"cors_origins": (PAGE,)})
    with serving(replace(services, settings=settings)) as client:
        yield client


def preflight(client: httpx.Client, origin: str, method: str = "POST") -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "idempotency-key, authorization, traceparent, x-any",
    }
    return client.options("/jobs", headers=headers)


def test_only_pages_of_the_configured_origins_may_use_the_api(page_client: httpx.Client) -> None:
    allowed = preflight(page_client, PAGE)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, PAGE)
    assert (
        "idempotency-key, authorization, traceparent, x-any"
        in allowed.headers["access-control-allow-headers"].lower()
    )
    assert (
        "access-control-allow-origin" not in preflight(page_client, "https://evil.example").headers
    )
    # Pages can also read error responses, and the headers that clients need.
    for answer in (
        page_client.post("/jobs", files=files(), headers={"Origin": PAGE}),
        page_client.get("/jobs/x", headers={"Origin": PAGE}),
    ):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert {"Location", "Retry-After", "X-Request-ID"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )


def test_a_page_can_read_an_unexpected_error(
    page_client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, page_client)
    redis.hset(f"easel:job:{job.id}", "created_at", "yesterday")
    answer = page_client.get(f"/jobs/{job.id}", headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (500, PAGE)


def test_no_other_origin_may_use_the_api_by_default(client: httpx.Client) -> None:
    assert "access-control-allow-origin" not in preflight(client, PAGE).headers
    answer = client.get("/jobs", headers={"Origin": PAGE})
    assert "access-control-allow-origin" not in answer.headers


def test_invalid_origins_are_refused_as_settings() -> None:
    assert Settings(cors_origins="https://a.example, http://localhost:3000").cors_origins == (
        "https://a.example",
        "http://localhost:3000",
    )
    assert Settings(cors_origins="*").cors_origins == ("*",)
    for bad in ("a.example", "https://a.example/", "https://*.example"):
        with pytest.raises(InvalidSetting, match=r"EASEL_CORS_ORIGINS: .* is not an origin"):
            Settings(cors_origins=bad)
