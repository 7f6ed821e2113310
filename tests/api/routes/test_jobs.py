"""Creating, reading and canceling jobs, their results, and invalid requests."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from PIL import Image
from redis import Redis

from api.deps import Services
from core.jobs.job import Failure, Job, Metrics, Picture, new_job_id
from core.pictures.uploads import FILE_FIELDS
from core.queue.app import Messages
from tests.api.problems import assert_problem
from tests.conftest import photo, png, some_progress

CONTENT, STYLE = png(photo(64, 48, seed=1)), png(photo(48, 64, seed=2))

DETAIL_MAP = png(Image.new("L", (32, 24), 200))
CONTENT_MASK, STYLE_MASK = png(Image.new("L", (64, 48), 7)), png(Image.new("L", (48, 64), 7))

Files = list[tuple[str, tuple[str, bytes]]]


def files(content: bytes = CONTENT, *styles: bytes) -> Files:
    return [
        ("content", ("photo.png", content)),
        *(("style", ("painting.png", style)) for style in styles or (STYLE,)),
    ]


def masks(styles: int) -> Files:
    return [
        ("content_mask", ("mask.png", CONTENT_MASK)),
        *[("style_mask", ("mask.png", STYLE_MASK))] * styles,
    ]


def post(client: httpx.Client, uploads: Files | None = None, **fields: Any) -> httpx.Response:
    return client.post("/jobs", files=uploads or files(), data=fields)


def claim(services: Services, client: httpx.Client) -> Job:
    job = services.store.claim(post(client).json()["id"])
    assert job is not None
    return job


def test_a_job_is_accepted_and_can_be_followed(client: httpx.Client, redis: Redis) -> None:
    answer = post(client, size=256, steps=10)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == job["links"]["self"] == f"/jobs/{job['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert (job["status"], job["done"], job["queue_position"]) == ("queued", False, 0)
    assert (job["params"]["size"], job["params"]["strength"]) == (256, 0.5)
    assert Messages(redis).job_ids() == {job["id"]}
    followed = client.get(job["links"]["self"])
    assert followed.status_code == 200
    assert followed.json() == job
    assert "retry-after" in followed.headers


def test_uploads_are_stored_unchanged(client: httpx.Client, services: Services) -> None:
    job = services.store.get(post(client, files(CONTENT, STYLE, CONTENT)).json()["id"])
    kept = [services.blobs.get(picture.sha256) for picture in job.inputs.pictures()]
    assert kept == [CONTENT, STYLE, CONTENT]


def test_the_initial_image_the_masks_and_the_detail_map_are_stored(
    client: httpx.Client, services: Services
) -> None:
    uploads = [*files(CONTENT, STYLE, STYLE), *masks(2), ("init_image", ("start.png", STYLE))]
    uploads.append(("detail_map", ("map.png", DETAIL_MAP)))
    job = services.store.get(post(client, uploads).json()["id"])
    assert job.inputs.init_image is not None
    assert job.inputs.content_mask is not None
    assert job.inputs.detail_map is not None
    single = [job.inputs.init_image, job.inputs.content_mask, job.inputs.detail_map]
    assert [services.blobs.get(each.sha256) for each in (*single, *job.inputs.style_masks)] == [
        STYLE, CONTENT_MASK, DETAIL_MAP, STYLE_MASK, STYLE_MASK,
    ]  # fmt: skip


def test_a_job_warns_of_a_picture_that_is_cut_off(client: httpx.Client, services: Services) -> None:
    buffer = io.BytesIO()
    photo(64, 48).save(buffer, "JPEG")
    job = post(client, files(CONTENT, buffer.getvalue()[:-2])).json()
    expected = ["style: the file is cut off; less than 0.1% of the picture is missing"]
    assert job["warnings"] == expected
    assert client.get(job["links"]["self"]).json()["warnings"] == expected
    assert services.store.get(job["id"]).warnings == tuple(expected)
    assert post(client, files(CONTENT, STYLE)).json()["warnings"] == []


def test_a_running_job_shows_its_progress(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    progress = some_progress(step=3, steps=12)
    services.store.renew(job, progress=progress)
    shown = client.get(f"/jobs/{job.id}").json()
    assert (shown["status"], shown["queue_position"]) == ("running", None)
    assert shown["progress"] == {**progress.model_dump(), "preview_version": 0}
    assert shown["started_at"].endswith("Z")


def finish(services: Services, job: Job, data: bytes) -> None:
    result = Picture(sha256=services.blobs.put(data), media_type="image/png", size_bytes=len(data))
    progress = some_progress(step=12, steps=12)
    services.store.succeed(job, result, progress, Metrics(optimize_seconds=1, device="cpu"))


def test_the_result_is_the_stylised_picture(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    finish(services, job, STYLE)
    shown = client.get(f"/jobs/{job.id}")
    assert (shown.json()["status"], shown.json()["done"]) == ("succeeded", True)
    assert "retry-after" not in shown.headers
    answer = client.get(shown.json()["links"]["result"])
    assert answer.content == STYLE
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["etag"].strip('"')
    assert f"easel-{job.id}.png" in answer.headers["content-disposition"]


def test_a_page_gets_the_copy_for_screens_or_else_the_result(
    client: httpx.Client, services: Services
) -> None:
    def display(job: Job) -> httpx.Response:
        return client.get(f"/jobs/{job.id}/result", params={"display": "true"})

    plain, large = claim(services, client), claim(services, client)
    finish(services, plain, STYLE)
    result, copy = (
        Picture(sha256=services.blobs.put(data), media_type=kind, size_bytes=len(data))
        for data, kind in ((b"large", "image/tiff"), (b"small", "image/jpeg"))
    )
    metrics = Metrics(optimize_seconds=1, device="cpu")
    services.store.succeed(large, result, some_progress(), metrics, display=copy)
    assert display(plain).content == STYLE
    shown = display(large)
    assert (shown.content, shown.headers["content-type"]) == (b"small", "image/jpeg")
    assert f"easel-{large.id}-display.jpeg" in shown.headers["content-disposition"]
    full = client.get(f"/jobs/{large.id}/result")
    assert (full.content, full.headers["content-type"]) == (b"large", "image/tiff")
    assert full.headers["etag"] != shown.headers["etag"]


def test_the_content_beside_a_result_needs_a_link_of_its_own(
    client: httpx.Client, services: Services
) -> None:
    running = claim(services, client)
    assert_problem(client.get(f"/jobs/{running.id}/content"), 409, "job_not_finished")
    result, content = (
        Picture(sha256=services.blobs.put(data), media_type="image/jpeg", size_bytes=len(data))
        for data in (b"painted", b"before")
    )
    metrics = Metrics(optimize_seconds=1, device="cpu")
    services.store.succeed(running, result, some_progress(), metrics, content_display=content)
    links = client.get(f"/jobs/{running.id}/links").json()
    services.store._redis.hset(f"easel:job:{running.id}", "owner", "another caller")
    shown = client.get(links["content"])
    assert (shown.content, shown.headers["content-type"]) == (b"before", "image/jpeg")
    assert_problem(client.get(f"/jobs/{running.id}/content"), 404, "job_not_found")
    of_result = links["result"].replace("/result?", "/content?")
    assert_problem(client.get(of_result), 403, "link_invalid")
    services.blobs.delete(content.sha256)
    assert_problem(client.get(links["content"]), 410, "result_expired")


def test_the_result_of_an_unfinished_job_responds_409(
    client: httpx.Client, services: Services
) -> None:
    queued = post(client).json()["id"]
    assert_problem(client.get(f"/jobs/{queued}/result"), 409, "job_not_finished")
    services.store.claim(queued)
    assert_problem(client.get(f"/jobs/{queued}/result"), 409, "job_not_finished")


def test_the_result_of_a_failed_job_responds_with_the_reason(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    error = Failure(code="out_of_memory", message="too big", retryable=False)
    services.store.fail(job, error)
    shown = client.get(f"/jobs/{job.id}").json()
    assert (shown["status"], shown["error"]) == ("failed", error.model_dump())
    problem = assert_problem(client.get(f"/jobs/{job.id}/result"), 409, "job_failed")
    assert "too big" in problem["detail"]


def cancel(client: httpx.Client, job_id: str) -> httpx.Response:
    return client.post(f"/jobs/{job_id}/cancel")


def test_canceling_a_queued_job_is_immediate_and_idempotent(
    client: httpx.Client, services: Services
) -> None:
    queued, other = post(client).json(), post(client).json()
    assert queued["links"]["cancel"] == f"/jobs/{queued['id']}/cancel"
    canceled = cancel(client, queued["id"])
    assert canceled.status_code == 200
    assert (canceled.json()["status"], canceled.json()["done"]) == ("canceled", True)
    assert cancel(client, queued["id"]).json() == canceled.json()
    assert client.get(queued["links"]["self"]).json() == canceled.json()
    assert client.get(other["links"]["self"]).json()["queue_position"] == 0
    assert services.store.claim(queued["id"]) is None
    assert_problem(client.get(queued["links"]["result"]), 409, "job_canceled")


def test_a_canceled_running_job_ends_canceled(client: httpx.Client, services: Services) -> None:
    job, other = claim(services, client), claim(services, client)
    for _ in range(2):
        answer = cancel(client, job.id)
        assert (answer.status_code, answer.json()["status"]) == (200, "running")
    assert not services.store.renew(other).canceled
    assert services.store.renew(job).canceled
    finish(services, job, STYLE)  # too late: the job is canceled already
    assert client.get(f"/jobs/{job.id}").json()["status"] == "canceled"


def test_canceling_a_finished_job_changes_nothing(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    finish(services, job, STYLE)
    before = client.get(f"/jobs/{job.id}").json()
    assert before["metrics"]["attempts"] == 1
    answer = cancel(client, job.id)
    assert (answer.status_code, answer.json()) == (200, before)
    assert client.get(before["links"]["result"]).content == STYLE


@pytest.mark.parametrize("job_id", [new_job_id(), "nonsense", "*"])
def test_canceling_an_unknown_job_responds_404(client: httpx.Client, job_id: str) -> None:
    assert_problem(cancel(client, job_id), 404, "job_not_found")


def test_a_result_without_its_blob_has_expired(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    finish(services, job, b"result")
    digest = services.store.get(job.id).result
    assert digest is not None
    next(services.settings.blobs_dir.rglob(digest.sha256)).unlink()
    assert_problem(client.get(f"/jobs/{job.id}/result"), 410, "result_expired")


@pytest.mark.parametrize("path", ["/jobs/{}", "/jobs/{}/result"])
@pytest.mark.parametrize("job_id", [new_job_id(), "nonsense", "%00", "%0a", "*"])
def test_an_unknown_id_responds_404(client: httpx.Client, path: str, job_id: str) -> None:
    assert_problem(client.get(path.format(job_id)), 404, "job_not_found")


@pytest.mark.parametrize(
    ("fields", "bad", "expected"),
    [
        ({"size": 63}, "size", "greater than or equal to 64"),
        ({"size": 1025}, "size", "at most 1024"),
        ({"steps": "many"}, "steps", "valid integer"),
        ({"style_weight": -1}, "style_weight", "greater than or equal to 0"),
        ({"zeal": 11}, "zeal", "is not a field"),
        ({"size": [256, 256]}, "size", "was sent 2 times"),
    ],
)
def test_an_invalid_parameter_is_rejected_by_name(
    client: httpx.Client, services: Services, fields: dict[str, Any], bad: str, expected: str
) -> None:
    assert_rejected(post(client, **fields), services, bad, expected)


@pytest.mark.parametrize(
    ("uploads", "bad", "expected"),
    [
        (files()[:1], "style", "expected 1 to 5 files, got 0"),
        (files()[1:], "content", "expected 1 file, got 0"),
        ([*files(), files()[0]], "content", "expected 1 file, got 2"),
        (files(b""), "content", "empty file"),
        (files(b"hello"), "content", "not a picture"),
        (files(CONTENT, STYLE, b"hello"), "style", "not a picture"),
        (files(CONTENT[:2000]), "content", "cannot be read"),
        (files(CONTENT, png(photo(64, 8))), "style", "at least 16"),
        (files(CONTENT, png(photo(2000, 40))), "style", "use a size of at least 800"),
        (files(png(photo(400, 300))[:1] * 200_001), "content", "at most 200000 are allowed"),
        ([*files(), ("init_image", ("x", b""))], "init_image", "empty file"),
        ([*files(), ("init_image", ("x", b"x"))], "init_image", "not a picture"),
        ([*files(), *[("init_image", ("x", STYLE))] * 2], "init_image", "at most 1 file, got 2"),
        ([*files(), *masks(2)], "style_mask", "got 2 for 1"),
        ([*files(), *masks(0)], "style_mask", "got 0 for 1"),
        ([*files(), *masks(1)[1:]], "content_mask", "is missing"),
        ([*files(STYLE), *masks(1)], "content_mask", "64x48 pixels upright"),
        ([*files(STYLE), ("detail_map", ("x", DETAIL_MAP))], "detail_map", "in proportion to"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_an_invalid_picture_is_rejected_by_name(
    client: httpx.Client, services: Services, uploads: Files, bad: str, expected: str
) -> None:
    assert_rejected(post(client, uploads), services, bad, expected)


def test_a_picture_with_too_many_pixels_is_rejected(
    client: httpx.Client, services: Services
) -> None:
    assert_rejected(
        post(client, files(png(Image.new("1", (400, 251))))), services, "content", "at most 100000"
    )


def test_text_instead_of_a_file_is_rejected_with_the_remedy(
    client: httpx.Client, services: Services
) -> None:
    for field in ("content", "init_image", "content_mask", "style_mask", "detail_map"):
        uploads = [each for each in [*files(), *masks(1)] if each[0] != field]
        answer = client.post("/jobs", files=uploads, data={field: "photo.jpg"})
        assert_rejected(answer, services, field, "put an @")


def test_all_invalid_fields_are_reported_together(client: httpx.Client) -> None:
    problem = post(client, files(b""), size=1, steps=0).json()
    assert {error["field"] for error in problem["errors"]} == {"content", "size", "steps"}


def assert_rejected(answer: httpx.Response, services: Services, bad: str, expected: str) -> None:
    problem = assert_problem(answer, 422)
    matching = [error for error in problem["errors"] if error["field"] == bad]
    assert expected in matching[0]["message"], problem
    assert not services.settings.blobs_dir.exists(), "nothing may be stored"


def test_six_styles_are_rejected(client: httpx.Client, services: Services) -> None:
    answer = post(client, files(CONTENT, *[STYLE] * 6))
    assert_rejected(answer, services, "style", "expected 1 to 5 files, got 6")


def test_a_form_with_too_many_files_is_rejected_while_it_is_parsed(client: httpx.Client) -> None:
    assert_problem(post(client, files(CONTENT, *[STYLE] * 14)), 400)


def test_a_body_that_is_neither_a_form_nor_json_is_rejected(client: httpx.Client) -> None:
    answer = client.post("/jobs", data={"content": "x"})
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_malformed_form_is_rejected(client: httpx.Client) -> None:
    answer = client.post(
        "/jobs", content=b"nonsense", headers={"content-type": "multipart/form-data"}
    )
    assert_problem(answer, 400, "malformed_request")


def test_a_body_over_the_limit_is_rejected(client: httpx.Client) -> None:
    problem = assert_problem(post(client, files(b"x" * 3_000_000)), 413, "request_too_large")
    assert "at most 2865536 bytes" in problem["detail"]


def test_a_chunked_body_over_the_limit_is_rejected(client: httpx.Client) -> None:
    request = client.build_request("POST", "/jobs", files=files(b"x" * 3_000_000))
    body = request.read()
    chunks = (body[start : start + 10_000] for start in range(0, len(body), 10_000))
    headers = {"content-type": request.headers["content-type"]}
    answer = client.post("/jobs", content=chunks, headers=headers)
    assert_problem(answer, 413, "request_too_large")


def test_unknown_methods_and_paths_respond_with_problems(client: httpx.Client) -> None:
    assert_problem(client.put("/jobs"), 405, "method_not_allowed")
    assert_problem(client.get("/nowhere"), 404, "not_found")


def test_the_openapi_form_has_every_parameter_and_file(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    body = schema["paths"]["/jobs"]["post"]["requestBody"]
    _, name = body["content"]["multipart/form-data"]["schema"]["$ref"].rsplit("/", 1)
    form = schema["components"]["schemas"][name]
    assert "required" not in form, "continue_from takes the place of both pictures"
    assert {"content", "style", "size", "steps", "style_weight", "network"} <= set(
        form["properties"]
    )
    several = {field: form["properties"][field].get("maxItems") for field in FILE_FIELDS}
    assert several == {**dict.fromkeys(FILE_FIELDS), "style": 5, "style_mask": 5}


def test_the_fast_path_of_polls_responds_like_the_route(client: httpx.Client) -> None:
    job = post(client).json()
    for path in (f"/jobs/{job['id']}", f"/jobs/{new_job_id()}", "/jobs/nonsense"):
        plain, asked = client.get(path), client.get(path, params={"wait": 0})
        assert plain.status_code == asked.status_code
        assert {**plain.json(), "request_id": ""} == {**asked.json(), "request_id": ""}
        for name in ("etag", "cache-control", "retry-after", "content-type"):
            assert plain.headers.get(name) == asked.headers.get(name)
