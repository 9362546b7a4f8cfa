"""Jobs that came through the function of Redis, whose callers may not write into the index of open jobs."""

from __future__ import annotations

from contextlib import suppress

from workers.core.errors import ServiceAway
from workers.core.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import run
from workers.ledger.scripts import Script

ARRIVE = Script("arrive", "arrivals", when_full=True)


def take_over(redis: RedisClient) -> None:
    """Put them into the index, which is looked at next.

    Workers do so when they claim, and upkeep each second; where no worker runs, they would be in no list. A user who
    may only read sees them once one of these has. Raises ServiceAway("redis").
    """
    pipe = redis.pipeline()
    waiting = [pipe.llen(keys.arrived(queue)) for queue in QUEUES]
    pipe.execute()
    if not any(reply.value for reply in waiting):
        return
    with suppress(ServiceAway):
        run(redis, ARRIVE, list(map(keys.due, QUEUES)), [keys.PREFIX, *QUEUES])
