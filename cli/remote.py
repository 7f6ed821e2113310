"""An Easel server, as a client sees it that does not give up easily."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import SSEError, connect_sse

from core.errors import EaselError, ServerRefused, ServerUnreachable

#: The Job, as the server shows it.
Job = dict[str, Any]

#: The server sends something every 15 seconds.
_SILENCE_SECONDS = 45.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_BUSY = frozenset({429, 502, 503, 504})


class Remote:
    """Calls of the api, each made again while the server is away or busy.

    Args:
        server: its address.
        api_key: who calls; None where the server wants no key.
        patience: for how many seconds at a stretch a call may fail.
    """

    def __init__(self, server: str, api_key: str | None, patience: float) -> None:
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=10)
        self._server = server.rstrip("/")
        self._http = httpx.Client(base_url=self._server, headers=headers, timeout=timeout)
        self._patience = patience

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, files: Sequence[tuple[str, Path]], fields: dict[str, str], key: str) -> Job:
        """Post a job: once, however often the request has to be sent.

        Args:
            files: the form field and the file of each.
            fields: the parameters.
            key: the same for the same job.
        """
        parts = [(field, (path.name, path.read_bytes())) for field, path in files]
        headers = {"Idempotency-Key": key}
        answer = self._call("POST", "/jobs", files=parts, data=fields, headers=headers)
        return self._json(answer)

    def follow(self, job: Job) -> Iterator[Job]:
        """The Job each time that something happens to it, until it is done."""
        events = job["links"].get("events", f"{job['links']['self']}/events")
        seen, tries = "", _Tries(self._patience)
        while not job["done"]:
            try:
                for event_id, changed in self._stream(events, seen):
                    seen, job, tries = event_id, changed, _Tries(self._patience)
                    yield job
            except (httpx.TransportError, SSEError) as error:
                tries.pause(self._away(error))
            else:
                if not job["done"]:  # the server stops, or has no events to tell
                    time.sleep(_FIRST_PAUSE)
                    job = self.get(job)
                    yield job

    def _stream(self, url: str, seen: str) -> Iterator[tuple[str, Job]]:
        headers = {"Last-Event-ID": seen} if seen else {}
        with connect_sse(self._http, "GET", url, headers=headers) as source:
            if source.response.status_code != 200:
                return  # ended, or a server without events: the job itself says
            for event in source.iter_sse():
                seen = event.id or seen
                if event.data:  # httpx-sse makes an event of a comment that comes after one
                    yield seen, event.json()

    def get(self, job: Job) -> Job:
        """The Job as it is now."""
        return self._json(self._call("GET", job["links"]["self"]))

    def result(self, job: Job) -> bytes:
        """The picture."""
        return self._call("GET", job["links"]["result"]).content

    def cancel(self, job: Job) -> Job:
        """Call the job off."""
        return self._json(self._call("POST", job["links"]["cancel"]))

    def _call(self, method: str, url: str, **options: Any) -> httpx.Response:
        tries = _Tries(self._patience)
        while True:
            try:
                answer = self._http.request(method, url, **options)
            except httpx.TransportError as error:
                tries.pause(self._away(error))
                continue
            if answer.status_code < 400:
                return answer
            refusal = _refusal(answer)
            if answer.status_code not in _BUSY:
                raise refusal
            tries.pause(refusal, answer.headers.get("retry-after", ""))

    def _away(self, error: Exception) -> ServerUnreachable:
        return ServerUnreachable(
            f"{self._server} cannot be reached: {str(error) or type(error).__name__}"
        )

    def _json(self, answer: httpx.Response) -> Job:
        try:
            job = answer.json()
            job["links"]["self"]
        except (ValueError, KeyError, TypeError):
            raise ServerRefused(f"{self._server} does not answer as Easel does") from None
        else:
            return dict(job)


class _Tries:
    """Pauses that grow, until patience ends."""

    def __init__(self, patience: float) -> None:
        self._end = time.monotonic() + patience
        self._pause = _FIRST_PAUSE

    def pause(self, error: EaselError, retry_after: str = "") -> None:
        """Wait before the next try; raise the error if there is to be none."""
        pause = float(retry_after) if retry_after.isdecimal() else self._pause
        if time.monotonic() + pause > self._end:
            raise error
        time.sleep(pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)


def _refusal(answer: httpx.Response) -> ServerRefused:
    """What a problem document says, in lines."""
    try:
        problem = answer.json()
        bad = [f"  {each['field']}: {each['message']}" for each in problem.get("errors") or ()]
        text = problem["title"] if bad else problem["detail"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ServerRefused(f"the server answers {answer.status_code} {answer.reason_phrase}")
    return ServerRefused("\n".join([f"{text} ({problem.get('code')})", *bad]))
