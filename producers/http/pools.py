"""Small pools of their own for the status page, so that what comes without a token costs senders nothing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from producers.http.incidents import Incidents
from producers.http.problems import come_later

#: Forms that are received at a time, and seconds in which one must have arrived.
MOST_FORMS, FORM_WITHIN_S = 32, 5.0

#: Threads that answer pages, and pages that may wait for one.
PAGE_THREADS, MOST_PAGES_WAITING = 8, 64

#: Requests without a token that begin in one round of the event loop, in which it takes one new connection.
TURNS_A_ROUND = 1

Answer = TypeVar("Answer")


class Forms:
    """Forms that are being received; where there are too many, the oldest one makes room."""

    def __init__(self, closings: Incidents) -> None:
        self._closings = closings
        self._receiving: OrderedDict[asyncio.Timeout, None] = OrderedDict()

    @asynccontextmanager
    async def receiving(self, address: str) -> AsyncIterator[None]:
        """Receive a form within; raises Problem when it does not arrive in time."""
        timeout = asyncio.timeout(FORM_WITHIN_S)
        try:
            async with timeout:
                self._enter(timeout)
                try:
                    yield
                finally:
                    self._receiving.pop(timeout, None)
        except TimeoutError as error:
            self._closings.count("slow_form", address)
            text = "the form did not arrive in time; go back and try again"
            raise come_later("slow_form", text, 1) from error

    def _enter(self, timeout: asyncio.Timeout) -> None:
        self._receiving[timeout] = None
        if len(self._receiving) > MOST_FORMS:
            oldest, _ = self._receiving.popitem(last=False)
            if not oldest.expired():
                oldest.reschedule(asyncio.get_running_loop().time())


class Turns:
    """Lets few requests without a token begin in each round of the event loop, so that others do not wait for all."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._begun = 0

    async def wait(self) -> None:
        """Return when it is this request's turn."""
        if self._begun < TURNS_A_ROUND and not self._waiting:
            if not self._begun:
                asyncio.get_running_loop().call_soon(self._next_round)
            self._begun += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < TURNS_A_ROUND:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._begun += 1
        if self._begun:
            asyncio.get_running_loop().call_soon(self._next_round)


class PageThreads:
    """Answers pages in threads of its own."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(PAGE_THREADS)

    async def run(self, act: Callable[..., Answer], *arguments: object) -> Answer:
        """Return what `act` returns; raises Problem where too many pages wait already."""
        if self._limiter.statistics().tasks_waiting >= MOST_PAGES_WAITING:
            raise come_later("busy", "too many pages are asked for; reload in a moment", 1)
        return await run_sync(partial(act, *arguments), limiter=self._limiter)
