"""Working on a queue: what happens to claims when handling them succeeds, fails or breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from redis import Redis

from workers.drain import Bench, Handle, backoff_s, drain
from workers.errors import BadCredentials, ConfigError, MissingRights, Rejected, ServiceAway
from workers.jobs import Job
from workers.leases import Leases
from workers.ledger import keys
from workers.ledger.desk import Desk
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement, done

pytestmark = pytest.mark.integration

Work = Callable[[Handle], int]


@pytest.fixture
def work(ledger: Ledger) -> Work:
    def with_handle(handle: Handle) -> int:
        return drain(Bench("events", handle, 100), ledger, Leases(ledger))

    return with_handle


def accept(ledger: Ledger, count: int) -> list[str]:
    jobs = [Job("events.create", {"payload": {"number": number}}, door="cli") for number in range(count)]
    return [answer.id for answer in ledger.accept(jobs)]


def number(claim: Claim) -> int:
    return int(claim.arguments["payload"]["number"])


def do(claims: Sequence[Claim]) -> list[Settlement]:
    return [done(claim, {}) for claim in claims]


def test_all_that_is_ready_is_done_in_batches(ledger: Ledger, desk: Desk, work: Work) -> None:
    accept(ledger, 250)
    sizes = []

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        sizes.append(len(claims))
        return do(claims)

    assert work(handle) == 250
    assert sizes == [100, 100, 50]
    assert desk.open_jobs()["events"] == 0


def test_one_job_that_is_refused_dies_alone(ledger: Ledger, desk: Desk, work: Work) -> None:
    ids = accept(ledger, 10)

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        if any(number(claim) == 7 for claim in claims):
            raise Rejected("event_name: ThreatQ says it is too long")
        return do(claims)

    work(handle)
    assert desk.ids("dead") == [ids[7]]
    record = desk.record(ids[7])
    assert record is not None
    assert record.result["reason"] == "event_name: ThreatQ says it is too long"
    assert len(desk.ids("done")) == 9


def test_a_fault_of_ours_dies_alone_with_its_traceback(ledger: Ledger, desk: Desk, work: Work) -> None:
    ids = accept(ledger, 3)

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        for claim in claims:
            {0: 0, 1: 0}[number(claim)]
        return do(claims)

    work(handle)
    record = desk.record(ids[2])
    assert record is not None
    assert "KeyError" in record.result["traceback"]
    assert len(desk.ids("done")) == 2


def test_while_the_service_is_away_every_job_waits_and_one_call_is_made(
    ledger: Ledger, desk: Desk, work: Work
) -> None:
    accept(ledger, 300)
    calls = []

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        calls.append(len(claims))
        raise ServiceAway("threatq", "ThreatQ cannot be reached: connection refused")

    work(handle)
    work(handle)
    assert calls == [100]
    assert desk.open_jobs()["events"] == 300
    assert "connection refused" in desk.away("threatq")["reason"]


def test_when_the_service_is_back_everything_is_done(
    ledger: Ledger, desk: Desk, work: Work, redis: Redis
) -> None:
    accept(ledger, 5)

    def away(claims: Sequence[Claim]) -> list[Settlement]:
        raise ServiceAway("threatq", "503")

    work(away)
    redis.hset(keys.away("threatq"), "until", 0)
    for job_id in redis.zrange(keys.due("events"), 0, -1):
        redis.zadd(keys.due("events"), {job_id: 0})
    work(do)
    assert len(desk.ids("done")) == 5
    assert desk.away("threatq") == {}


def test_a_service_that_goes_away_in_the_middle_of_lone_tries_is_called_no_more(
    ledger: Ledger, desk: Desk, work: Work
) -> None:
    accept(ledger, 10)
    calls = []

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        calls.append(len(claims))
        if len(claims) > 1:
            raise Rejected("one of them is bad")
        raise ServiceAway("threatq", "503")

    work(handle)
    assert calls == [10, 1]
    assert desk.open_jobs()["events"] == 10


def test_a_wrong_setting_makes_jobs_wait_and_kills_none(ledger: Ledger, desk: Desk, work: Work) -> None:
    accept(ledger, 3)

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        raise ConfigError("10.0.0.300 is no address", field="private_ips")

    work(handle)
    records = list(desk.records(desk.ids("accepted")))
    assert [record.state for record in records] == ["waiting"] * 3
    assert "10.0.0.300" in records[0].result["reason"]


def test_what_broke_off_in_the_middle_is_looked_for_by_the_next_attempt(
    ledger: Ledger, desk: Desk, work: Work
) -> None:
    accept(ledger, 3)
    attempts = []

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        attempts.append([claim.attempts for claim in claims])
        if len(claims) > 1:
            raise KeyError("an answer that nobody expected, after the events were made")
        return do(claims)

    work(handle)
    assert attempts == [[1, 1, 1], [2], [2], [2]]
    assert len(desk.ids("done")) == 3


def test_after_a_wrong_setting_the_attempt_counts_since_something_may_have_been_made(
    ledger: Ledger, desk: Desk, work: Work, redis: Redis
) -> None:
    accept(ledger, 2)
    attempts = []

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        attempts.append([claim.attempts for claim in claims])
        if len(attempts) == 1:
            raise MissingRights("ThreatQ forbids GET /api/events/1/attributes")
        return do(claims)

    work(handle)
    redis.zadd(keys.due("events"), dict.fromkeys(desk.ids("accepted"), 0))
    work(handle)
    assert attempts == [[1, 1], [2, 2]]


def test_a_wrong_password_is_tried_once_and_not_by_every_job(ledger: Ledger, desk: Desk, work: Work) -> None:
    accept(ledger, 300)
    calls = []

    def handle(claims: Sequence[Claim]) -> list[Settlement]:
        calls.append(len(claims))
        raise BadCredentials("ThreatQ refuses the password")

    work(handle)
    work(handle)
    assert calls == [100]
    assert desk.open_jobs()["events"] == 300


def test_a_worker_that_stops_claims_nothing_more_and_rings_for_what_it_leaves(
    ledger: Ledger, redis: Redis, desk: Desk
) -> None:
    accept(ledger, 250)
    redis.delete(keys.bells("events"))
    stops = iter([False, True])
    assert drain(Bench("events", do, 100), ledger, Leases(ledger), stopping=lambda: next(stops)) == 100
    assert desk.open_jobs()["events"] == 150
    assert redis.llen(keys.bells("events")) == 2


def test_the_waits_of_one_job_grow_to_a_minute() -> None:
    waits = [backoff_s(attempts) for attempts in range(1, 12)]
    assert waits[:4] == [0.5, 1, 2, 4]
    assert waits[-1] == 60
