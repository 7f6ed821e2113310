"""The response that sends stored files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from core.errors import EaselError

_logger = logging.getLogger(__name__)


class Download(StreamingResponse):
    """Sends files as fast as the client reads them.

    Args:
        pieces: the bytes.
        media_type: their media type.
        headers: headers of the response.
        close: closes what is open, at the end.
        status: the status of the response.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        media_type: str,
        headers: Mapping[str, str],
        close: Callable[[], None],
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        super().__init__(pieces, status, headers, media_type)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. If a file cannot be read to its end, the connection is closed."""
        try:
            await super().__call__(scope, receive, send)
        except EaselError as error:
            # The client notices: the response ends before its declared end, or without one.
            _logger.warning("download aborted", extra={"reason": str(error)})
        finally:
            self._close()
