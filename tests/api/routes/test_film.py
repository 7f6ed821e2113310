"""The film of a job, over HTTP."""

from __future__ import annotations

import io

import av
import httpx
import pytest
from PIL import Image

from api.deps import Services
from core.jobs.job import Job, Metrics, Picture
from core.pictures.film import FRAMES_TYPE, pack_frames
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, claim, finish
from tests.conftest import photo, some_progress

METRICS = Metrics(optimize_seconds=1, device="cpu")


def jpeg(width: int, height: int, seed: int) -> bytes:
    data = io.BytesIO()
    photo(width, height, seed=seed).save(data, "JPEG")
    return data.getvalue()


@pytest.fixture
def job(client: httpx.Client, services: Services) -> Job:
    """A finished job that has kept three pictures, of which the first is smaller."""
    claimed = claim(services, client)
    frames = pack_frames([jpeg(32, 24, 1), jpeg(64, 48, 2), jpeg(64, 48, 3)])
    kept = Picture(
        sha256=services.blobs.put(frames), media_type=FRAMES_TYPE, size_bytes=len(frames)
    )
    result = Picture(
        sha256=services.blobs.put(STYLE), media_type="image/png", size_bytes=len(STYLE)
    )
    services.store.succeed(claimed, result, some_progress(), METRICS, film=kept)
    return services.store.get(claimed.id)


def test_a_film_shows_the_kept_pictures_at_one_size(client: httpx.Client, job: Job) -> None:
    answer = client.get(client.get(f"/jobs/{job.id}").json()["links"]["film"])
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as film:
        assert (film.n_frames, film.size) == (3, (64, 48))  # type: ignore[attr-defined]
    tag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"/jobs/{job.id}/film", headers=tag).status_code == 304


def test_a_film_is_an_mp4_on_request(client: httpx.Client, job: Job) -> None:
    answer = client.get(f"/jobs/{job.id}/film?format=mp4")
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(answer.content)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 64, 48)
        assert stream.frames == 3 + 2 * 8  # the last picture is held for two seconds


def test_a_server_without_an_encoder_offers_the_other_format(
    client: httpx.Client, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pictures.film.find_spec", lambda _: None)
    problem = assert_problem(client.get(f"/jobs/{job.id}/film?format=mp4"), 422)
    assert "expected 'webp'" in problem["detail"]


def test_a_job_without_a_film_says_why(client: httpx.Client, services: Services) -> None:
    running = claim(services, client)
    assert_problem(client.get(f"/jobs/{running.id}/film"), 409, "job_not_finished")
    finish(services, running, STYLE)
    problem = assert_problem(client.get(f"/jobs/{running.id}/film"), 404, "not_found")
    assert "EASEL_FILM_FRAMES" in problem["detail"]


def test_a_film_goes_with_its_job_and_needs_a_link_or_the_owner(
    client: httpx.Client, services: Services, job: Job
) -> None:
    link = client.get(f"/jobs/{job.id}/links").json()["film"]
    services.store._redis.hset(f"easel:job:{job.id}", "owner", "another caller")
    assert_problem(client.get(f"/jobs/{job.id}/film"), 404, "job_not_found")
    assert client.get(link).status_code == 200
    assert job.film is not None
    services.blobs.delete(job.film.sha256)
    assert_problem(client.get(link), 410, "result_expired")
