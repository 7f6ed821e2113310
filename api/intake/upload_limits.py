"""Limits on the files of a form: bytes, pixels, and how many are decoded at a time.

``api.asgi.body_limit`` limits the body of a request as a whole, and
``api.intake.multipart`` the numbers of files and fields.
"""

from __future__ import annotations

from functools import partial

from anyio import CapacityLimiter, to_thread

from api.deps import Services
from core.params import StyleParams
from core.pictures.uploads import Checked, Uploads
from core.settings.limits import Limits


def file_error(size: int, limits: Limits) -> str | None:
    """Return why a file of that many bytes is refused, or None if it is accepted."""
    if not size:
        return "is an empty file"
    if size > limits.max_picture_bytes:
        return f"is a file of {size} bytes; at most {limits.max_picture_bytes} are allowed"
    return None


class PictureInspector:
    """Decodes the pictures of requests, as many requests at a time as there are decoders.

    Other requests wait in the event loop. If they waited in threads, uploads would soon
    occupy all of them, and none would be left for other requests.

    Args:
        services: ``sandbox`` decodes the pictures; ``settings`` limits their pixels.
    """

    def __init__(self, services: Services) -> None:
        self._limiter = CapacityLimiter(services.sandbox.processes)
        self._inspect = partial(
            services.sandbox.inspect, max_pixels=services.settings.max_picture_pixels
        )

    async def check(self, uploads: Uploads, params: StyleParams) -> Checked:
        """Check the pictures as :meth:`Uploads.check` does.

        Raises:
            InvalidRequest: a picture cannot be decoded, is too large, or does not fit the
                other pictures or the parameters.
            ServiceUnavailable: the machine is too busy to decode the pictures in time.
        """
        return await to_thread.run_sync(uploads.check, params, self._inspect, limiter=self._limiter)
