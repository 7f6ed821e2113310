"""Looks into uploads without keeping other requests waiting."""

from __future__ import annotations

from functools import partial

from anyio import CapacityLimiter, to_thread

from api.deps import Services
from core.params import StyleParams
from core.pictures.inputs import Uploads


class Examiner:
    """As many uploads at a time as there are decoders.

    The others wait in the event loop: were they to wait in threads, there would soon
    be none left to answer those who only ask how their job stands.

    Args:
        services: with the processes that decode.
    """

    def __init__(self, services: Services) -> None:
        self._limiter = CapacityLimiter(services.sandbox.processes)
        self._examine = partial(
            services.sandbox.examine, max_pixels=services.settings.max_picture_pixels
        )

    async def check(self, uploads: Uploads, params: StyleParams) -> int:
        """As ``Uploads.check``."""
        return await to_thread.run_sync(uploads.check, params, self._examine, limiter=self._limiter)
