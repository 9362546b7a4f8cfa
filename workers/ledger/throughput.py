"""How many jobs came to an end, minute by minute."""

from __future__ import annotations

from msgspec import Struct

from workers.ledger import keys
from workers.ledger.client import RedisClient


class Minute(Struct, frozen=True):
    """One minute by Redis's clock: when it began (ms), and how many jobs were done, dead and put off in it."""

    at_ms: int
    done: int = 0
    dead: int = 0
    waiting: int = 0


def last_minutes(redis: RedisClient, count: int = 60) -> list[Minute]:
    """Return the last `count` minutes, the running one last; raises ServiceAway("redis")."""
    seconds, _ = redis.time()
    numbers = range(seconds // 60 - count + 1, seconds // 60 + 1)
    pipe = redis.pipeline(transaction=False)
    counts = {number: pipe.hmget(keys.minute(number), "done", "dead", "waiting") for number in numbers}
    pipe.execute()
    return [
        Minute(number * 60_000, *(int(value or 0) for value in values.value))
        for number, values in counts.items()
    ]
