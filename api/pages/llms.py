"""``/llms.txt``: how a program that reads text uses this server."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

_TEXT = """\
# Easel

> Easel paints a photograph in the style of one or more paintings. This server has an HTTP API:
> post the pictures as a job, wait until it is done, and fetch the result. A job takes seconds to
> minutes.

If the server requires an API key, send it as `Authorization: Bearer KEY`. An error is an RFC 9457
problem document: `code` names it, `detail` says what to do, and `errors` names the invalid fields.

## Paint a picture

1. `POST {base}/jobs` with `content` (the photograph) and `style` (the painting; up to five) as
   files of `multipart/form-data`, or as data URLs in JSON. `strength` from 0 to 1 says how much of
   the painting's style the result has, `size` is its longer side in pixels. The response has the
   job's `id`.
2. `GET {base}/jobs/ID` with `?wait=30` responds when the job is done, or after 30 seconds. Repeat
   it until `done` is true. `status` is then `succeeded`, `failed` or `canceled`, and `error` says
   why it failed.
3. `GET {base}/jobs/ID/result` returns the picture.

With curl, in the place of the first step:

    curl -F content=@photo.jpg -F style=@painting.jpg -F strength=0.6 https://HOST{base}/jobs

## While it runs

- `GET {base}/jobs/ID/preview` returns the picture so far, as a JPEG.
- `PATCH {base}/jobs/ID` with JSON such as `{{"strength": 0.8}}` changes the job, which keeps what
  it has painted.
- `POST {base}/jobs/ID/finish` ends it and keeps the picture.
- `POST {base}/jobs/ID/cancel` ends it without a picture.

## Further

- `POST {base}/jobs` with `continue_from=ID` and a larger `size` paints a result larger.
- `POST {base}/batches` creates many jobs from up to 100 photographs in one request.

## Reference

- [OpenAPI document]({base}/openapi.json): every operation and parameter
- [API reference]({base}/docs): the same, to read in a browser
- [Presets]({base}/presets): the presets, the limits of this server, and all parameters
"""


def llms_route() -> Route:
    """Return the route of the text. Its links have the path that the server has for the client."""

    def show(request: Request) -> PlainTextResponse:
        return PlainTextResponse(
            _TEXT.format(base=request.scope.get("root_path", "")),
            headers={"Cache-Control": "no-cache"},
            media_type="text/markdown",
        )

    return Route("/llms.txt", show, include_in_schema=False)
