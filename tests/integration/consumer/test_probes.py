"""The one job that goes ahead while a service is away: however it ends, the next one is not kept waiting for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from redis import Redis

from tests.support.consumer_stage import Work, accept, answered_by, do
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.consumer import QueueHandler, consume
from workers.core.errors import (
    BadCredentials,
    ConfigError,
    LeaseLost,
    MissingRights,
    Rejected,
    ServiceAway,
)
from workers.core.jobs import Job
from workers.events.handler import make_events
from workers.leases import Attempt, Leases
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import Settlement, done
from workers.payload.options import from_settings
from workers.threatq.service import connect

pytestmark = pytest.mark.integration


@pytest.fixture
def probe_is_due(ledger: Ledger, redis: Redis) -> None:
    """Three jobs, and a ThreatQ that was away and is to be tried again."""
    accept(ledger, 3)
    ledger.service_away("threatq", "connection refused")
    redis.hset(keys.away("threatq"), "until", 0)


def fails(error: Exception) -> Callable[[Attempt], list[Settlement]]:
    """Return what fails at once, without having called any service."""

    def handle(attempt: Attempt) -> list[Settlement]:
        raise error

    return handle


def answered(attempt: Attempt) -> list[Settlement]:
    """Do what the jobs ask, ThreatQ having answered."""
    with answered_by("threatq"):
        return do(attempt)


def one_round(ledger: Ledger, handle: Callable[[Attempt], list[Settlement]]) -> int:
    """Work on what one claim gives."""
    rounds = iter([False])
    handler = QueueHandler("events", handle, 100)
    return consume(handler, ledger, Leases(ledger), stopping=lambda: next(rounds, True))


@pytest.mark.parametrize(
    "error",
    [
        MissingRights("ThreatQ forbids POST /api/malware/consume"),
        ConfigError("10.0.0.300 is no address", field="private_ips"),
        Rejected("event_name: is missing"),
        KeyError("a fault of ours"),
        LeaseLost(),
        ServiceAway("logrhythm", "connection refused"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.usefixtures("probe_is_due")
def test_a_probe_that_never_called_the_service_lets_the_next_job_probe_at_once(
    error: Exception, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # When the probe ends without a word of ThreatQ's
    assert one_round(ledger, fails(error)) == 1
    # Then ThreatQ counts as away still, and the next job is the probe, without waiting for a lease
    assert admin.away("threatq")["reason"] == "connection refused"
    assert one_round(ledger, answered) == 1
    # And once it has answered, all others go on
    assert admin.away("threatq") == {}
    assert ledger.claim("events", 10) != []


@pytest.mark.usefixtures("probe_is_due")
def test_work_that_called_no_service_does_not_prove_that_it_is_back(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    # When the probe is done without a call, as a job is whose event was found by other means
    assert one_round(ledger, do) == 1
    # Then one job at a time goes ahead
    assert admin.away("threatq")["reason"] == "connection refused"
    assert len(ledger.claim("events", 10)) == 1


@pytest.mark.usefixtures("probe_is_due")
def test_a_refusal_is_an_answer_of_the_service_itself(ledger: Ledger, admin: LedgerAdmin) -> None:
    def refused(attempt: Attempt) -> list[Settlement]:
        with answered_by("threatq"):
            raise Rejected("ThreatQ refuses POST /api/events with 400")

    assert one_round(ledger, refused) == 1
    assert admin.away("threatq") == {}


@pytest.mark.usefixtures("probe_is_due")
def test_a_probe_that_finds_the_service_away_once_more_makes_the_wait_longer(
    ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    # When ThreatQ answers a first call of the probe, and not the next one
    def half(attempt: Attempt) -> list[Settlement]:
        with answered_by("threatq"):
            pass
        raise ServiceAway("threatq", "503")

    assert one_round(ledger, half) == 1
    # Then it is away, and no job goes ahead meanwhile
    assert (admin.away("threatq")["reason"], admin.away("threatq")["failures"]) == ("503", "2")
    assert ledger.claim("events", 10) == []


@pytest.mark.usefixtures("probe_is_due")
def test_a_wrong_password_keeps_the_breaker_open_although_threatq_has_answered(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    def refused(attempt: Attempt) -> list[Settlement]:
        with answered_by("threatq"):
            pass
        raise BadCredentials("threatq", "ThreatQ refuses the password")

    assert one_round(ledger, refused) == 1
    assert "refuses the password" in admin.away("threatq")["reason"]
    assert ledger.claim("events", 10) == []


def test_what_was_claimed_before_the_breaker_opened_does_not_close_it(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    # Given a job that is worked on when another worker finds ThreatQ away
    accept(ledger, 2)
    (early,) = ledger.claim("events", 1)
    ledger.service_away("threatq", "connection refused")
    # When it is done, with answers from before
    ledger.settle([done(early, {})], answered=["threatq"])
    # Then ThreatQ is away still
    assert admin.away("threatq")["reason"] == "connection refused"
    assert ledger.claim("events", 1) == []


@pytest.mark.usefixtures("probe_is_due")
def test_the_settlement_of_a_probe_that_was_taken_over_changes_nothing(
    ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    # Given a probe whose worker stood still until another job had become the probe
    (stale,) = ledger.claim("events", 10)
    redis.hset(keys.away("threatq"), "until", 0)
    (probe,) = ledger.claim("events", 10)
    # When the first one comes to its end
    ledger.settle([done(stale, {})], answered=["threatq"])
    # Then the second one is still waited for, and decides
    assert admin.away("threatq")["probe"] == probe.id
    assert ledger.claim("events", 10) == []
    ledger.settle([done(probe, {})], answered=["threatq"])
    assert admin.away("threatq") == {}


@pytest.mark.usefixtures("probe_is_due")
def test_one_that_fails_beside_the_probe_does_not_end_it(
    ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    # Given a job that was claimed before ThreatQ went away, and a probe
    redis.delete(keys.away("threatq"))
    (early,) = ledger.claim("events", 1)
    ledger.service_away("threatq", "connection refused")
    redis.hset(keys.away("threatq"), "until", 0)
    (probe,) = ledger.claim("events", 10)
    # When the first one fails
    wait_s = ledger.service_away("threatq", "connection refused", token=early.token)
    # Then it waits for a moment, not for a whole lease, and the probe decides
    assert wait_s < ledger.lease_ms / 1000 / 10
    assert admin.away("threatq")["probe"] == probe.id
    ledger.settle([done(probe, {})], answered=["threatq"])
    assert admin.away("threatq") == {}


@pytest.mark.usefixtures("probe_is_due")
def test_a_worker_that_is_stopped_hands_the_probe_on(ledger: Ledger) -> None:
    leases, claims = Leases(ledger), ledger.claim("events", 10)
    with leases.renewing(claims):
        leases.give_back("its worker was stopped", 0)
    assert len(ledger.claim("events", 10)) == 1


def test_a_real_threatq_that_answers_again_closes_the_breaker(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given jobs that found ThreatQ away
    threatq_sandbox.fault("error", next=1)
    settings = threatq_sandbox.settings()
    handle = partial(make_events, threatq=connect(settings), options=from_settings(settings))
    payload = {"event_type": "Malware", "event_happened_at": "2026-01-02T03:04:05Z"}
    ids = [
        answer.id
        for answer in ledger.accept(
            [
                Job("events.create", {"payload": {**payload, "event_name": name}}, producer="cli")
                for name in "ab"
            ]
        )
    ]
    assert one_round(ledger, handle) == 2
    assert "503" in admin.away("threatq")["reason"]
    # When it is time to try again
    redis.hset(keys.away("threatq"), "until", 0)
    redis.zadd(keys.due("events"), dict.fromkeys(ids, 0))
    assert one_round(ledger, handle) == 1
    # Then its answer closes the breaker
    assert admin.away("threatq") == {}


def test_work_is_noted_for_the_service_alone_that_answered(ledger: Ledger, redis: Redis, work: Work) -> None:
    accept(ledger, 1)
    redis.hset(keys.away("threatq"), mapping={"until": 0, "reason": "x", "failures": 1})

    def logrhythm_answers(attempt: Attempt) -> list[Settlement]:
        with answered_by("logrhythm"):
            return do(attempt)

    work(logrhythm_answers)
    assert redis.hget(keys.away("threatq"), "reason") == b"x"
