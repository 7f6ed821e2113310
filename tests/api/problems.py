"""The check of a problem document, for every route that fails."""

from __future__ import annotations

from typing import Any

import httpx


def assert_problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """Assert that the response is a problem document with the status, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "code"} <= problem.keys()
    assert problem["status"] == status
    assert problem["type"].endswith(problem["code"])
    if code is not None:
        assert problem["code"] == code
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1
    return problem
