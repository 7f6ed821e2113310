"""Whatever is wrong with a form is said by name, with what was expected, and nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.params import StyleParams
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, files, masks, post

PROPERTIES: dict[str, Any] = StyleParams.model_json_schema()["properties"]


#: By JSON type, what no such parameter can be.
WRONG = {
    "integer": ("", "x", "1e999", "nan", "0x10", "1,2", "100.5"),
    "number": ("", "x", "1e999", "nan", "0x10", "1,2"),
    "array": ("x", "conv9_9", "-1", "1,,2", "nan"),
    "string": ("", "x", "None"),
    "choice": ("", "x", "None"),
}

#: What is just beyond a bound.
BEYOND = {"minimum": -1, "exclusiveMinimum": 0, "maximum": 1, "exclusiveMaximum": 0}


def wrong_values() -> Iterator[tuple[str, str]]:
    """Of every parameter, some values that it cannot have."""
    for name, schema in PROPERTIES.items():
        yield from ((name, text) for text in WRONG[schema.get("type", "choice")])
        bounds = (bound for bound in BEYOND if bound in schema)
        yield from ((name, str(schema[bound] + BEYOND[bound])) for bound in bounds)


def is_untouched(services: Services, redis: Redis) -> bool:
    """Whether nothing was stored, in Redis or among the pictures."""
    kept = [key for key in map(str, redis.keys("*")) if "rate" not in key]
    return kept == [] and not services.settings.blobs_dir.exists()


def test_every_parameter_refuses_what_it_cannot_be(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    wrong = list(wrong_values())
    assert {name for name, _ in wrong} == set(PROPERTIES)
    for name, text in wrong:
        answer = client.post("/jobs", files=files(), data={name: text})
        problem = assert_problem(answer, 422, "invalid_request")
        assert {error["field"] for error in problem["errors"]} == {name}, (name, text)
        error = problem["errors"][0]
        assert any(repr(part) in error["message"] for part in (text, *text.split(","))), error
        assert len(error["message"]) > len(text) + 15, error  # and says what was expected
    assert is_untouched(services, redis)


@pytest.mark.parametrize(
    ("given", "fields", "bad"),
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
        "text posing as a picture", "a weight too many", "weights of nothing",
        "layer weights too few", "a mask of the wrong size", "an unknown file", "an unknown field",
        "a field twice", "no picture to start from", "more than this server takes",
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused_by_name(
    client: httpx.Client,
    services: Services,
    redis: Redis,
    given: Any,
    fields: dict[str, Any],
    bad: str,
) -> None:
    answer = post(client, given, **fields)
    problem = assert_problem(answer, 422)
    assert [error["field"] for error in problem["errors"]] == [bad]
    assert is_untouched(services, redis)


def test_a_parameter_in_the_address_is_not_passed_over(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    answer = client.post("/jobs", params={"validate_only": "true"}, files=files())
    (error,) = assert_problem(answer, 422, "invalid_request")["errors"]
    assert error["field"] == "validate_only"
    assert "field of the form" in error["message"]
    assert is_untouched(services, redis)


def test_a_list_can_be_sent_with_commas_or_as_a_field_repeated(client: httpx.Client) -> None:
    commas = post(client, style_layers="conv1_1,conv2_1", style_layer_weights="1,3").json()
    repeated = post(
        client, style_layers=["conv1_1", "conv2_1"], style_layer_weights=["1", "3"]
    ).json()
    assert commas["params"] == repeated["params"]
    assert commas["params"]["style_layer_weights"] == [1, 3]
