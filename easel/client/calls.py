"""What the clients send, and how they read the responses. Nothing here waits for the network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError

from core.errors import JobFailed, ServerRefused, ServerUnreachable
from easel.client.jobs import SubmittedJob
from easel.pictures import Pictures, read_files

_Model = TypeVar("_Model", bound=BaseModel)

DEFAULT_SERVER = "http://127.0.0.1:8000"

#: The server sends a comment on an event stream every 15 seconds.
_READ_TIMEOUT_SECONDS = 45.0

#: Environment variables with proxies and certificates, which httpx may fail to use.
_READ_BY_HTTPX = frozenset(
    {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)


@dataclass(frozen=True)
class Call:
    """A request of the API, as httpx takes it."""

    method: str
    #: The path below the server's address.
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)


class Endpoint:
    """The address of a server, the calls that it understands, and how it answers.

    Args:
        url: the address; None takes ``EASEL_SERVER``, or else ``http://127.0.0.1:8000``.
        api_key: the caller's key; None takes ``EASEL_API_KEY``, or none.
    """

    def __init__(self, url: str | None, api_key: str | None) -> None:
        self.url = (url or os.environ.get("EASEL_SERVER") or DEFAULT_SERVER).rstrip("/")
        self._api_key = api_key or os.environ.get("EASEL_API_KEY")

    def httpx_options(self) -> dict[str, Any]:
        """Return the arguments for an httpx client."""
        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        timeout = httpx.Timeout(_READ_TIMEOUT_SECONDS, connect=10)
        return {"base_url": self.url, "headers": headers, "timeout": timeout}

    def unusable(self, error: Exception) -> ServerUnreachable:
        """Return the error for an httpx client that cannot be made."""
        # Not the values of the variables: the URL of a proxy may contain a password.
        found = [name for name in os.environ if name.upper() in _READ_BY_HTTPX]
        return ServerUnreachable(
            f"{self.url} cannot be reached: {str(error).rstrip('.')}. Correct or unset "
            f"{' or '.join(found) or 'the address of the server'}"
        )

    def unreachable(self, error: Exception) -> ServerUnreachable:
        """Return the error for a request that got no response."""
        reason = str(error) or type(error).__name__
        return ServerUnreachable(f"{self.url} cannot be reached: {reason}")

    def read(self, model: type[_Model], response: httpx.Response) -> _Model:
        """Return the job or batch in a response.

        Raises:
            ServerRefused: there is none.
        """
        try:
            return model.model_validate_json(response.content)
        except ValidationError:
            raise ServerRefused(f"the server at {self.url} is not an Easel API") from None

    def read_jobs(self, response: httpx.Response) -> list[SubmittedJob]:
        """Return the jobs in a list.

        Raises:
            ServerRefused: there is no list.
        """
        try:
            return [SubmittedJob.model_validate(each) for each in response.json()["items"]]
        except (ValueError, KeyError, TypeError):
            raise ServerRefused(f"the server at {self.url} is not an Easel API") from None

    def read_readiness(self, response: httpx.Response) -> dict[str, Any]:
        """Return the answer of ``/readyz``, whether or not the server is ready.

        Raises:
            ServerRefused: it is an error, or not the answer of an Easel API.
        """
        try:
            readiness = dict(response.json())
        except (ValueError, TypeError):
            readiness = {}
        if "ready" in readiness:
            return readiness
        if response.is_error:
            raise refusal(response)
        raise ServerRefused(f"the server at {self.url} is not an Easel API")

    def link(self, job: SubmittedJob | str, name: str = "") -> str:
        """Return the path of a job, or of one of its resources, below the server's address.

        The links of a job may begin with the path of that address, which is removed.

        Args:
            job: the job, or its id.
            name: what to address, such as ``result``; empty for the job itself.
        """
        if isinstance(job, str):
            path = f"/jobs/{quote(job, safe='')}"
        else:
            path = job.links["self"].removeprefix(urlsplit(self.url).path)
        return f"{path}/{name}" if name else path

    def call(self, method: str, job: SubmittedJob | str, name: str = "", **options: object) -> Call:
        """Return a call about a job."""
        return Call(method, self.link(job, name), options)


def idempotent(key: str | None = None) -> dict[str, str]:
    """Return the header with which a repeated call creates no second job; None makes a key."""
    return {"Idempotency-Key": key or str(uuid4())}


def submission(
    pictures: Pictures, params: Mapping[str, object], key: str | None, path: str = "/jobs"
) -> Call:
    """Return the call that creates a job or batch. Retries with the same key create no second one.

    Args:
        pictures: the pictures by form field.
        params: the parameters, and the other form fields.
        key: the idempotency key; None makes one.
        path: where it is posted.

    Raises:
        OSError: a picture cannot be read.
    """
    files = [(each.field, (Path(each.name).name, each.data)) for each in read_files(pictures)]
    given = {name: _text(value) for name, value in params.items() if value is not None}
    # As parts without a file name: httpx sends ``data`` without files as another media type.
    fields = [(name, (None, text)) for name, text in given.items()]
    return Call("POST", path, {"files": [*fields, *files], "headers": idempotent(key)})


def ended(job: SubmittedJob) -> SubmittedJob:
    """Return a job that is done and has a result.

    Raises:
        JobFailed: it has none.
    """
    if job.status != "succeeded":
        raise JobFailed(job.describe_end())
    return job


def refusal(response: httpx.Response) -> ServerRefused:
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


def _text(value: object) -> str:
    """Return a value as a form field: a list with commas, a truth value as in JSON."""
    if isinstance(value, str):
        return str(value)  # the value of an enum, too
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return json.dumps(value)
