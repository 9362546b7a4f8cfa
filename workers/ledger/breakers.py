"""The breakers: which services no worker calls now, why and until when; and closing one by hand."""

from __future__ import annotations

from msgspec import Struct

from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import run
from workers.ledger.scripts import Script

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


class Away(Struct, frozen=True):
    """A service that is away: why, since when and until when no worker calls it (ms of Redis' clock).

    `failures` counts how often in a row it was found away; `probe` is the job that goes ahead now, to see whether the
    service is back, "" for none.
    """

    service: str
    reason: str
    since_ms: int
    until_ms: int
    failures: int
    probe: str = ""


def read_breaker(service: str, fields: dict[bytes, bytes]) -> Away:
    """Return what the fields of a breaker say."""

    def number(name: bytes) -> int:
        return int(fields.get(name, b"0"))

    reason, probe = fields.get(b"reason", b""), fields.get(b"probe", b"")
    return Away(
        service,
        reason.decode(errors="replace"),
        number(b"since"),
        number(b"until"),
        number(b"failures"),
        probe.decode(),
    )


def open_breakers(redis: RedisClient) -> list[Away]:
    """Return the breakers that are open; raises ServiceAway("redis")."""
    pipe = redis.pipeline(transaction=False)
    breakers = {service: pipe.hgetall(keys.away(service)) for service in SERVICES}
    pipe.execute()
    return [read_breaker(name, fields.value) for name, fields in breakers.items() if fields.value]


def close_breaker(redis: RedisClient, service: str) -> int | None:
    """Let workers call a service again, and the jobs that wait for it be tried now.

    Returns how many jobs those are, None where the breaker was closed already; raises ServiceAway("redis").
    """
    if not redis.delete(keys.away(service)):
        return None
    queues = [queue for queue, needs in NEEDS.items() if service in needs]
    return sum(_hasten(redis, queue, service) for queue in queues)


def _hasten(redis: RedisClient, queue: str, service: str) -> int:
    """Make the jobs of a queue ready that wait for a service; return how many."""
    moved, passed = 0, 0
    while True:
        found: int
        ready: int
        found, ready = run(redis, HASTEN, [keys.due(queue)], [keys.PREFIX, service, passed, PAGE])
        moved += ready
        passed += found - ready
        if found < PAGE:
            return moved
