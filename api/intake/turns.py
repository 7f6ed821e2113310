"""Turns at the decoders, so that no caller keeps the others waiting."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from core.errors import UploadsFull


class Turns:
    """Gives the places at the decoders to callers in turn. Belongs to one event loop.

    A caller has at most ``places - 1`` turns at a time, so that one place is always left to
    the others. With a single place, a caller with slow pictures delays the others.

    Args:
        places: how many pictures are decoded at a time.
        patience: how many seconds a caller waits for a turn.
    """

    def __init__(self, places: int, patience: float) -> None:
        self._free = self._places = places
        self._most = max(1, places - 1)
        self._patience = patience
        self._taken: Counter[str] = Counter()
        #: The waiting requests by caller, the caller first whose turn it is.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn, and keep it until the end of the block.

        Raises:
            UploadsFull: the caller did not get a turn in time.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        self._give()
        try:
            await self._wait(turn)
            yield
        finally:
            if turn.cancelled():
                self._withdraw(caller, turn)
            else:
                self._free += 1
                self._taken[caller] -= 1
            self._give()

    async def _wait(self, turn: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except TimeoutError:
            raise UploadsFull(
                f"no decoder became free for the pictures within {self._patience:.0f} seconds; "
                f"the server decodes {self._places} pictures at a time, at most {self._most} of "
                "them for one caller",
                retry_after=5,
            ) from None

    def _withdraw(self, caller: str, turn: asyncio.Future[None]) -> None:
        turns = self._waiting.get(caller, deque())
        with suppress(ValueError):  # _give has met it already
            turns.remove(turn)
        if not turns:
            self._waiting.pop(caller, None)

    def _give(self) -> None:
        """Give the free places to the callers whose turn it is."""
        for caller in list(self._waiting):
            if self._free and self._taken[caller] < self._most:
                turns = self._waiting.pop(caller)
                turn = turns.popleft()
                if not turn.done():  # else its request is about to withdraw it
                    turn.set_result(None)
                    self._free -= 1
                    self._taken[caller] += 1
                if turns:
                    self._waiting[caller] = turns  # behind the other callers
        self._taken = +self._taken  # without the callers that have no turn
