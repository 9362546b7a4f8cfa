"""Senders that are slowed down: how one comes to be, and how its wait is over at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from redis import Redis

from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.ledger import Ledger
from workers.ledger.records import dead

#: Why every job of it is refused.
REASON = "event_type: ThreatQ has no such type; correct it"


def refuse_all(ledger: Ledger, jobs: Sequence[Job]) -> None:
    """Accept jobs of one queue and let ThreatQ refuse each of them."""
    ledger.accept(jobs)
    while claims := ledger.claim(jobs[0].kind.queue, len(jobs)):
        ledger.settle([dead(claim, REASON) for claim in claims])


def let_time_pass(redis: Redis) -> None:
    """Let the wait of every sender be over."""
    for name, value in cast("dict[str, bytes]", redis.hgetall(keys.SENDERS)).items():
        refused, _, last, reason = value.split(b" ", 3)
        redis.hset(keys.SENDERS, name, b" ".join((refused, b"0", last, reason)))
