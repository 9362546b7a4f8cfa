"""How many jobs came to an end, and how long the done ones took, minute by minute."""

from __future__ import annotations

from msgspec import Struct, field

from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.latency import Latency, of_minute


class Minute(Struct, frozen=True):
    """One minute by Redis's clock: when it began (ms), and how many jobs were done, dead and put off in it.

    `took` is how long those that were done took since they were accepted.
    """

    at_ms: int
    done: int = 0
    dead: int = 0
    waiting: int = 0
    took: Latency = field(default_factory=Latency)


def last_minutes(redis: RedisClient, count: int = 60) -> list[Minute]:
    """Return the last `count` minutes, the running one last; raises ServiceAway("redis")."""
    seconds, _ = redis.time()
    numbers = range(seconds // 60 - count + 1, seconds // 60 + 1)
    pipe = redis.pipeline()
    counts = {number: pipe.hgetall(keys.minute(number)) for number in numbers}
    pipe.execute()
    return [_minute(number, fields.value) for number, fields in counts.items()]


def _minute(number: int, fields: dict[bytes, bytes]) -> Minute:
    done, dead, waiting = (int(fields.get(state, 0)) for state in (b"done", b"dead", b"waiting"))
    return Minute(number * 60_000, done, dead, waiting, of_minute(fields))
