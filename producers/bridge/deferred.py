"""Messages of senders that are slowed down: they wait in a sorted set of the bridges' own, and block no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil

from producers.bridge.sources import BLOCK_S, Taken
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms, run, send
from workers.ledger.scripts import Script

#: A message only changes its place, so a full Redis takes part.
DEFER, GIVE_BACK = Script("defer", when_full=True), Script("give_back", when_full=True)

#: Messages that are taken at a time; each may be large.
MOST_MESSAGES = 32


class DeferredSource:
    """What waits for its sender. All bridges share it; what two of them take at once is one job in the ledger."""

    name = keys.INGEST_DEFERRED

    def __init__(self, redis: RedisClient, wait: Callable[[float], object]) -> None:
        self.redis = redis
        self._wait = wait
        self._looked_at_ms = 0

    def keep(self, waits: Mapping[bytes, float]) -> None:
        """Let messages wait for so many seconds each; repeating it does no harm."""
        if waits:
            # Later than it was looked for, so that `done` sees that it waits again.
            times = {message: max(1, ceil(wait_s * 1000)) for message, wait_s in waits.items()}
            words = [word for message, wait_ms in times.items() for word in (message, wait_ms)]
            run(self.redis, DEFER, [self.name], words)

    def take(self) -> Taken:
        """Return messages whose wait is over; none after BLOCK_S without one."""
        self._looked_at_ms = now = now_ms(self.redis)
        due = self.redis.zrangebyscore(self.name, "-inf", now, start=0, num=MOST_MESSAGES, withscores=True)
        if not due:
            self._wait(BLOCK_S)
        return Taken([message for message, _ in due])

    def done(self, taken: Taken) -> None:
        """Forget messages, but for those that wait again since they were taken."""
        times = send(self.redis, [("ZSCORE", self.name, message) for message in taken.messages])
        waited = [
            message
            for message, time in zip(taken.messages, times, strict=True)
            if time is not None and float(time) <= self._looked_at_ms
        ]
        if waited:
            self.redis.zrem(self.name, *waited)

    def close(self) -> None:
        """Give nothing back: the other sources still put something in."""

    def give_back(self) -> None:
        """Put all back into a list, where a bridge of an older version looks too; the next one lets it wait again."""
        while run(self.redis, GIVE_BACK, [self.name, keys.INGEST_RPUSH], [MOST_MESSAGES]) == MOST_MESSAGES:
            pass
