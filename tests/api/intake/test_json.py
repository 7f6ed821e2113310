"""Jobs that are posted as JSON, with the pictures as data URLs or base64."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from api.deps import Services
from core.pictures.uploads import MAX_FILES
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import CONTENT, STYLE, files


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def body(**fields: Any) -> dict[str, Any]:
    """Return the fields of a job, with its pictures as data URLs."""
    pictures = {
        "content": f"data:image/png;base64,{encoded(CONTENT)}",
        "style": [f"data:image/png;base64,{encoded(STYLE)}"],
    }
    return {**pictures, **fields}


def errors_of(answer: httpx.Response) -> dict[str, str]:
    problem = assert_problem(answer, 422)
    return {error["field"]: error["message"] for error in problem["errors"]}


def test_a_job_is_created_from_json_as_from_a_form(
    client: httpx.Client, services: Services
) -> None:
    sent = body(
        size=256, strength=0.7, style_layers=["conv1_1", "conv2_1"], style_layer_weights=[1, 3],
        seed=None, detail_map="", webhook_url="http://8.8.8.8/", webhook_events=["job.failed"],
    )  # fmt: skip
    fields = {
        "size": "256", "strength": "0.7", "style_layers": "conv1_1,conv2_1",
        "style_layer_weights": "1,3", "webhook_url": "http://8.8.8.8/",
        "webhook_events": "job.failed",
    }  # fmt: skip
    headers = {"Idempotency-Key": "one key for both"}
    posted = client.post("/jobs", json=sent, headers=headers)
    assert posted.status_code == 202
    job = services.store.get(posted.json()["id"])
    assert [services.blobs.get(each.sha256) for each in job.inputs.pictures()] == [CONTENT, STYLE]
    replayed = client.post("/jobs", files=files(), data=fields, headers=headers)
    assert (replayed.status_code, replayed.json()["id"]) == (202, job.id)
    assert replayed.headers["idempotent-replayed"] == "true"
    other = client.post("/jobs", json={**sent, "size": 255}, headers=headers)
    assert_problem(other, 422, "idempotency_key_reused")


def test_validate_only_is_a_boolean_of_json(client: httpx.Client) -> None:
    answer = client.post("/jobs", json=body(validate_only=True))
    assert (answer.status_code, answer.json()["valid"]) == (200, True)
    assert client.post("/jobs", json=body(validate_only=False)).status_code == 202


@pytest.mark.parametrize(
    "picture",
    [
        encoded(CONTENT),
        encoded(CONTENT).rstrip("="),
        base64.urlsafe_b64encode(CONTENT).decode(),
        base64.encodebytes(CONTENT).decode(),
        f"data:image/png;name=x.png;base64,{encoded(CONTENT)}",
        f"data:;BASE64,{encoded(CONTENT)}",
    ],
    ids=["base64", "no padding", "URL-safe", "lines", "a data URL with a name", "an untyped one"],
)
def test_a_picture_is_read_from_every_common_encoding(
    client: httpx.Client, services: Services, picture: str
) -> None:
    answer = client.post("/jobs", json=body(content=picture, style=encoded(STYLE)))
    assert answer.status_code == 202
    job = services.store.get(answer.json()["id"])
    assert services.blobs.get(job.inputs.content.sha256) == CONTENT


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"content": "https://example.com/x.png"}, "fetches no pictures"),
        ({"content": "photo.png"}, "is not base64"),
        ({"content": "data:image/png,%89PNG"}, "without ;base64"),
        ({"content": "\N{ARTIST PALETTE}"}, "characters beyond ASCII"),
        ({"content": {"url": "data:"}}, "is an object; expected the picture as a data URL"),
        ({"content": 7}, "is a number; expected the picture as a data URL"),
        ({"content": None}, "expected 1 file, got 0"),
        ({"content": encoded(b"no picture")}, "is not a picture"),
        ({"content": "data:image/png;base64,"}, "is an empty file"),
        ({"size": True}, "'true' is invalid: input should be a valid integer"),
        ({"size": {"width": 64}}, "has an object as a value; expected text, a number"),
        ({"style_blend": [[1]]}, "has a list as a value"),
        ({"size": [64, 65]}, "was sent 2 times"),
        ({"steps": 1e400}, "'inf' is invalid"),
        ({"sise": 64}, "did you mean 'size'?"),
    ],
)
def test_an_invalid_field_of_json_is_refused_by_name(
    client: httpx.Client, fields: dict[str, Any], message: str
) -> None:
    text = json.dumps(body(**fields)).replace("Infinity", "1e400")
    answer = client.post("/jobs", content=text, headers={"Content-Type": "application/json"})
    (field,) = fields
    assert message in errors_of(answer)[field]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"size": NaN}', "not valid JSON"),
        ('{"format": "\\ud800"}', "not valid JSON"),
        ("[" * 10_000, "not valid JSON"),
        (f'{{"size": [{"[]," * 10_000}1]}}', "too many values; at most 10000"),
        ("[]", "the body is a list; expected an object"),
        ('"size"', "the body is text; expected an object"),
    ],
)
def test_a_body_that_is_no_json_object_is_malformed(
    client: httpx.Client, text: str, message: str
) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = client.post("/jobs", content=text, headers=headers)
    assert message in assert_problem(answer, 400, "malformed_request")["detail"]


def test_json_has_the_limits_of_a_form(services: Services) -> None:
    limits = {"max_picture_bytes": len(CONTENT), "max_fields": 3, "max_field_bytes": 100}
    small = encoded(STYLE[: len(CONTENT)])
    with serving(limited(services, **limits)) as client:
        over = client.post("/jobs", json=body(content=encoded(CONTENT + b"\0"), style=small))
        assert f"at most {len(CONTENT)} are allowed" in errors_of(over)["content"]
        long = client.post("/jobs", json=body(content="A" * (4 * len(CONTENT) + 600)))
        assert "bytes are allowed, once decoded" in errors_of(long)["content"]
        for sent, message in (
            (body(style=[small] * MAX_FILES), f"Maximum number of files is {MAX_FILES}"),
            (body(a=1, b=1, c=1, d=1), "Maximum number of fields is 3"),
            (body(format="x" * 101), "'format' is too large; at most 100 bytes"),
            (body(**{"x" * 101: 1}), "is too large; at most 100 bytes"),
        ):
            problem = assert_problem(client.post("/jobs", json=sent), 400, "malformed_request")
            assert message in problem["detail"]
        large = json.dumps(body(seed="9" * services.settings.max_body_bytes)).encode()
        refused = client.post("/jobs", content=large, headers={"Content-Type": "application/json"})
        assert_problem(refused, 413, "request_too_large")
