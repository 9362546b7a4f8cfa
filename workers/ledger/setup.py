"""Whether ThreatQ and LogRhythm are set up at all: told by the workers, since a door does not have their settings."""

from __future__ import annotations

from redis import Redis

from workers.ledger import keys
from workers.ledger.ledger import answering


def tell(redis: Redis, service: str, lacking: str) -> None:
    """Say what is not set up of a service, "" for nothing; raises ServiceAway("redis")."""
    with answering():
        redis.hset(keys.LACKING, service, lacking)
