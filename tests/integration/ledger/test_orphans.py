"""What no index names any more, as after a downgrade: it comes back where it belongs, and nothing stays for ever."""

from __future__ import annotations

import pytest
from redis import Redis

from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.orphans import Sweeper
from workers.ledger.packing import AFTER_MS, Packer
from workers.ledger.records import dead, done

pytestmark = pytest.mark.integration


def event(number: int) -> Job:
    return Job("events.create", {"payload": {"number": number}}, producer="cli", title=f"event {number}")


def do(ledger: Ledger, *numbers: int) -> list[str]:
    """Let the events of some payloads be made."""
    ids = [answer.id for answer in ledger.accept([event(number) for number in numbers])]
    claims = ledger.claim("events", len(ids))
    ledger.settle([done(claim, EventResult(event_id=4711)) for claim in claims])
    return ids


def sweep(ledger: Ledger) -> None:
    """Let upkeep go round all keys once."""
    sweeper = Sweeper(ledger.redis)
    while not sweeper.step():
        pass


def parts(redis: Redis) -> list[bytes]:
    """Return the keys that hold a part of a job."""
    return sorted(
        name for part in ("job", "progress", "history") for name in redis.keys(f"{keys.PREFIX}{part}:*")
    )


def test_done_jobs_that_an_older_upkeep_has_forgotten_leave_a_marker_and_nothing_else(
    ledger: Ledger, redis: Redis
) -> None:
    # Given done jobs, one of them packed, and a downgrade: the older upkeep drops them from its index, and their keys
    # do not expire as those of its own jobs do
    do(ledger, 1)
    Packer(ledger.redis).step(now_ms(ledger.redis) + AFTER_MS + 1)
    do(ledger, 2)
    redis.zremrangebyscore(keys.DONE, "-inf", "+inf")
    ledger.retention.retire(now_ms(ledger.redis) + 1)
    assert len(parts(redis)) >= 3
    # When this version is back, and its upkeep has gone round
    sweep(ledger)
    ledger.retention.retire(now_ms(ledger.redis) + 1)
    # Then nothing of them stays but what answers a repeat
    assert [name for name in parts(redis) if b"dictionary" not in name] == []
    for number in (1, 2):
        (again,) = ledger.accept([event(number)])
        assert (again.created, again.state, again.event_id) == (False, "done", 4711)


def test_a_dead_letter_and_an_open_job_without_an_index_come_back(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given a dead letter and an open job that no index names
    (buried,) = ledger.accept([event(1)])
    ledger.settle([dead(claim, "refused") for claim in ledger.claim("events", 1)])
    (waiting,) = ledger.accept([event(2)])
    redis.delete(keys.DEAD, keys.due("events"))
    # When upkeep has gone round
    sweep(ledger)
    # Then the one waits for an operator and the other one for a worker
    assert admin.ids("dead") == [buried.id]
    assert [claim.id for claim in ledger.claim("events", 10)] == [waiting.id]


def test_what_is_left_of_a_job_that_is_gone_is_forgotten_but_not_that_it_was_tried(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given a progress and a history without their job, and a dead letter that was dropped after an attempt
    gone = event(1).id
    redis.hset(keys.progress(gone), "state", "done")
    redis.xadd(keys.history(gone), {"state": "done", "entry": "{}"})
    (buried,) = ledger.accept([event(2)])
    ledger.settle([dead(claim, "refused") for claim in ledger.claim("events", 1)])
    admin.drop([buried.id])
    # When upkeep has gone round
    sweep(ledger)
    # Then only what expires by itself is there
    assert parts(redis) == [keys.progress(buried.id).encode()]
    assert redis.ttl(keys.progress(buried.id)) > 0


def test_what_is_in_order_and_what_expires_by_itself_stays_as_it_is(ledger: Ledger, redis: Redis) -> None:
    # Given open, running, done and dead jobs, and a done one of the version before, whose keys expire
    do(ledger, 1, 2)
    ledger.accept([event(3), event(4)])
    ledger.settle([dead(ledger.claim("events", 1)[0], "refused")])
    ledger.accept([event(5)])
    ledger.claim("events", 1)
    (older,) = do(ledger, 6)
    redis.zrem(keys.DONE, older)
    redis.expire(keys.job(older), 60)
    before = {name: redis.dump(name) for name in redis.keys("*")}
    # When upkeep has gone round
    sweep(ledger)
    # Then nothing has changed
    assert {name: redis.dump(name) for name in redis.keys("*")} == before


@pytest.mark.parametrize("count", [1, 1_200], ids=["a short list", "a long list"])
def test_what_came_through_the_function_and_is_in_no_index_yet_is_no_orphan(
    ledger: Ledger, redis: Redis, count: int
) -> None:
    # Given jobs that wait in the list of those that the function has accepted
    ids = [answer.id for answer in ledger.accept([event(number) for number in range(count)])]
    redis.delete(keys.due("events"))
    redis.rpush(keys.arrived("events"), *ids)
    # When upkeep goes round
    sweep(ledger)
    # Then they are left to the next claim
    assert redis.zcard(keys.due("events")) == 0
    assert {claim.id for claim in ledger.claim("events", count)} <= set(ids)
