"""Jobs that no index names any more, as after a downgrade: found bit by bit, and put back where upkeep sees them."""

from __future__ import annotations

import re

import structlog

from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import run, send
from workers.ledger.scripts import Script

log = structlog.get_logger("tq.ledger")

SWEEP = Script("sweep", when_full=True)

#: Keys that one step looks at: a millisecond of Redis' time, and an hour for four hundred thousand keys.
KEYS_A_STEP = 100

#: What holds a part of a job, and the job's id in it.
_PART = re.compile(re.escape(keys.PREFIX.encode()) + rb"(?:job|progress|history):([0-9a-f]{24})")


class Sweeper:
    """Goes round all keys; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self.redis = redis
        self._cursor = b"0"

    def step(self, count: int = KEYS_A_STEP) -> bool:
        """Look at some more keys; return whether that ends a round."""
        (answer,) = send(self.redis, [("SCAN", self._cursor, "MATCH", f"{keys.PREFIX}*", "COUNT", count)])
        self._cursor, names = str(answer[0]).encode(), answer[1]
        ids = sorted({match[1].decode() for name in names if (match := _PART.fullmatch(name))})
        if ids:
            back, forgotten = run(self.redis, SWEEP, [keys.DONE, keys.DEAD], [keys.PREFIX, *ids])
            if back or forgotten:
                log.warning("orphans found", put_back=back, forgotten=forgotten)
        return self._cursor == b"0"
