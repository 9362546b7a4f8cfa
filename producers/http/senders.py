"""Which senders are slowed down, as the HTTP entry point knows it: asked of the ledger once a second for each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from producers.http.problems import come_later
from workers.core.errors import ServiceAway, SlowedDown
from workers.ledger.connection import follow_async
from workers.ledger.senders import check_flow, sender_name

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: Seconds for which what the ledger said of a sender is believed.
BELIEVED_S = 1.0


class Senders:
    """Refuses requests of those whose jobs keep being refused; no sender waits for another one's faults."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._known: dict[str, tuple[float, SlowedDown | None]] = {}

    async def check(self, sender: str, *, status: int) -> None:
        """Raise Problem with `status` and Retry-After while nothing is accepted from `sender`."""
        asked_at, slowed = self._known.get(sender, (0.0, None))
        age_s = time.monotonic() - asked_at
        if age_s >= BELIEVED_S:
            slowed, age_s = await self._ask(sender), 0.0
        if slowed is not None and (left_s := (slowed.after or 0.0) - age_s) > 0:
            raise come_later("slowed_down", str(slowed), left_s, status=status)

    async def _ask(self, sender: str) -> SlowedDown | None:
        slowed = None
        try:
            await follow_async(self._redis, check_flow(sender_name("http", sender)))
        except SlowedDown as error:
            slowed = error
        except ServiceAway:
            # Accepting finds that as well, and says it better.
            return None
        self._known[sender] = (time.monotonic(), slowed)
        return slowed
