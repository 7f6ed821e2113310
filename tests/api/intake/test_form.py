"""Every invalid field of a form is named with what was expected, and nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from redis import Redis

from api.deps import Services
from api.intake.body_schema import body_schema
from core.params import Preset, StyleParams
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, files, masks, post

PROPERTIES: dict[str, Any] = StyleParams.model_json_schema()["properties"]


#: Invalid values, by JSON type.
INVALID = {
    "integer": ("x", "1e999", "nan", "0x10", "1,2", "100.5"),
    "number": ("x", "1e999", "nan", "0x10", "1,2"),
    "array": ("x", "conv9_9", "-1", "1,,2", "nan"),
    "boolean": ("x", "None", "2"),
    "string": ("x", "None"),
    "choice": ("x", "None"),
}

#: Offsets from a bound to a value outside of it.
BEYOND = {"minimum": -1, "exclusiveMinimum": 0, "maximum": 1, "exclusiveMaximum": 0}


def invalid_values() -> Iterator[tuple[str, str]]:
    """Yield some invalid values of every parameter."""
    for name, schema in PROPERTIES.items():
        if "anyOf" in schema:
            schema, _null = schema["anyOf"]
        yield from ((name, text) for text in INVALID[schema.get("type", "choice")])
        bounds = (bound for bound in BEYOND if bound in schema)
        yield from ((name, str(schema[bound] + BEYOND[bound])) for bound in bounds)


def is_untouched(services: Services, redis: Redis) -> bool:
    """Return whether nothing was stored, in Redis or the blob store."""
    stored = [key for key in map(str, redis.keys("*")) if "rate" not in key]
    return stored == [] and not services.settings.blobs_dir.exists()


def test_invalid_values_of_every_parameter_are_refused(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    invalid = list(invalid_values())
    assert {name for name, _ in invalid} == set(PROPERTIES)
    for name, text in invalid:
        answer = client.post("/jobs", files=files(), data={name: text})
        problem = assert_problem(answer, 422, "invalid_request")
        assert {error["field"] for error in problem["errors"]} == {name}, (name, text)
        error = problem["errors"][0]
        assert any(repr(part) in error["message"] for part in (text, *text.split(","))), error
        assert len(error["message"]) > len(text) + 15, error  # it also says what was expected
    assert is_untouched(services, redis)


@pytest.mark.parametrize(
    ("sent", "fields", "refused"),
    [
        (files()[:1], {}, "style"),
        (files()[1:], {}, "content"),
        ([*files(), ("content", ("x", STYLE))], {}, "content"),
        (files(STYLE, *[STYLE] * 6), {}, "style"),
        (files(b"", STYLE), {}, "content"),
        (files(b"To be, or not to be", STYLE), {}, "content"),
        (files(), {"style_blend": "1,2"}, "style_blend"),
        (files(STYLE, STYLE, STYLE), {"style_blend": "0,0"}, "style_blend"),
        (files(), {"style_layer_weights": "1,2"}, "style_layer_weights"),
        ([*files(STYLE), *masks(1)], {}, "content_mask"),
        ([*files(), ("content_masks", ("x", STYLE))], {}, "content_masks"),
        (files(), {"sise": "64"}, "sise"),
        (files(), {"size": ["64", "65"]}, "size"),
        (files(), {"init": "image"}, "init_image"),
        (files(), {"size": "1025"}, "size"),
    ],
    ids=[
        "no style", "no content", "two contents", "six styles", "an empty file",
        "text as a picture", "too many weights", "weights of zero",
        "too few layer weights", "a mask of the wrong size", "an unknown file", "an unknown field",
        "a repeated field", "no picture to start from", "a size over the limit",
    ],
)  # fmt: skip
def test_fields_that_contradict_each_other_are_refused_by_name(
    client: httpx.Client,
    services: Services,
    redis: Redis,
    sent: Any,
    fields: dict[str, Any],
    refused: str,
) -> None:
    answer = post(client, sent, **fields)
    problem = assert_problem(answer, 422)
    assert [error["field"] for error in problem["errors"]] == [refused]
    assert is_untouched(services, redis)


def test_a_query_parameter_is_refused_and_not_ignored(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    answer = client.post("/jobs", params={"validate_only": "true"}, files=files())
    (error,) = assert_problem(answer, 422, "invalid_request")["errors"]
    assert error["field"] == "validate_only"
    assert "field of the body" in error["message"]
    assert is_untouched(services, redis)


def test_a_list_can_be_sent_with_commas_or_as_a_repeated_field(client: httpx.Client) -> None:
    commas = post(client, style_layers="conv1_1,conv2_1", style_layer_weights="1,3").json()
    repeated = post(
        client, style_layers=["conv1_1", "conv2_1"], style_layer_weights=["1", "3"]
    ).json()
    assert commas["params"] == repeated["params"]
    assert commas["params"]["style_layer_weights"] == [1, 3]


@pytest.mark.parametrize(
    "fields", [*({"preset": preset.value} for preset in Preset), {"style_weight": "20"}]
)
def test_a_client_that_sends_every_default_of_the_schema_changes_nothing(
    client: httpx.Client, fields: dict[str, Any]
) -> None:
    schema = body_schema()["content"]["multipart/form-data"]["schema"]
    defaults = {
        name: each["default"]
        for name, each in schema["properties"].items()
        if each.get("default") not in (None, [], False)
    }
    assert "size" in defaults
    sent = post(client, **{**defaults, **fields}).json()["params"]
    assert sent == post(client, **fields).json()["params"]


@pytest.mark.parametrize(
    "fields", [{}, {"preset": "classic"}, {"preset": "classic", "strength": 1}]
)
def test_the_parameters_of_a_job_can_be_posted_again(
    client: httpx.Client, fields: dict[str, Any]
) -> None:
    params = post(client, **fields).json()["params"]
    again = post(client, **{name: value for name, value in params.items() if value != []})
    assert again.json()["params"] == params


def test_the_content_type_of_a_form_is_case_insensitive(client: httpx.Client) -> None:
    posted = client.build_request("POST", "/jobs", files=files())
    content_type = posted.headers["content-type"].replace(
        "multipart/form-data", "Multipart/Form-Data"
    )
    posted.headers["content-type"] = content_type
    assert client.send(posted).status_code == 202


def test_a_job_keeps_the_time_that_its_caller_allows(
    client: httpx.Client, services: Services
) -> None:
    job = services.store.get(post(client, max_seconds="90").json()["id"])
    assert job.max_seconds == 90
    for wrong in ("0", "-1", "1.5", "soon", "1e3"):
        (error,) = assert_problem(post(client, max_seconds=wrong), 422)["errors"]
        assert error["field"] == "max_seconds"
        assert "a whole number of seconds from 1" in error["message"]
