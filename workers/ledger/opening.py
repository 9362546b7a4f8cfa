"""The ledger as the settings describe it."""

from __future__ import annotations

from redis import Redis

from workers.config import Settings
from workers.ledger.ledger import Ledger
from workers.ledger.replicas import Replicas


def open_ledger(redis: Redis, settings: Settings) -> Ledger:
    """Return the ledger that lies in `redis`, with the limits and times of `settings`; nothing is called yet."""
    return Ledger(
        redis,
        lease_s=settings.lease_s,
        keep_done_s=settings.keep_done_s,
        most_open=settings.max_open_jobs,
        most_memory_percent=settings.memory_percent,
        replicas=Replicas(settings.accept_replicas, settings.accept_wait_ms),
    )
