"""Requests with an API key."""

from __future__ import annotations

import httpx

from tests.api.routes.test_jobs import files


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def create(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/jobs", files=files(), headers=bearer(key))
