"""`tqctl purge` and `tqctl capacity`: what fills Redis, how that goes on, and how an operator frees it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from redis import Redis

from tests.support.operator import Operator
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.markers import DAY_MS
from workers.ledger.records import dead, done

pytestmark = pytest.mark.integration


def event(number: int) -> Job:
    return Job("events.create", {"payload": {"n": number}}, producer="cli", title=f"event {number}")


def done_jobs(ledger: Ledger, redis: Redis, count: int, *, days_ago: float) -> None:
    """Do so many jobs, as if some days ago."""
    ledger.accept([event(number) for number in range(count)])
    claims = ledger.claim("events", count)
    ledger.settle([done(claim, EventResult(event_id=7)) for claim in claims])
    ended = now_ms(ledger.redis) - days_ago * DAY_MS
    redis.zadd(keys.DONE, {claim.id: ended for claim in claims})


def rows(operator: Operator) -> dict[str, dict[str, Any]]:
    return {row["what"]: row for row in operator.asks("capacity")}


def test_a_dry_run_of_purge_counts_and_forgets_nothing(
    operator: Operator, ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    done_jobs(ledger, redis, 5, days_ago=3)
    assert operator.asks("purge", "--dry-run") == {"dry_run": True, "jobs": 5, "markers": 0}
    assert admin.record(event(1).id)


def test_purge_forgets_at_once_what_is_older_than_it_is_kept(
    operator: Operator, ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    done_jobs(ledger, redis, 450, days_ago=3)
    assert operator.asks("purge", "--yes") == {"dry_run": False, "jobs": 450, "markers": 0}
    assert admin.record(event(1).id) is None
    assert admin.marker(event(1).id)
    assert operator.asks("purge", "--yes") == {"dry_run": False, "jobs": 0, "markers": 0}


def test_purge_forgets_what_the_operator_says_of_markers_too(
    operator: Operator, ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    done_jobs(ledger, redis, 5, days_ago=1)
    assert operator.asks("purge", "--dry-run")["jobs"] == 0
    assert operator.asks("purge", "--done-older-than", "12h", "--yes")["jobs"] == 5
    ages = ("--markers-older-than", "0h")
    assert operator.asks("purge", *ages, "--dry-run") == {"dry_run": True, "jobs": 0, "markers": 5}
    assert operator.asks("purge", *ages, "--yes")["markers"] == 5
    assert ledger.accept([event(1)])[0].created


def test_without_a_yes_purge_asks_and_a_script_is_refused(
    operator: Operator, ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    done_jobs(ledger, redis, 5, days_ago=3)
    answer = operator.types("purge")
    assert answer.code == 2
    assert "--yes" in answer.err
    assert admin.record(event(1).id)


def test_capacity_names_what_fills_the_memory_and_what_frees_it(
    operator: Operator, ledger: Ledger, redis: Redis
) -> None:
    # Given done jobs, markers, open and dead ones
    done_jobs(ledger, redis, 300, days_ago=3)
    ledger.retention.retire(now_ms(ledger.redis), most=100)
    ledger.accept([event(1000), event(1001)])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([dead(claim, "refused")])
    found = rows(operator)
    # Then each is there with the bytes of one, and with what frees it
    counts = {name: re.match(r"([\d,]+), about", row["then"]) for name, row in found.items()}
    by_kind = {name: int(match[1].replace(",", "")) for name, match in counts.items() if match}
    assert by_kind["memory of done jobs"] == 200
    assert by_kind["memory of open jobs of events"] == by_kind["memory of dead jobs"] == 1
    assert "keep_bodies_days" in found["memory of done jobs"]["then"]
    assert "tqctl dead" in found["memory of dead jobs"]["then"]
    # measured, not guessed
    assert found["memory of done jobs"]["used"] > 200 * 200


def test_capacity_says_when_the_memory_is_full_at_the_pace_of_the_last_day(
    operator: Operator, ledger: Ledger, redis: Redis
) -> None:
    done_jobs(ledger, redis, 1000, days_ago=0.5)
    used = redis.info("memory")["used_memory"]
    try:
        # Given room for the bodies of a few hours more
        redis.config_set("maxmemory", int(used / 0.7 + 500_000))
        row = next(row for name, row in rows(operator).items() if "jobs a day" in name)
        assert re.search(r"full in \d+\.\d days: raise maxmemory, or lower keep_bodies_days", row["then"])
        # Given plenty
        redis.config_set("maxmemory", 2**30)
        row = next(row for name, row in rows(operator).items() if "jobs a day" in name)
        assert row["then"] == "it does not grow beyond that"
        assert row["percent"] < 10
    finally:
        redis.config_set("maxmemory", 0)


def test_capacity_of_an_empty_ledger_names_nothing_that_fills_it(operator: Operator) -> None:
    found = rows(operator)
    assert [name for name in found if name.startswith("memory of")] == []
