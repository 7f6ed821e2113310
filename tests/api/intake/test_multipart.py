"""Forms as browsers and HTTP libraries send them: untouched inputs, list names, nameless files."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.deps import Services
from core.params import parse_params
from core.pictures.uploads import FILE_FIELDS
from tests.api.intake.test_form import PROPERTIES
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import CONTENT, STYLE, Files, files, post

TYPE = "multipart/form-data; boundary=line"


def part(disposition: str, data: bytes) -> bytes:
    """Return one part of a form, with everything that follows ``form-data``."""
    return (
        f"--line\r\nContent-Disposition: form-data{disposition}\r\n\r\n".encode() + data + b"\r\n"
    )


def send(client: httpx.Client, *parts: bytes) -> httpx.Response:
    body = b"".join(parts) + b"--line--\r\n"
    return client.post("/jobs", content=body, headers={"Content-Type": TYPE})


@pytest.mark.parametrize("charset", ["UTF-8", "us-ascii", "iso-8859-1"])
def test_a_form_may_say_its_usual_charset(client: httpx.Client, charset: str) -> None:
    headers = {"Content-Type": f"{TYPE}; charset={charset}"}
    body = part('; name="seed"', b"1") + b"--line--\r\n"
    assert_problem(client.post("/jobs", content=body, headers=headers), 422, "invalid_request")


@pytest.mark.parametrize(
    ("charset", "text"), [("unicode_escape", rb"\ud800"), ("utf-7", b"+2AA-"), ("undefined", b"x")]
)
def test_a_charset_that_gives_invalid_text_is_refused(
    client: httpx.Client, charset: str, text: bytes
) -> None:
    headers = {"Content-Type": f"{TYPE}; charset={charset}"}
    body = part('; name="preset"', text) + b"--line--\r\n"
    answer = client.post("/jobs", content=body, headers=headers)
    assert charset in assert_problem(answer, 415, "unsupported_media_type")["detail"]


@pytest.mark.parametrize("blank", ["", "  "])
def test_inputs_that_were_left_empty_count_as_not_given(client: httpx.Client, blank: str) -> None:
    untouched = dict.fromkeys(
        [*PROPERTIES, "webhook_url", "webhook_events", "validate_only"], blank
    )
    empty = [(field, ("", b"")) for field in FILE_FIELDS]
    answer = post(client, [*empty[:2], *files(), *empty[2:]], **{**untouched, "preset": "classic"})
    assert answer.status_code == 202
    assert answer.json()["params"] == parse_params({"preset": "classic"}).model_dump(mode="json")
    assert answer.json()["webhook"] is None


def test_a_form_whose_picture_was_not_chosen_is_told_so(client: httpx.Client) -> None:
    answer = post(client, [("content", ("", b"")), *files()[1:]])
    (error,) = assert_problem(answer, 422, "invalid_request")["errors"]
    assert error == {"field": "content", "message": "expected 1 file, got 0"}


@pytest.mark.parametrize(
    "names", [("style[]", "style[]"), ("style[0]", "style[1]"), ("styles", "style_image")]
)
def test_a_list_of_styles_may_be_named_as_libraries_name_lists(
    client: httpx.Client, services: Services, names: tuple[str, str]
) -> None:
    styles: Files = [
        (name, ("x.png", data)) for name, data in zip(names, (STYLE, CONTENT), strict=True)
    ]
    answer = post(client, [*files()[:1], *styles], **{"style_blend[]": ["1", "", "3"]})
    job = services.store.get(answer.json()["id"])
    assert [services.blobs.get(each.sha256) for each in job.inputs.styles] == [STYLE, CONTENT]
    assert job.params.style_blend == (1, 3)


@pytest.mark.parametrize("kind", ["", "; filename*=UTF-8''%e2%82%ac.png", '; filename=""'])
def test_a_picture_needs_no_file_name(client: httpx.Client, services: Services, kind: str) -> None:
    large = CONTENT + bytes(services.settings.max_field_bytes)  # more than a text field may have
    answer = send(
        client, part(f'; name="content"{kind}', large), part(f'; name="style"{kind}', STYLE)
    )
    assert answer.status_code == 202
    job = services.store.get(answer.json()["id"])
    assert services.blobs.get(job.inputs.content.sha256) == large


def test_the_path_of_a_picture_in_place_of_its_bytes_is_refused(client: httpx.Client) -> None:
    answer = send(
        client, part('; name="content"', b"photo.png"), part('; name="style"; filename="x"', STYLE)
    )
    (error,) = assert_problem(answer, 422, "invalid_request")["errors"]
    assert error["field"] == "content"
    assert "with curl, put an @ before its path" in error["message"]


@pytest.mark.parametrize(
    ("sent", "media_type"),
    [("jpg", "jpeg"), ("JPEG", "jpeg"), ("image/jpeg", "jpeg"), (".tif", "tiff"), ("PNG", "png")],
)
def test_a_format_may_be_a_file_name_suffix_or_a_media_type(
    client: httpx.Client, sent: str, media_type: str
) -> None:
    assert post(client, format=sent).json()["params"]["format"] == media_type


@pytest.mark.parametrize("text", ["on", "1", "True", "yes"])
def test_a_ticked_checkbox_is_true(client: httpx.Client, text: str) -> None:
    answer = post(client, validate_only=text)
    assert (answer.status_code, answer.json()["valid"]) == (200, True)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("style_wieght", "'style_weight'"),
        ("style-weight", "'style_weight'"),
        ("sise", "'size'"),
        ("webhookUrl", "'webhook_url'"),
        ("prompt", "the fields are content, style"),
    ],
)
def test_an_unknown_field_is_answered_with_the_one_that_was_meant(
    client: httpx.Client, name: str, meant: str
) -> None:
    (error,) = assert_problem(post(client, None, **{name: "1"}), 422)["errors"]
    assert error["field"] == name
    assert meant in error["message"]


def test_an_unknown_file_is_answered_with_the_field_that_was_meant(client: httpx.Client) -> None:
    sent: Any = [*files(), ("detail-maps", ("x.png", STYLE))]
    (error,) = assert_problem(post(client, sent), 422)["errors"]
    assert error == {
        "field": "detail-maps",
        "message": "is not a field; did you mean 'detail_map'?",
    }
