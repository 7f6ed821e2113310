"""Decoding of uploaded pictures, before their job is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from api.deps import Services
from api.intake.turns import Turns
from core.errors import InvalidPicture
from core.params import StyleParams
from core.pictures.inspection import Inspect, Inspection
from core.pictures.sandbox import Cancellation
from core.pictures.uploads import Checked, Upload, Uploads

#: How long a decoder may finish a picture whose client has disconnected. To replace the decoder
#: takes longer than most pictures.
_FINISH_SECONDS = 0.5

_Result = TypeVar("_Result")


class PictureInspector:
    """Decodes the pictures of requests in the sandbox, with a fair share for each caller.

    Requests wait for a decoder in the event loop. If they waited in threads, uploads would soon
    occupy all of them, and none would be left for other requests.

    Args:
        services: ``sandbox`` decodes the pictures; ``settings`` limits their pixels and the time
            that they wait.
    """

    def __init__(self, services: Services) -> None:
        self._inspect = partial(
            services.sandbox.inspect, max_pixels=services.settings.max_picture_pixels
        )
        self._turns = Turns(services.sandbox.processes, services.settings.decoder_wait_seconds)
        self._threads = CapacityLimiter(services.sandbox.processes)

    async def check(self, uploads: Uploads, params: StyleParams, caller: str) -> Checked:
        """Check the pictures as :meth:`Uploads.check` does.

        Args:
            uploads: the pictures.
            params: the parameters of the job.
            caller: who shares the decoders with other callers.

        Raises:
            InvalidRequest: a picture cannot be decoded, is too large, or does not fit the
                other pictures or the parameters.
            EaselError: what :meth:`inspect` raises.
        """
        inspected = await self.inspect(uploads.to_inspect(), caller)
        return await run_in_threadpool(uploads.check, params, inspected)

    async def inspect(self, uploads: Iterable[tuple[Upload, bool]], caller: str) -> Inspect:
        """Decode pictures, each once, and return the function that looks up what was found.

        If the task is canceled, its decoder stops within a second.

        Args:
            uploads: the pictures, and whether each is a mask.
            caller: who shares the decoders with other callers.

        Raises:
            UploadsFull: no decoder became free in time.
            ServiceUnavailable: the machine is too busy to decode the pictures in time.
        """
        found: dict[tuple[int, bool], Inspection | InvalidPicture] = {}
        for upload, mask in uploads:
            if (id(upload.data), mask) not in found:
                async with self._turns.turn(caller):
                    found[id(upload.data), mask] = await self._decode(upload, mask)

        def inspected(data: bytes, mask: bool) -> Inspection:
            result = found[id(data), mask]
            if isinstance(result, InvalidPicture):
                raise result
            return result

        return inspected

    async def _decode(self, upload: Upload, mask: bool) -> Inspection | InvalidPicture:
        cancellation = Cancellation()
        inspect = partial(self._inspect, upload.data, mask, cancellation=cancellation)
        decoding = asyncio.create_task(to_thread.run_sync(inspect, limiter=self._threads))
        try:
            return await asyncio.shield(decoding)
        except InvalidPicture as error:
            return error
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(_FINISH_SECONDS, cancellation.cancel)
            await asyncio.gather(decoding, return_exceptions=True)  # the decoder is occupied
            raise


async def unless_disconnected(receive: Receive, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of the work. It is canceled if the client disconnects before.

    Args:
        receive: the channel of the request, whose body was read to its end.
        work: the work.

    Raises:
        ClientDisconnect: the client has disconnected.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
