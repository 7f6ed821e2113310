"""Batches of jobs: many pictures in one request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path

import httpx
from anyio import to_thread
from pydantic import BaseModel, ConfigDict

from easel.client import calls
from easel.client.calls import Call, Endpoint
from easel.pictures import Picture, split_fields

#: How long the server waits for the end of a batch before it responds, in seconds.
_WAIT_SECONDS = 30


class BatchMember(BaseModel):
    """A job of a batch."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    #: The name of its result, from the names of the pictures, without the suffix.
    name: str
    #: ``queued``, ``running``, ``succeeded``, ``failed`` or ``canceled``.
    status: str


class SubmittedBatch(BaseModel):
    """A batch as the server returned it. ``docs/api.md`` has the meaning of all fields.

    Fields of a newer server are kept as attributes. A batch does not change: the methods of a
    client return a new one.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    #: Whether every job has ended.
    done: bool
    #: The number of jobs by status.
    counts: dict[str, int]
    #: The jobs, in the order of the pictures.
    jobs: tuple[BatchMember, ...]
    links: dict[str, str]


def _submission(
    contents: Sequence[Picture],
    styles: Picture | Sequence[Picture],
    mode: str,
    fields: dict[str, object],
    key: str | None,
) -> Call:
    pictures, params = split_fields(contents, styles, {**fields, "mode": mode})
    return calls.submission(pictures, params, key, "/batches")


def _call(method: str, batch: SubmittedBatch | str, name: str = "", **query: object) -> Call:
    batch_id = batch if isinstance(batch, str) else batch.id
    path = "/".join(filter(None, ("/batches", batch_id, name)))
    return Call(method, path, {"params": query} if query else {})


def _succeeded(batch: SubmittedBatch) -> list[BatchMember]:
    return [job for job in batch.jobs if job.status == "succeeded"]


def _file_name(job: BatchMember, response: httpx.Response) -> str:
    kind = response.headers["content-type"].partition(";")[0]
    return f"{job.name}.{kind.removeprefix('image/')}"


class Batches:
    """The batches of a client: ``client.batches``.

    Args:
        send: makes a call of the server.
        server: reads the responses.
    """

    def __init__(self, send: Callable[[Call], httpx.Response], server: Endpoint) -> None:
        self._send = send
        self._server = server

    def submit(
        self,
        contents: Sequence[Picture],
        styles: Picture | Sequence[Picture],
        *,
        mode: str = "grid",
        idempotency_key: str | None = None,
        **fields: object,
    ) -> SubmittedBatch:
        """Create a job for every combination of pictures, or none if one of them is refused.

        Args:
            contents: up to 100 photographs.
            styles: the painting, or up to five.
            mode: ``grid`` paints each photograph like each painting, ``pairs`` the first like the
                first and so on, ``blend`` each photograph like all paintings, blended.
            idempotency_key: the same key and request return the same batch for 24 hours.
            fields: parameters, and other fields of ``POST /batches``.
        """
        return self._batch(_submission(contents, styles, mode, fields, idempotency_key))

    def get(self, batch: SubmittedBatch | str) -> SubmittedBatch:
        """Return the current state of a batch."""
        return self._batch(_call("GET", batch))

    def wait(self, batch: SubmittedBatch | str) -> SubmittedBatch:
        """Wait until every job of a batch has ended, and return it."""
        while True:
            current = self._batch(_call("GET", batch, wait=_WAIT_SECONDS))
            if current.done:
                return current

    def results(self, batch: SubmittedBatch) -> Iterator[tuple[str, bytes]]:
        """Yield the file name and the bytes of each result, in the order of the pictures.

        Jobs that have not succeeded are left out.
        """
        for job in _succeeded(batch):
            response = self._send(self._server.call("GET", job.id, "result"))
            yield _file_name(job, response), response.content

    def save(self, batch: SubmittedBatch, folder: str | PathLike[str]) -> list[Path]:
        """Write each result into a folder, and return the paths."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        paths = []
        for name, data in self.results(batch):
            paths.append(Path(folder, name))
            paths[-1].write_bytes(data)
        return paths

    def cancel(self, batch: SubmittedBatch | str) -> SubmittedBatch:
        """Cancel the jobs that have not ended. The results of the others are kept."""
        return self._batch(_call("POST", batch, "cancel"))

    def delete(self, batch: SubmittedBatch | str) -> None:
        """Delete a batch and its jobs, with their pictures."""
        self._send(_call("DELETE", batch))

    def _batch(self, call: Call) -> SubmittedBatch:
        return self._server.read(SubmittedBatch, self._send(call))


class AsyncBatches:
    """The same for asynchronous programs.

    Args:
        send: makes a call of the server.
        server: reads the responses.
    """

    def __init__(self, send: Callable[[Call], Awaitable[httpx.Response]], server: Endpoint) -> None:
        self._send = send
        self._server = server

    async def submit(
        self,
        contents: Sequence[Picture],
        styles: Picture | Sequence[Picture],
        *,
        mode: str = "grid",
        idempotency_key: str | None = None,
        **fields: object,
    ) -> SubmittedBatch:
        """Create a job for every combination of pictures; see :meth:`Batches.submit`."""
        call = await to_thread.run_sync(
            _submission, contents, styles, mode, fields, idempotency_key
        )
        return await self._batch(call)

    async def get(self, batch: SubmittedBatch | str) -> SubmittedBatch:
        """Return the current state of a batch."""
        return await self._batch(_call("GET", batch))

    async def wait(self, batch: SubmittedBatch | str) -> SubmittedBatch:
        """Wait until every job of a batch has ended, and return it."""
        while True:
            current = await self._batch(_call("GET", batch, wait=_WAIT_SECONDS))
            if current.done:
                return current

    async def results(self, batch: SubmittedBatch) -> AsyncIterator[tuple[str, bytes]]:
        """Yield the file name and the bytes of each result; see :meth:`Batches.results`."""
        for job in _succeeded(batch):
            response = await self._send(self._server.call("GET", job.id, "result"))
            yield _file_name(job, response), response.content

    async def save(self, batch: SubmittedBatch, folder: str | PathLike[str]) -> list[Path]:
        """Write each result into a folder, and return the paths."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        paths = []
        async for name, data in self.results(batch):
            paths.append(Path(folder, name))
            await to_thread.run_sync(paths[-1].write_bytes, data)
        return paths

    async def cancel(self, batch: SubmittedBatch | str) -> SubmittedBatch:
        """Cancel the jobs that have not ended. The results of the others are kept."""
        return await self._batch(_call("POST", batch, "cancel"))

    async def delete(self, batch: SubmittedBatch | str) -> None:
        """Delete a batch and its jobs, with their pictures."""
        await self._send(_call("DELETE", batch))

    async def _batch(self, call: Call) -> SubmittedBatch:
        return self._server.read(SubmittedBatch, await self._send(call))
