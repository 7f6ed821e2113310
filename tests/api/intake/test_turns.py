"""Callers take turns at the decoders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from api.intake.turns import Turns
from core.errors import UploadsFull


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


class Request:
    """A request that keeps its turn until it is told to end."""

    def __init__(self, turns: Turns, caller: str) -> None:
        self.decoding = asyncio.Event()
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._run(turns, caller))

    async def _run(self, turns: Turns, caller: str) -> None:
        async with turns.turn(caller):
            self.decoding.set()
            await self._end.wait()

    async def end(self) -> None:
        self._end.set()
        await self.task


async def requests(turns: Turns, callers: str) -> list[Request]:
    """Return a request of each caller, after those with a turn have begun."""
    sent = [Request(turns, caller) for caller in callers]
    for _ in range(5):
        await asyncio.sleep(0)
    return sent


async def decoding(sent: list[Request]) -> list[bool]:
    for _ in range(5):
        await asyncio.sleep(0)
    return [each.decoding.is_set() for each in sent]


@in_a_loop
async def test_one_place_is_left_to_other_callers() -> None:
    turns = Turns(3, patience=60)
    sent = await requests(turns, "aaab")
    assert await decoding(sent) == [True, True, False, True]
    await sent[0].end()
    assert await decoding(sent) == [True, True, True, True]
    for each in sent[1:]:
        await each.end()


@in_a_loop
async def test_a_free_place_goes_to_the_callers_in_turn() -> None:
    turns = Turns(1, patience=60)
    sent = await requests(turns, "aaaabbc")
    order = []
    for _ in range(len(sent)):
        (current,) = (n for n, begun in enumerate(await decoding(sent)) if begun and n not in order)
        order.append(current)
        await sent[current].end()
    assert ["aaaabbc"[n] for n in order] == ["a", "a", "b", "c", "a", "b", "a"]


@in_a_loop
async def test_a_request_without_a_turn_in_time_is_refused() -> None:
    turns = Turns(1, patience=0.01)
    first, _ = await requests(turns, "aa")
    with pytest.raises(UploadsFull, match="within 0 seconds; the server decodes 1 pictures"):
        await turns.turn("b").__aenter__()
    await first.end()
    (last,) = await requests(turns, "b")
    assert await decoding([last]) == [True]
    await last.end()


@in_a_loop
async def test_a_canceled_request_gives_its_place_back() -> None:
    turns = Turns(1, patience=60)
    sent = await requests(turns, "abc")
    for canceled in (sent[1], sent[0]):  # one that waits, and one that decodes
        canceled.task.cancel()
        await asyncio.gather(canceled.task, return_exceptions=True)
    assert await decoding(sent) == [True, False, True]
    await sent[2].end()
