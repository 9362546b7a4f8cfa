"""Notices in Redis: what was told of, what is not delivered yet, and how each receiver fared.

Each write is taken by a Redis that is full, since that is one of the things to tell.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.small_writes import write
from workers.notices.decisions import Decision, Incident
from workers.notices.notice import Notice

#: Milliseconds for which one process looks after notices: all others leave them alone.
TURN_MS = 30_000


class Undelivered(Struct, frozen=True):
    """A notice for one receiver; since when it waits, how often it was tried, and when it is tried next (ms)."""

    receiver: str
    notice: Notice
    since_ms: int
    tries: int = 0
    next_ms: int = 0

    @property
    def field(self) -> str:
        """Its name: one notice for each receiver and finding, the newest."""
        return f"{self.receiver} {self.notice.finding.key}"


class Attempted(Struct, frozen=True):
    """How the last attempt at a receiver ended, in ms; `error` is "" where it took the notice."""

    at_ms: int
    answer: str = ""
    error: str = ""


class Outbox:
    """Every method raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self.redis = redis

    def take_turn(self, name: str) -> bool:
        """Tell whether `name` looks after notices now, alone in the fleet, for `TURN_MS`."""
        (answer,) = write(self.redis, ("SET", keys.NOTICES_TURN, name, "NX", "PX", TURN_MS))
        return bool(answer)

    def incidents(self) -> dict[str, Incident]:
        """Return what was told of and lasts."""
        stored = self.redis.hgetall(keys.NOTICES_INCIDENTS)
        return {key.decode(): msgspec.json.decode(text, type=Incident) for key, text in stored.items()}

    def undelivered(self) -> list[Undelivered]:
        """Return what is not delivered yet, oldest first."""
        stored = self.redis.hvals(keys.NOTICES_OUTBOX)
        waiting = [msgspec.json.decode(text, type=Undelivered) for text in stored]
        return sorted(waiting, key=lambda item: item.since_ms)

    def receivers(self) -> dict[str, Attempted]:
        """Return how the last attempt at each receiver ended."""
        stored = self.redis.hgetall(keys.NOTICES_RECEIVERS)
        return {name.decode(): msgspec.json.decode(text, type=Attempted) for name, text in stored.items()}

    def keep(self, decision: Decision, receivers: Iterable[str], now_ms: int) -> None:
        """Write a decision down at once, so that a process that dies now loses no notice and repeats none."""
        new = [Undelivered(name, notice, now_ms) for notice in decision.notices for name in receivers]
        remembered = [
            ("HSET", keys.NOTICES_INCIDENTS, key, msgspec.json.encode(incident))
            for key, incident in decision.incidents.items()
        ]
        write(
            self.redis,
            ("DEL", keys.NOTICES_INCIDENTS),
            *remembered,
            *(("HSET", keys.NOTICES_OUTBOX, item.field, msgspec.json.encode(item)) for item in new),
        )

    def put_off(self, item: Undelivered) -> None:
        """Note when an undelivered notice is tried next."""
        write(self.redis, ("HSET", keys.NOTICES_OUTBOX, item.field, msgspec.json.encode(item)))

    def forget(self, item: Undelivered) -> None:
        """Forget a notice that was delivered or given up, unless a newer one has taken its place."""
        stored = self.redis.hget(keys.NOTICES_OUTBOX, item.field)
        if stored and msgspec.json.decode(stored, type=Undelivered).notice == item.notice:
            write(self.redis, ("HDEL", keys.NOTICES_OUTBOX, item.field))

    def note(self, receiver: str, outcome: Attempted) -> None:
        """Note how an attempt at a receiver ended."""
        write(self.redis, ("HSET", keys.NOTICES_RECEIVERS, receiver, msgspec.json.encode(outcome)))
