"""How many bytes of request bodies are in flight: a request waits for its share, and comes later where it gets none."""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.types import Scope

from producers.http.problems import come_later

#: Seconds that a request waits for its share; NiFi gives up after 15.
WAIT_S = 10.0


class ByteBudget:
    """Shares of `total` bytes, given out in the order in which they were asked for."""

    def __init__(self, name: str, total: int) -> None:
        self.total = total
        self.free = total
        self._key = f"tq.bytes.{name}"
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, scope: Scope, size: int) -> None:
        """Add `size` bytes to the share of a request, the whole at most; raises Problem where it gets none in time."""
        size = min(size, self.total) - scope.get(self._key, 0)
        if size <= 0:
            return
        if self._waiting or size > self.free:
            await self._turn(size)
        else:
            self.free -= size
        scope[self._key] = scope.get(self._key, 0) + size

    def keep(self, scope: Scope, size: int) -> None:
        """Give back what a request holds above `size` bytes."""
        above = scope.get(self._key, 0) - size
        if above > 0:
            scope[self._key] = size
            self._give_back(above)

    async def _turn(self, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            async with asyncio.timeout(WAIT_S):
                await turn
        except BaseException as error:
            # It may have got its share in the very moment in which it was cancelled.
            self._give_back(size if turn.done() and not turn.cancelled() else 0)
            if isinstance(error, TimeoutError):
                text = "too many large bodies are in hand; send this again, or smaller batches"
                raise come_later("busy", text, 1) from error
            raise

    def _give_back(self, size: int) -> None:
        self.free += size
        while self._waiting and (self._waiting[0][0] <= self.free or self._waiting[0][1].done()):
            taken, turn = self._waiting.popleft()
            # One that was cancelled waits no longer.
            if not turn.done():
                self.free -= taken
                turn.set_result(None)
