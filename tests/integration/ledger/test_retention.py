"""Retention: what is done is forgotten in time, so that Redis holds as much after a week as after a day."""

from __future__ import annotations

import pytest
from redis import Redis

from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.ledger import Ledger
from workers.ledger.records import done, waiting

pytestmark = pytest.mark.integration

DAYS, JOBS_A_DAY = 7, 300

#: How long a simulated "seven days" of remembering last here.
KEEP_S = 0.2


def a_day(ledger: Ledger, day: int) -> None:
    """Accept a day's jobs, put some off once, and do them all."""
    numbers = range(day * JOBS_A_DAY, (day + 1) * JOBS_A_DAY)
    for start in range(0, JOBS_A_DAY, 100):
        ledger.accept(
            [
                Job("events.create", {"payload": {"n": n}}, producer="cli")
                for n in numbers[start : start + 100]
            ]
        )
    while claims := ledger.claim("events", 100):
        late = [
            claim for claim in claims if claim.attempts == 1 and claim.arguments["payload"]["n"] % 10 == 0
        ]
        ledger.settle([waiting(claim, "ThreatQ is away", 0) for claim in late])
        ledger.settle([done(claim, {"event_id": 1}) for claim in claims if claim not in late])


def forgotten(ledger: Ledger) -> bool:
    """Let upkeep work; whether nothing of a single job is left."""
    ledger.look_after()
    # A walk over all keys drops those that have expired, which Redis else does at its leisure.
    kinds = {key.split(b":")[1] for key in ledger.redis.scan_iter(count=1000)}
    return not kinds & {b"job", b"progress", b"history"} and not ledger.redis.zcard(keys.DONE)


def test_a_week_of_jobs_leaves_no_more_behind_than_a_day(redis: Redis) -> None:
    ledger = Ledger(redis, keep_done_s=KEEP_S)
    held: list[set[bytes]] = []
    for day in range(DAYS):
        # When a day has passed and what was done is old enough to be forgotten
        a_day(ledger, day)
        until(lambda: forgotten(ledger))
        redis.delete(keys.wake_ups("events"))
        held.append(set(redis.scan_iter(count=1000)))
    # Then each day ended with the same few keys, and the lists of ids are empty
    assert all(len(day) < 10 for day in held), held
    assert redis.zcard(keys.DONE) == redis.zcard(keys.due("events")) == 0
