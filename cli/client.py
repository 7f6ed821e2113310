"""A client of the HTTP API that retries while the server is unreachable or busy."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from httpx_sse import SSEError, connect_sse

from core.errors import EaselError, ServerRefused, ServerUnreachable

#: A job as the API returns it.
JobDocument = dict[str, Any]

#: The server sends a comment on an event stream every 15 seconds.
_READ_TIMEOUT_SECONDS = 45.0
_FIRST_DELAY_SECONDS, _MAX_DELAY_SECONDS = 0.5, 5.0
#: Environment variables with proxies and certificates, which httpx may fail to use.
_READ_BY_HTTPX = frozenset(
    {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)
_RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})


class Client:
    """A client of one server.

    Args:
        server: the address of the server.
        api_key: the caller's API key; None if the server needs none.
        patience: for how many seconds a failing call is retried.
    """

    def __init__(self, server: str, api_key: str | None, patience: float) -> None:
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        timeout = httpx.Timeout(_READ_TIMEOUT_SECONDS, connect=10)
        self._server = server.rstrip("/")
        try:
            self._prefix = urlsplit(self._server).path
            self._http = httpx.Client(base_url=self._server, headers=headers, timeout=timeout)
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            # Not their values: the URL of a proxy may contain a password.
            found = [name for name in os.environ if name.upper() in _READ_BY_HTTPX]
            raise ServerUnreachable(
                f"{self._server} cannot be reached: {str(error).rstrip('.')}. Correct or unset "
                f"{' or '.join(found) or 'the address of the server'}"
            ) from error
        self._patience = patience

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(
        self, files: Mapping[str, tuple[Path, ...]], fields: Mapping[str, str], key: str
    ) -> JobDocument:
        """Post a job. Retries create no second job.

        Args:
            files: the files by form field.
            fields: the parameters.
            key: the idempotency key.
        """
        parts = [
            (field, (path.name, path.read_bytes()))
            for field, paths in files.items()
            for path in paths
        ]
        headers = {"Idempotency-Key": key}
        return self._job(self._call("POST", "/jobs", files=parts, data=fields, headers=headers))

    def follow(self, job: JobDocument) -> Iterator[JobDocument]:
        """Yield the job after every change, until it is done."""
        url = self._link(job, "events")
        last_event_id, backoff = "", _Backoff(self._patience)
        while not job["done"]:
            try:
                for event_id, changed_job in self._events(url, last_event_id):
                    last_event_id, job = event_id, changed_job
                    backoff = _Backoff(self._patience)
                    yield job
            except (httpx.TransportError, SSEError) as error:
                backoff.wait(self._unreachable(error))
            else:
                if not job["done"]:  # the server is stopping, or has no event stream
                    time.sleep(_FIRST_DELAY_SECONDS)
                    job = self.get(job)
                    yield job

    def _events(self, url: str, last_event_id: str) -> Iterator[tuple[str, JobDocument]]:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        with connect_sse(self._http, "GET", url, headers=headers) as source:
            if source.response.status_code != 200:
                return  # the stream has ended, or the server has none: read the job instead
            for event in source.iter_sse():
                last_event_id = event.id or last_event_id
                if event.data:  # httpx-sse yields an empty event for a comment after an event
                    yield last_event_id, event.json()

    def jobs(self, query: Mapping[str, Any]) -> list[JobDocument]:
        """Return the caller's newest jobs that a query selects."""
        return list(self._call("GET", "/jobs", params=query).json()["items"])

    def find(self, job_id: str) -> JobDocument:
        """Return the job with an id."""
        return self._job(self._call("GET", f"/jobs/{quote(job_id, safe='')}"))

    def retry(self, job: JobDocument) -> JobDocument:
        """Post the request of a job again, and return the new job."""
        return self._job(self._call("POST", self._link(job, "retry")))

    def readiness(self) -> dict[str, Any]:
        """Return the answer of ``/readyz``, whether or not the server is ready."""
        try:
            return dict(self._http.get("/readyz").json())
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except ValueError:
            raise ServerRefused(f"{self._server}/readyz cannot be read; is it hidden?") from None

    def get(self, job: JobDocument) -> JobDocument:
        """Return the current state of the job."""
        return self._job(self._call("GET", self._link(job, "self")))

    def result(self, job: JobDocument) -> bytes:
        """Return the file of the job's result."""
        return self._call("GET", self._link(job, "result")).content

    def cancel(self, job: JobDocument) -> JobDocument:
        """Cancel the job and return its state."""
        return self._job(self._call("POST", self._link(job, "cancel")))

    def _link(self, job: JobDocument, name: str) -> str:
        """Return the path of a link below the server's address.

        The links begin with the path of the address if the API knows it, else they do not.
        """
        links = job["links"]
        return str(links.get(name, f"{links['self']}/{name}")).removeprefix(self._prefix)

    def _call(self, method: str, url: str, **options: Any) -> httpx.Response:
        backoff = _Backoff(self._patience)
        while True:
            try:
                response = self._http.request(method, url, **options)
            except httpx.TransportError as error:
                backoff.wait(self._unreachable(error))
                continue
            if response.status_code < 400:
                return response
            refusal = _refusal(response)
            if response.status_code not in _RETRYABLE_STATUSES:
                raise refusal
            backoff.wait(refusal, response.headers.get("retry-after", ""))

    def _unreachable(self, error: Exception) -> ServerUnreachable:
        reason = str(error) or type(error).__name__
        return ServerUnreachable(f"{self._server} cannot be reached: {reason}")

    def _job(self, response: httpx.Response) -> JobDocument:
        try:
            job = response.json()
            job["links"]["self"]
        except (ValueError, KeyError, TypeError):
            raise ServerRefused(f"the server at {self._server} is not an Easel API") from None
        else:
            return dict(job)


class _Backoff:
    """Exponential delays between retries, until the patience has run out."""

    def __init__(self, patience: float) -> None:
        self._deadline = time.monotonic() + patience
        self._delay = _FIRST_DELAY_SECONDS

    def wait(self, error: EaselError, retry_after: str = "") -> None:
        """Wait before the next try, or raise the error if the patience has run out."""
        delay = float(retry_after) if retry_after.isdecimal() else self._delay
        if time.monotonic() + delay > self._deadline:
            raise error
        time.sleep(delay)
        self._delay = min(self._delay * 2, _MAX_DELAY_SECONDS)


def _refusal(response: httpx.Response) -> ServerRefused:
    """Return the error for a problem document, with one line for each invalid field."""
    try:
        problem = response.json()
        invalid = [f"  {each['field']}: {each['message']}" for each in problem.get("errors") or ()]
        text = problem["title"] if invalid else problem["detail"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ServerRefused(_explain(response))
    return ServerRefused("\n".join([f"{text} ({problem.get('code')})", *invalid]))


def _explain(response: httpx.Response) -> str:
    """Return what an error page means that is not from Easel but from a proxy in front of it."""
    status = f"{response.status_code} {response.reason_phrase}"
    match response.status_code:
        case 413:
            return f"a proxy in front of the server refuses uploads of this size ({status})"
        case 502 | 503 | 504:
            return f"the server does not respond to the proxy in front of it ({status})"
        case _:
            return f"the server responded with {status}"
