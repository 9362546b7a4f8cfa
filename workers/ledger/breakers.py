"""The breakers: which services no worker calls now, which queues wait, why and until when; and closing one by hand."""

from __future__ import annotations

from collections.abc import Sequence

from workers.ledger import keys
from workers.ledger.acts import Auditor
from workers.ledger.breaker_records import Away, QueueWait, read_breaker, read_queue_wait
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms, run
from workers.ledger.scripts import Script
from workers.ledger.senders import SlowedSender, read_sender

#: The services that have a breaker, and their names as people use them.
SERVICES = {"threatq": "ThreatQ", "logrhythm": "LogRhythm"}

#: The services that a queue's work needs; while one of them is away, nothing of the queue is claimed.
NEEDS: dict[str, tuple[str, ...]] = {
    "events": ("threatq",),
    "enrichment": ("threatq",),
    "sync": ("threatq", "logrhythm"),
    "upkeep": (),
}

HASTEN = Script("hasten", when_full=True)

#: Waiting jobs that one call makes ready.
PAGE = 1_000


def open_breakers(redis: RedisClient) -> tuple[list[Away], list[QueueWait]]:
    """Return the services that are away, and the queues that wait; raises ServiceAway("redis")."""
    pipe = redis.pipeline()
    replies = {name: pipe.hgetall(keys.away(name)) for name in (*SERVICES, *NEEDS)}
    pipe.execute()
    records = {name: fields.value for name, fields in replies.items() if fields.value}
    away = [read_breaker(name, fields) for name, fields in records.items() if name in SERVICES]
    return away, [read_queue_wait(name, fields) for name, fields in records.items() if name in NEEDS]


def slowed_senders(redis: RedisClient) -> list[SlowedSender]:
    """Return the senders that are slowed down now; raises ServiceAway("redis")."""
    now = now_ms(redis)
    senders = [read_sender(name.decode(), value, now) for name, value in redis.hgetall(keys.SENDERS).items()]
    return [sender for sender in senders if sender.wait_s]


def queues_behind(name: str) -> list[str]:
    """Return the queues that wait while the breaker of a service, or of a queue, is open."""
    return [queue for queue, needs in NEEDS.items() if name in (queue, *needs)]


def close_breaker(redis: RedisClient, name: str, audit: Auditor) -> int | None:
    """Let workers call a service again, or try the jobs of a queue, and what waits for that be tried now.

    Returns how many jobs were made ready, None where the breaker was closed already; raises ServiceAway("redis").
    """
    if not redis.delete(keys.away(name)):
        return None
    audit.record("breaker close", name)
    return sum(_hasten(redis, queue, name) for queue in queues_behind(name))


def ask_now(redis: RedisClient, queue: str) -> int:
    """Let the next job of a queue ask the services that are away, and make ready what waits; return how many jobs.

    Where a service is still away, its breaker stays open as before. Raises ServiceAway("redis").
    """
    return _hasten(redis, queue, "", [keys.away(name) for name in (*NEEDS[queue], queue)])


def _hasten(redis: RedisClient, queue: str, service: str, breakers: Sequence[str] = ()) -> int:
    """Make the jobs of a queue ready that wait for a service, or for anything (""); return how many."""
    moved, passed = 0, 0
    while True:
        scanned: int
        ready: int
        scanned, ready = run(
            redis, HASTEN, [keys.due(queue), *breakers], [keys.PREFIX, service, passed, PAGE]
        )
        moved += ready
        passed += scanned - ready
        if scanned < PAGE:
            return moved
