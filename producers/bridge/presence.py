"""Signs of life of the bridges, and what becomes of the messages of one that gives none."""

from __future__ import annotations

import structlog

from producers.bridge.sources import OLDEST, give_back
from producers.bridge.suspects import Suspects
from workers.core.files import show_life
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.small_writes import write

log = structlog.get_logger("tq.bridge")


class Presence:
    """One bridge among others."""

    def __init__(
        self, redis: RedisClient, bridge_id: str, *, takeover_s: float, heartbeat_file: str = ""
    ) -> None:
        self.redis = redis
        self.bridge_id = bridge_id
        self.takeover_ms = int(takeover_s * 1000)
        self.suspects = Suspects(redis)
        self.heartbeat_file = heartbeat_file

    def beat(self) -> None:
        """Give a sign of life, and put back into the lists what silent bridges had taken."""
        write(
            self.redis,
            ("SADD", keys.INGEST_BRIDGES, self.bridge_id),
            ("SET", keys.ingest_alive(self.bridge_id), 1, "PX", self.takeover_ms),
        )
        for bridge_id in self._silent():
            self._take_over(bridge_id)
        show_life(self.heartbeat_file)

    def leave(self) -> None:
        """Say that this bridge has nothing any more."""
        self.redis.delete(keys.ingest_alive(self.bridge_id))
        self.redis.srem(keys.INGEST_BRIDGES, self.bridge_id)

    def _silent(self) -> list[str]:
        ids = [member.decode() for member in self.redis.smembers(keys.INGEST_BRIDGES)]
        return [bridge_id for bridge_id in ids if not self.redis.exists(keys.ingest_alive(bridge_id))]

    def _take_over(self, bridge_id: str) -> None:
        for name in OLDEST:
            if taken := self.redis.lrange(keys.ingest_taken(name, bridge_id), 0, -1):
                self.suspects.mark(taken)
        count = sum(give_back(self.redis, name, keys.ingest_taken(name, bridge_id)) for name in OLDEST)
        self.redis.srem(keys.INGEST_BRIDGES, bridge_id)
        log.warning("took over from a silent bridge", bridge=bridge_id, messages=count)
