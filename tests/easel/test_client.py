"""``easel.Client`` and ``easel.AsyncClient`` against a real API and worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest
from PIL import Image

import easel
from easel import AsyncClient, Client, SubmittedJob
from easel.client.batches import AsyncBatches, Batches
from tests.examples.conftest import QUICK, Running
from tests.examples.conftest import easel as service

__all__ = ["service"]

#: A job that runs until it is told otherwise.
LONG = {**QUICK, "steps": "5000"}


@pytest.fixture
def client(service: Running) -> Iterator[Client]:
    with Client(service.url, service.key) as client:
        yield client


def test_a_job_is_submitted_followed_and_fetched(client: Client, service: Running) -> None:
    job = client.submit(service.content, service.style, **QUICK, strength=0.25)
    assert job.status in ("queued", "running")
    assert (job.params["strength"], job.fraction) == (0.25, 0.0)
    followed = list(client.events(job))
    assert {each.id for each in followed} == {job.id}
    assert [each.status for each in followed][-1] == "succeeded"
    assert followed[-1].fraction == 1
    assert client.result(job).size == (64, 48)
    assert client.get(job.id).done
    client.delete(job)
    with pytest.raises(easel.ServerRefused, match="job_not_found"):
        client.get(job)


def test_pictures_may_be_bytes_or_in_memory(client: Client, service: Running) -> None:
    content = service.content.read_bytes()
    with Image.open(service.style) as style:
        job = client.submit(content, [style, service.style], style_blend=(1, 2), **QUICK)
    assert job.params["style_blend"] == [1, 2]
    assert client.wait(job).status == "succeeded"


def test_a_running_job_is_tuned_and_finished(client: Client, service: Running) -> None:
    job = client.submit(service.content, service.style, **LONG, strength=0.25)
    assert client.tune(job, strength=0.75).params["strength"] == 0.75
    next(each for each in client.events(job) if each.progress)
    client.finish(job)
    assert client.wait(job).status == "succeeded"
    assert client.result(job).size == (64, 48)


def test_waiting_for_a_job_that_is_canceled_is_an_error(client: Client, service: Running) -> None:
    job = client.submit(service.content, service.style, **LONG)
    client.cancel(job)
    with pytest.raises(easel.JobFailed, match=f"job {job.id} was canceled"):
        client.wait(job)


def test_the_same_idempotency_key_returns_the_same_job(client: Client, service: Running) -> None:
    first, second = (
        client.submit(service.content, service.style, idempotency_key="order 7", **QUICK)
        for _ in range(2)
    )
    assert first.id == second.id


def test_a_refusal_names_each_invalid_field(client: Client, service: Running) -> None:
    with pytest.raises(easel.ServerRefused) as raised:
        client.submit(service.content, service.style, size=1, steps=-3)
    assert "\n  size: " in str(raised.value)
    assert "\n  steps: " in str(raised.value)


def test_the_environment_names_the_server_and_the_key(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_SERVER", service.url)
    monkeypatch.setenv("EASEL_API_KEY", service.key)
    with Client() as client:
        assert client.submit(service.content, service.style, **QUICK).id


def test_a_batch_is_submitted_waited_for_and_saved(
    client: Client, service: Running, tmp_path: Path
) -> None:
    batch = client.batches.submit([service.content, service.style], service.style, **QUICK)
    assert [job.name for job in batch.jobs] == [service.content.stem, service.style.stem]
    ended = client.batches.wait(batch)
    assert (ended.done, ended.counts["succeeded"]) == (True, 2)
    saved = client.batches.save(ended, tmp_path / "out")
    assert [path.name for path in saved] == [f"{job.name}.png" for job in batch.jobs]
    assert saved[0].read_bytes() == client.download(batch.jobs[0].id)
    assert client.batches.get(batch.id) == client.batches.cancel(ended) == ended
    client.batches.delete(batch)
    with pytest.raises(easel.ServerRefused, match="batch_not_found"):
        client.batches.get(batch)


def test_the_asynchronous_client_submits_batches(service: Running, tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncClient(service.url, service.key) as client:
            batch = await client.batches.submit(
                [service.content], [service.style, service.content], mode="blend", **QUICK
            )
            ended = await client.batches.wait(batch)
            (saved,) = await client.batches.save(ended, tmp_path)
            assert saved.read_bytes() == await client.download(batch.jobs[0].id)
            assert await client.batches.get(batch) == await client.batches.cancel(batch) == ended
            await client.batches.delete(batch)

    anyio.run(main)


def test_the_asynchronous_client_does_the_same(service: Running) -> None:
    async def main() -> None:
        async with AsyncClient(service.url, service.key) as client:
            job = await client.submit(service.content, service.style, **QUICK)
            assert [each.status async for each in client.events(job)][-1] == "succeeded"
            assert (await client.wait(job)).id == job.id
            assert (await client.result(job)).size == (64, 48)
            long = await client.submit(service.content, service.style, **LONG)
            tuned = await client.tune(long, strength=0.75)
            assert tuned.params["strength"] == 0.75
            assert (await client.cancel(long)).id == long.id
            with pytest.raises(easel.JobFailed, match="was canceled"):
                await client.wait(await client.get(long))
            await client.delete(long)
            with pytest.raises(easel.ServerRefused, match="size: "):
                await client.submit(service.content, service.style, size=1)

    anyio.run(main)


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> set[str]:
        return {name for name in vars(client) if not name.startswith("_")}

    assert methods(AsyncClient) - {"aclose"} == methods(Client) - {"close"}
    assert methods(AsyncBatches) == methods(Batches)


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("ALL_PROXY", "socks5://user:secret@127.0.0.1:1"),
        ("NO_PROXY", "[::1]"),
    ],
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, client: type[Client | AsyncClient]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(easel.ServerUnreachable) as raised:
        client("http://127.0.0.1:1", patience=0)
    assert str(raised.value).startswith("http://127.0.0.1:1 cannot be reached: ")
    assert f"Correct or unset {name}" in str(raised.value) or f" or {name}" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_an_unreachable_server_is_an_error_after_the_patience() -> None:
    async def wait() -> None:
        async with AsyncClient("http://127.0.0.1:1", patience=0) as client:
            await client.get("some")

    with pytest.raises(easel.ServerUnreachable, match=r"127\.0\.0\.1:1 cannot be reached"):
        anyio.run(wait)


def test_a_server_that_is_not_easel_is_named() -> None:
    refused = pytest.raises(easel.ServerRefused, match="is not an Easel API")
    with answering("application/json", "[]") as url, Client(url) as client, refused:
        client.get("some")


def test_keep_alive_comments_in_the_event_stream_are_skipped() -> None:
    job = SubmittedJob(id="some", status="running", done=False, links={"self": "/jobs/some"})
    ended = job.model_copy(update={"done": True})
    first, last = (each.model_dump_json() for each in (job, ended))
    texts = (": ping", f"id: 1-0\ndata: {first}", ": ping", ": ping", f"id: 2-0\ndata: {last}")
    stream = "".join(f"{text}\n\n" for text in texts)

    async def follow(url: str) -> list[bool]:
        async with AsyncClient(url) as client:
            return [each.done async for each in client.events(job)]

    with answering("text/event-stream", stream) as url:
        with Client(url) as client:
            assert [each.done for each in client.events(job)] == [False, True]
        assert anyio.run(follow, url) == [False, True]


@contextmanager
def answering(media_type: str, text: str) -> Iterator[str]:
    """Run a server that answers every GET with a text, and yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
