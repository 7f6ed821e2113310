"""A new job that begins at the result of an earlier one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.deps import Services
from core.jobs.job import Job, Metrics, Picture
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import files, masks, post
from tests.conftest import photo, png, some_progress, stored

METRICS = Metrics(optimize_seconds=1, device="cpu")


def finished(client: httpx.Client, services: Services, uploads: Any = None, **fields: Any) -> Job:
    """Return a job that has succeeded, with a picture as its result."""
    job = services.store.claim(post(client, uploads, **fields).json()["id"])
    assert job is not None
    result: Picture = stored(services.blobs, photo(128, 96, seed=9))
    services.store.succeed(job, result, some_progress(), METRICS)
    return services.store.get(job.id)


def go_on(client: httpx.Client, job: Job, **fields: Any) -> httpx.Response:
    return client.post("/jobs", json={"continue_from": job.id, **fields})


def test_a_job_continues_with_the_pictures_and_parameters_of_another(
    client: httpx.Client, services: Services
) -> None:
    first = finished(
        client, services, [*files(), *masks(1)], size=128, steps=9, style_layers="conv2_1,conv3_1"
    )
    answer = go_on(client, first, strength=0.9)
    assert answer.status_code == 202
    document = answer.json()
    assert document["continued_from"] == first.id
    assert document["params"] == {
        **first.params.model_dump(mode="json"),
        "strength": 0.9,
        "init": "image",
        "pyramid": "off",
    }
    second = services.store.get(document["id"])
    assert second.inputs == first.inputs.model_copy(update={"init_image": first.result})


@pytest.mark.parametrize(("size", "pyramid"), [(256, "128:2"), (128, "off"), (96, "off")])
def test_a_larger_size_goes_on_from_the_size_of_the_result(
    client: httpx.Client, services: Services, size: int, pyramid: str
) -> None:
    first = finished(client, services, size=128)
    assert go_on(client, first, size=size).json()["params"]["pyramid"] == pyramid
    given = go_on(client, first, size=size, pyramid="64:2").json()
    assert given["params"]["pyramid"] == "64:2"


def test_a_preset_or_a_strength_replaces_what_the_earlier_job_had(
    client: httpx.Client, services: Services
) -> None:
    first = finished(client, services, preset="classic", steps=70)
    assert go_on(client, first).json()["params"]["style_weight"] == 20
    assert go_on(client, first, strength=0.3).json()["params"]["style_weight"] is None
    fast = go_on(client, first, preset="fast").json()["params"]
    assert (fast["optimizer"], fast["steps"], fast["learning_rate"]) == ("lbfgs", 12, 1.2)


def test_another_init_begins_anew_with_the_pictures_of_another_job(
    client: httpx.Client, services: Services
) -> None:
    first = finished(client, services, size=128, pyramid="64:2")
    document = go_on(client, first, init="content", strength=0.3).json()
    assert document["continued_from"] == first.id
    params = document["params"]
    assert (params["init"], params["pyramid"], params["strength"]) == ("content", "64:2", 0.3)
    assert services.store.get(document["id"]).inputs == first.inputs


def test_a_continued_job_begins_anew_at_all_scales(
    client: httpx.Client, services: Services
) -> None:
    first = finished(client, services, size=128)
    second = services.store.claim(go_on(client, first, size=256).json()["id"])
    assert second is not None
    services.store.succeed(second, stored(services.blobs, photo(8, 8)), some_progress(), METRICS)
    third = go_on(client, second, init="content").json()["params"]
    assert (third["size"], third["pyramid"]) == (256, first.params.pyramid)


def test_a_continued_job_may_be_continued(client: httpx.Client, services: Services) -> None:
    first = finished(client, services, size=128)
    second = services.store.claim(go_on(client, first).json()["id"])
    assert second is not None
    result: Picture = stored(services.blobs, photo(128, 96, seed=10))
    services.store.succeed(second, result, some_progress(), METRICS)
    third = services.store.get(go_on(client, second).json()["id"])
    assert third.inputs.init_image == result


def test_a_job_without_a_result_cannot_be_continued(
    client: httpx.Client, services: Services
) -> None:
    job = services.store.get(post(client).json()["id"])
    assert_problem(go_on(client, job), 409, "job_not_finished")
    services.store.cancel(job.id)
    assert_problem(go_on(client, job), 409, "job_canceled")
    services.store.delete(job.id)
    assert_problem(go_on(client, job), 404, "job_not_found")


def test_the_job_of_another_caller_is_not_found(
    client: httpx.Client, services: Services, redis: Any
) -> None:
    first = finished(client, services)
    redis.hset(f"easel:job:{first.id}", "owner", "somebody")
    assert_problem(go_on(client, first), 404, "job_not_found")


def test_a_job_whose_pictures_have_expired_says_so(
    client: httpx.Client, services: Services
) -> None:
    first = finished(client, services)
    services.blobs.delete(first.inputs.content.sha256)
    answer = go_on(client, first)
    assert_problem(answer, 410, "result_expired")
    assert "upload them as a new job" in answer.json()["detail"]


def test_pictures_are_not_sent_with_it(client: httpx.Client, services: Services) -> None:
    first = finished(client, services)
    content = [("content", ("photo.png", png(photo(64, 48, seed=1))))]
    answer = post(client, content, continue_from=first.id)
    assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == "content"
