"""The same client as in ``easel.client.sync``, for asynchronous programs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

import anyio
import httpx
from anyio import to_thread
from httpx_sse import SSEError, aconnect_sse
from PIL import Image

from easel.client import calls
from easel.client.batches import AsyncBatches
from easel.client.calls import Call, Endpoint
from easel.client.jobs import SubmittedJob
from easel.client.retries import FIRST_DELAY_SECONDS, RETRYABLE_STATUSES, Backoff
from easel.pictures import Picture, Pictures, picture_of, split_fields


class AsyncClient:
    """A client of one server. It may be used by several tasks, and as a context manager.

    It has the methods of :class:`easel.Client`, as coroutines.

    Every method raises ``ServerRefused`` for an error that the server returned, and
    ``ServerUnreachable`` if it does not respond within the patience.

    Args:
        url: the address of the server; None takes ``EASEL_SERVER``, or else
            ``http://127.0.0.1:8000``.
        api_key: the caller's API key; None takes ``EASEL_API_KEY``, or none.
        patience: for how many seconds a failing call is repeated.

    Raises:
        ServerUnreachable: a proxy or certificate of the environment cannot be used.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, patience: float = 60.0
    ) -> None:
        self._server = Endpoint(url, api_key)
        self._patience = patience
        try:
            self._http = httpx.AsyncClient(**self._server.httpx_options())
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            raise self._server.unusable(error) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @property
    def batches(self) -> AsyncBatches:
        """The batches of the server: many pictures in one request."""
        return AsyncBatches(self._send, self._server)

    async def submit(
        self,
        content: Picture,
        style: Picture | Sequence[Picture],
        *,
        idempotency_key: str | None = None,
        **fields: object,
    ) -> SubmittedJob:
        """Create a job. Retries of the call create no second job.

        Args:
            content: the photograph: a path, the bytes of a file, or a picture in memory.
            style: the painting, or up to five.
            idempotency_key: the same key and request return the same job for 24 hours.
            fields: parameters (``strength=0.7``), other fields of ``POST /jobs`` (``max_seconds``,
                ``webhook_url``), and further pictures (``detail_map``, ``content_mask``,
                ``style_mask``, ``init_image``).
        """
        pictures, params = split_fields(content, style, fields)
        return await self.post(pictures, params, idempotency_key)

    async def post(
        self, pictures: Pictures, params: dict[str, object], idempotency_key: str | None = None
    ) -> SubmittedJob:
        """Create a job, as :meth:`submit` does, from pictures by form field."""
        call = await to_thread.run_sync(calls.submission, pictures, params, idempotency_key)
        return await self._job(call)

    async def get(self, job: SubmittedJob | str) -> SubmittedJob:
        """Return the current state of a job."""
        return await self._job(self._server.call("GET", job))

    async def events(self, job: SubmittedJob) -> AsyncGenerator[SubmittedJob, None]:
        """Yield the job after every change, until it is done."""
        last_event_id, backoff = "", Backoff(self._patience)
        while not job.done:
            try:
                async for event_id, changed in self._events(job, last_event_id):
                    last_event_id, job = event_id, changed
                    backoff = Backoff(self._patience)
                    yield job
            except (httpx.TransportError, SSEError) as error:
                await anyio.sleep(backoff.delay(self._server.unreachable(error)))
            else:
                if not job.done:  # the server is stopping, or has no event stream
                    await anyio.sleep(FIRST_DELAY_SECONDS)
                    job = await self.get(job)
                    yield job

    async def _events(
        self, job: SubmittedJob, last_event_id: str
    ) -> AsyncIterator[tuple[str, SubmittedJob]]:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        path = self._server.link(job, "events")
        async with aconnect_sse(self._http, "GET", path, headers=headers) as source:
            if source.response.status_code != 200:
                return  # the stream has ended, or the server has none: read the job instead
            async for event in source.aiter_sse():
                last_event_id = event.id or last_event_id
                if event.data:  # httpx-sse yields an empty event for a comment after an event
                    yield last_event_id, SubmittedJob.model_validate_json(event.data)

    async def wait(self, job: SubmittedJob) -> SubmittedJob:
        """Wait until a job is done, and return it.

        Raises:
            JobFailed: it failed or was canceled.
        """
        async for changed in self.events(job):
            job = changed
        return calls.ended(job)

    async def result(self, job: SubmittedJob | str) -> Image.Image:
        """Return the picture of a job that has succeeded."""
        return await to_thread.run_sync(picture_of, await self.download(job))

    async def download(self, job: SubmittedJob | str) -> bytes:
        """Return the file of the result of a job that has succeeded."""
        return (await self._send(self._server.call("GET", job, "result"))).content

    async def preview(self, job: SubmittedJob | str) -> bytes:
        """Return the newest preview of a job: a JPEG whose longer side has at most 512 pixels."""
        return (await self._send(self._server.call("GET", job, "preview"))).content

    async def tune(self, job: SubmittedJob | str, **params: object) -> SubmittedJob:
        """Change parameters of a job that is queued or running. It keeps what it has painted.

        Args:
            job: the job, or its id.
            params: new values; None takes the default.
        """
        return await self._job(self._server.call("PATCH", job, json=params))

    async def finish(self, job: SubmittedJob | str) -> SubmittedJob:
        """End a job after the current step, and keep its picture."""
        return await self._job(self._server.call("POST", job, "finish"))

    async def cancel(self, job: SubmittedJob | str) -> SubmittedJob:
        """Cancel a job: immediately if it is queued, after the current step if it is running."""
        return await self._job(self._server.call("POST", job, "cancel"))

    async def jobs(self, **query: object) -> list[SubmittedJob]:
        """Return the newest jobs that a query selects, at most 100.

        Args:
            query: the parameters of ``GET /jobs``: ``status="failed"``, ``limit=20``.
        """
        response = await self._send(Call("GET", "/jobs", {"params": query}))
        return self._server.read_jobs(response)

    async def retry(self, job: SubmittedJob | str) -> SubmittedJob:
        """Post the request of a failed or canceled job again, and return the new job."""
        return await self._job(self._server.call("POST", job, "retry", headers=calls.idempotent()))

    async def readiness(self) -> dict[str, Any]:
        """Return what ``/readyz`` says about the server and its workers, ready or not."""
        try:
            return self._server.read_readiness(await self._http.get("/readyz"))
        except httpx.TransportError as error:
            raise self._server.unreachable(error) from error

    async def delete(self, job: SubmittedJob | str) -> None:
        """Delete a job with its pictures. An unfinished job is canceled first."""
        await self._send(self._server.call("DELETE", job))

    async def _job(self, call: Call) -> SubmittedJob:
        return self._server.read(SubmittedJob, await self._send(call))

    async def _send(self, call: Call) -> httpx.Response:
        backoff = Backoff(self._patience)
        while True:
            try:
                response = await self._http.request(call.method, call.path, **call.options)
            except httpx.TransportError as error:
                await anyio.sleep(backoff.delay(self._server.unreachable(error)))
                continue
            if response.status_code < 400:
                return response
            refusal = calls.refusal(response)
            if response.status_code not in RETRYABLE_STATUSES:
                raise refusal
            await anyio.sleep(backoff.delay(refusal, response.headers.get("retry-after", "")))
