"""Limits on requests: a request at the limit is accepted, and one past it is refused."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from api.deps import Services
from core.pictures.uploads import MAX_FILES
from core.settings.model import Settings
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import CONTENT, STYLE, files, post
from tests.conftest import photo, png

TYPE = "multipart/form-data; boundary=line"


def form(*parts: tuple[str, bytes], filename: str = "x.png") -> bytes:
    """Return a multipart body. Only the parts ``content`` and ``style`` have a file name."""
    lines = []
    for name, data in parts:
        kind = f'; filename="{filename}"' if name in ("content", "style") else ""
        head = f'--line\r\nContent-Disposition: form-data; name="{name}"{kind}\r\n\r\n'
        lines.append(head.encode() + data + b"\r\n")
    return b"".join(lines) + b"--line--\r\n"


JOB = form(("content", CONTENT), ("style", STYLE))


def send(client: httpx.Client, body: bytes, *, chunked: bool) -> httpx.Response:
    pieces = (body[at : at + 50_000] for at in range(0, len(body), 50_000))
    return client.post("/jobs", content=pieces if chunked else body, headers={"Content-Type": TYPE})


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(
    client: httpx.Client, settings: Settings, chunked: bool
) -> None:
    limit = settings.max_body_bytes
    fits, over = (JOB + bytes(size - len(JOB)) for size in (limit, limit + 1))
    assert send(client, fits, chunked=chunked).status_code == 202
    problem = assert_problem(send(client, over, chunked=chunked), 413, "request_too_large")
    assert str(limit) in problem["detail"]


def test_a_file_over_the_limit_is_refused(services: Services) -> None:
    with serving(limited(services, max_picture_bytes=len(CONTENT))) as client:
        small = png(photo(20, 20))
        assert post(client, files(CONTENT, small)).status_code == 202
        problem = assert_problem(post(client, files(CONTENT + b"\0", small)), 422)
        assert f"at most {len(CONTENT)} are allowed" in problem["errors"][0]["message"]


def test_a_picture_with_too_many_pixels_is_rejected(services: Services) -> None:
    with serving(limited(services, max_picture_pixels=64 * 48)) as client:
        assert post(client).status_code == 202
        bomb = png(Image.new("1", (64, 49)))
        problem = assert_problem(post(client, files(bomb, STYLE)), 422, "invalid_picture")
        assert "64x49 pixels; at most 3072 pixels" in problem["errors"][0]["message"]


def test_a_form_with_more_files_than_a_job_can_use_is_refused(client: httpx.Client) -> None:
    for count, status, message in (
        (MAX_FILES, 422, "expected 1 to 5 files, got 13"),
        (MAX_FILES + 1, 400, f"Maximum number of files is {MAX_FILES}"),
    ):
        body = form(("content", CONTENT), *[("style", STYLE)] * (count - 1))
        problem = assert_problem(send(client, body, chunked=False), status)
        assert message in problem["detail"]


def test_a_form_with_too_many_fields_is_refused(services: Services) -> None:
    with serving(limited(services, max_fields=3)) as client:
        for count, status, message in ((3, 422, "is not a field"), (4, 400, "fields is 3")):
            fields = [(f"x{number}", b"1") for number in range(count)]
            body = form(("content", CONTENT), ("style", STYLE), *fields)
            problem = assert_problem(send(client, body, chunked=False), status)
            assert message in problem["detail"]


def test_a_field_over_the_limit_is_refused(services: Services) -> None:
    with serving(limited(services, max_field_bytes=1024)) as client:
        for length, status, message in ((1024, 422, "valid integer"), (1025, 400, "of 1KB")):
            body = form(("content", CONTENT), ("style", STYLE), ("size", b"x" * length))
            problem = assert_problem(send(client, body, chunked=False), status)
            assert message in problem["detail"]


def test_a_large_upload_needs_no_folder_for_temporary_files(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    large = png(photo(900, 600))
    assert len(large) > 2**20
    with serving(limited(services, max_picture_bytes=2**22, max_picture_pixels=2**20)) as client:
        assert post(client, files(large, large)).status_code == 202


@pytest.fixture
def short_timeout(services: Services) -> Iterator[httpx.Client]:
    with serving(limited(services, upload_seconds=2, upload_rate=10_000_000)) as client:
        yield client


@pytest.mark.parametrize("length", [b"Content-Length: 900", b"Transfer-Encoding: chunked"])
def test_a_body_that_arrives_too_slowly_is_refused(
    short_timeout: httpx.Client, length: bytes
) -> None:
    with socket.create_connection(
        (short_timeout.base_url.host, short_timeout.base_url.port or 80)
    ) as connection:
        connection.sendall(
            b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\n%b\r\n\r\n"
            % (TYPE.encode(), length)
        )
        connection.sendall(b"2\r\n--\r\n" if b"chunked" in length else b"--")
        connection.settimeout(60)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))  # until the server disconnects
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"upload_too_slow" in answer
    assert b"expected at least 10000000 bytes a second after the first 2 seconds" in answer
    assert post(short_timeout).status_code == 202


def test_uploads_over_the_total_limit_are_refused_until_others_end(services: Services) -> None:
    with serving(limited(services, max_held_bytes=len(JOB) + 100)) as client:
        assert send(client, JOB, chunked=False).status_code == 202
        with socket.create_connection(
            (client.base_url.host, client.base_url.port or 80)
        ) as connection:
            connection.sendall(
                b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\n"
                b"Content-Length: 100000\r\n\r\n" % TYPE.encode()
            )
            connection.sendall(JOB[:500])
            connection.setblocking(False)
            while True:  # until the first bytes of the other upload have arrived
                answer = send(client, JOB, chunked=False)
                if answer.status_code != 202:
                    problem = assert_problem(answer, 503, "uploads_full")
                    assert f"{len(JOB) + 100} are allowed at a time" in problem["detail"]
                    break
                with contextlib.suppress(BlockingIOError):
                    assert b"uploads_full" in connection.recv(65536)
                    break
        while send(client, JOB, chunked=False).status_code != 202:
            pass  # until the other client has disconnected
