"""The settings that the page sends, and those that it takes from a job."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from core.params import StyleParams, parse_params

#: Applies [method, argument, ...] calls to a new draft; returns its text fields and its problems.
DRAFT = """async (calls) => {
    const main = document.querySelector("script[type=module]").src;
    const { Draft } = await import(new URL("form/draft.js", main));
    const draft = new Draft();
    await draft.load();
    for (const [method, ...arguments] of calls) draft[method](...arguments);
    const { content, style, ...problems } = draft.problems(); // it has no pictures
    return [draft.texts(), problems];
}"""


def sent(page: Page, *calls: tuple[Any, ...]) -> dict[str, str]:
    """Return the text fields of a draft after some calls."""
    texts, problems = page.evaluate(DRAFT, calls)
    assert problems == {}
    return dict(texts)


@pytest.fixture
def jobs() -> list[StyleParams]:
    """The parameters of jobs: every preset with each kind of weight and of statistics."""
    weights: list[dict[str, Any]] = [{}, {"strength": 0.3}, {"style_weight": 7}]
    statistics: list[dict[str, Any]] = [
        {}, {"style_statistics": "gram"}, {"style_statistics": "covariance"}
    ]  # fmt: skip
    return [
        parse_params({"preset": preset, **weight, **compared})
        for preset in ("fast", "balanced", "fine", "classic", "gatys2015")
        for weight in weights
        for compared in statistics
    ]


def test_a_job_with_the_settings_of_another_has_the_same_parameters(
    page: Page, jobs: list[StyleParams]
) -> None:
    for params in jobs:
        texts = sent(page, ("adopt", params.model_dump(mode="json")))
        assert parse_params(texts) == params, texts


def test_the_statistics_are_sent_where_they_differ_from_those_of_the_weight(page: Page) -> None:
    usual = {"preset": "balanced"}
    assert sent(page, ("set", "style_statistics", "covariance")) == usual
    gram = ("set", "style_statistics", "gram")
    assert sent(page, gram) == {**usual, "style_statistics": "gram"}
    weight = ("set", "style_weight", 20)
    assert sent(page, weight, gram) == {**usual, "style_weight": "20"}
    assert sent(page, weight, ("set", "style_statistics", "covariance")) == {
        **usual, "style_weight": "20", "style_statistics": "covariance"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["strength", "style_weight"])
def test_a_preset_with_a_style_weight_replaces_the_weight_that_was_set(
    page: Page, name: str
) -> None:
    change = ("set", name, 0.7)
    for preset in ("classic", "gatys2015"):
        assert sent(page, change, ("setPreset", preset)) == {"preset": preset}
    assert sent(page, change, ("setPreset", "fast")) == {"preset": "fast", name: "0.7"}


@pytest.mark.parametrize("preset", ["balanced", "classic"])
def test_a_cleared_strength_is_reported(page: Page, preset: str) -> None:
    calls = [("setPreset", preset), ("set", "strength", 0.7), ("set", "strength", "")]
    _, problems = page.evaluate(DRAFT, calls)
    assert problems == {"strength": "Expected a number from 0 to 1."}


def test_a_time_limit_is_sent_if_it_is_given(page: Page) -> None:
    limit = ("set", "max_seconds", 90)
    assert sent(page, limit) == {"preset": "balanced", "max_seconds": "90"}
    assert sent(page, limit, ("set", "max_seconds", "")) == {"preset": "balanced"}
    _, problems = page.evaluate(DRAFT, [["set", "max_seconds", 0]])
    assert "from 1" in problems["max_seconds"]
