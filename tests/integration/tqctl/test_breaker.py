"""`tqctl breaker`: the operator sees which service no worker calls, and has one called again."""

from __future__ import annotations

import pytest
from redis import Redis

from tests.support.consumer_stage import accept
from tests.support.operator import Operator
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import deferred, interrupted

pytestmark = pytest.mark.integration


def test_without_an_outage_no_breaker_is_open(operator: Operator) -> None:
    assert operator.asks("breaker") == []
    assert "none is open" in operator.types("breaker").out


def test_an_open_breaker_is_shown_with_its_reason_and_its_end(operator: Operator, ledger: Ledger) -> None:
    # Given a ThreatQ that asks for a long wait
    ledger.service_away("threatq", "ThreatQ answers GET /api/events with 429", after=600)
    # When the operator looks
    (shown,) = operator.asks("breaker")
    # Then all of it is there
    assert (shown["service"], shown["probe"]) == ("threatq", "")
    assert 599_000 <= shown["until_ms"] - shown["since_ms"] <= 600_000
    answer = operator.types("breaker")
    assert "ThreatQ answers GET /api/events with 429" in answer.out
    assert "tqctl breaker close NAME" in answer.out


def test_the_job_that_goes_ahead_is_named(operator: Operator, ledger: Ledger, redis: Redis) -> None:
    accept(ledger, 2)
    ledger.service_away("threatq", "503")
    redis.hset(keys.away("threatq"), "until", 0)
    (probe,) = ledger.claim("events", 10)
    assert operator.asks("breaker")[0]["probe"] == probe.id
    assert "probing" in operator.types("breaker").out


def test_a_breaker_that_is_closed_by_hand_lets_its_jobs_go_on(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    # Given jobs that wait for a ThreatQ that asked for a quarter of an hour, and one that waits for a setting
    accept(ledger, 3)
    first, second, third = ledger.claim("events", 3)
    ledger.service_away("threatq", "429", after=900)
    ledger.settle([deferred(first, "429", 900, service="threatq"), interrupted(second, "a setting", 900)])
    ledger.settle([deferred(third, "429", 900, service="logrhythm")])
    # When the operator closes the breaker
    answer = operator.asks("breaker", "close", "threatq")
    # Then what waited for ThreatQ is ready and announced, and nothing else
    assert answer == {"service": "threatq", "was_open": True, "ready": 1}
    assert admin.away("threatq") == {}
    assert redis.llen(keys.wake_ups("events")) >= 1
    assert [claim.id for claim in ledger.claim("events", 10)] == [first.id]


def test_closing_reaches_every_job_that_waits_however_many_there_are(
    operator: Operator, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given more jobs than are looked at in one step, every second of which waits for something else
    monkeypatch.setattr("workers.ledger.breakers.PAGE", 7)
    accept(ledger, 40)
    claims = ledger.claim("events", 40)
    ledger.service_away("threatq", "429", after=900)
    waits = [
        deferred(claim, "429", 900, service="threatq" if number % 2 else None)
        for number, claim in enumerate(claims)
    ]
    ledger.settle(waits)
    # When the breaker is closed
    assert operator.asks("breaker", "close", "threatq")["ready"] == 20
    # Then just those that waited for it are ready
    assert {claim.id for claim in ledger.claim("events", 40)} == {claim.id for claim in claims[1::2]}


def test_closing_what_is_not_open_changes_nothing(operator: Operator) -> None:
    assert operator.asks("breaker", "close", "logrhythm") == {
        "service": "logrhythm",
        "was_open": False,
        "ready": 0,
    }
    assert operator.types("breaker", "close", "nobody").code == 2
