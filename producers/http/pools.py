"""Small pools of their own for the status page, so that what comes without a token costs senders nothing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from producers.http.connections import Closings
from producers.http.problems import come_later

#: Forms that are received at a time, and seconds in which one must have arrived.
MOST_FORMS, FORM_WITHIN_S = 32, 5.0

#: Threads that answer pages, and pages that may wait for one.
PAGE_THREADS, MOST_PAGES_WAITING = 8, 64

Answer = TypeVar("Answer")


class Forms:
    """Forms that are being received; where there are too many, the oldest one makes room."""

    def __init__(self, closings: Closings) -> None:
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


class PageThreads:
    """Answers pages in threads of its own."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(PAGE_THREADS)

    async def run(self, act: Callable[..., Answer], *arguments: object) -> Answer:
        """Return what `act` returns; raises Problem where too many pages wait already."""
        if self._limiter.statistics().tasks_waiting >= MOST_PAGES_WAITING:
            raise come_later("busy", "too many pages are asked for; reload in a moment", 1)
        return await run_sync(partial(act, *arguments), limiter=self._limiter)
