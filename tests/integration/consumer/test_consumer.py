"""Working on a queue: what happens to claims when handling them succeeds, fails or breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Timer
from unittest.mock import Mock

import pytest
from redis import Redis

from sandbox.launch.redis_server import RedisServer
from tests.support.consumer_stage import NothingMade, Tries, Work, accept, do, number
from tests.support.waiting import until
from workers.consumer import BACKOFF, QueueHandler, consume
from workers.core.errors import BadCredentials, ConfigError, LeaseLost, MissingRights, Rejected, ServiceAway
from workers.leases import Attempt, Leases
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.records import Settlement, done

pytestmark = pytest.mark.integration


def test_all_that_is_ready_is_done_in_batches(ledger: Ledger, admin: LedgerAdmin, work: Work) -> None:
    accept(ledger, 250)
    sizes = []

    def handle(attempt: Attempt) -> list[Settlement]:
        sizes.append(len(attempt.claims))
        return do(attempt)

    assert work(handle) == 250
    assert sizes == [100, 100, 50]
    assert admin.open_jobs()["events"] == 0


@pytest.mark.parametrize(
    ("count", "asked"),
    [
        # The ledger's answer to the settlement says that nothing is due
        pytest.param(1, 1, id="one alone"),
        pytest.param(101, 2, id="more than a batch"),
    ],
)
def test_a_queue_is_not_asked_again_when_nothing_more_is_due(
    ledger: Ledger, work: Work, monkeypatch: pytest.MonkeyPatch, count: int, asked: int
) -> None:
    accept(ledger, count)
    claims = Mock(wraps=ledger.claim)
    monkeypatch.setattr(ledger, "claim", claims)

    assert work(do) == count
    assert claims.call_count == asked


def test_what_comes_while_others_are_worked_on_is_done_as_well(ledger: Ledger, work: Work) -> None:
    accept(ledger, 1)
    coming = [1, 0]

    def handle(attempt: Attempt) -> list[Settlement]:
        accept(ledger, coming.pop(0), first=10)
        return do(attempt)

    assert work(handle) == 2


def test_one_job_that_is_refused_dies_alone(ledger: Ledger, admin: LedgerAdmin, work: Work) -> None:
    ids = accept(ledger, 10)

    def handle(attempt: Attempt) -> list[Settlement]:
        if any(number(claim) == 7 for claim in attempt.claims):
            raise Rejected("event_name: ThreatQ says it is too long")
        return do(attempt)

    work(handle)
    assert admin.ids("dead") == [ids[7]]
    record = admin.record(ids[7])
    assert record is not None
    assert record.result["reason"] == "event_name: ThreatQ says it is too long"
    assert len(admin.ids("done")) == 9


def test_a_fault_of_ours_dies_alone_with_its_traceback(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    ids = accept(ledger, 3)

    def handle(attempt: Attempt) -> list[Settlement]:
        for claim in attempt.claims:
            {0: 0, 1: 0}[number(claim)]
        return do(attempt)

    work(handle)
    record = admin.record(ids[2])
    assert record is not None
    assert "KeyError" in record.result["traceback"]
    assert len(admin.ids("done")) == 2


def test_while_the_service_is_away_every_job_waits_and_one_call_is_made(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    accept(ledger, 300)
    calls = []

    def handle(attempt: Attempt) -> list[Settlement]:
        calls.append(len(attempt.claims))
        raise ServiceAway("threatq", "ThreatQ cannot be reached: connection refused")

    work(handle)
    work(handle)
    assert calls == [100]
    assert admin.open_jobs()["events"] == 300
    assert "connection refused" in admin.away("threatq")["reason"]


def test_a_service_that_may_still_be_at_work_is_given_time_to_end_it(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    accept(ledger, 1)

    def handle(attempt: Attempt) -> list[Settlement]:
        raise ServiceAway("threatq", "ThreatQ does not answer within 30 s", busy_s=30)

    work(handle)
    (record,) = admin.records(admin.ids("accepted"))
    assert record.result["again_in_s"] == 30


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        # Nothing can have been made, so there is nothing to look for.
        (NothingMade(), [[1, 1], [1, 1]]),
        # An attempt may have left something behind.
        (MissingRights("ThreatQ forbids GET /api/events/1/attributes"), [[1, 1], [2, 2]]),
        # Another worker may have made something.
        (LeaseLost(), [[1, 1], [2, 2]]),
    ],
)
def test_an_attempt_counts_where_something_may_have_been_made(
    error: Exception,
    attempts: list[list[int]],
    ledger: Ledger,
    work: Work,
    pass_time: Callable[[], None],
) -> None:
    accept(ledger, 2)
    handle = Tries(error)
    work(handle)
    pass_time()
    work(handle)
    assert handle.attempts == attempts


def test_what_was_tried_together_counts_though_the_lone_try_began_nothing(
    ledger: Ledger, work: Work, pass_time: Callable[[], None]
) -> None:
    accept(ledger, 2)
    handle = Tries(KeyError("after the events were made"), NothingMade())
    work(handle)
    pass_time()
    work(handle)
    assert handle.attempts == [[1, 1], [2], [2, 2]]


def test_when_the_service_is_back_everything_is_done(
    ledger: Ledger, admin: LedgerAdmin, work: Work, redis: Redis
) -> None:
    accept(ledger, 5)
    handle = Tries(ServiceAway("threatq", "503"))
    work(handle)
    redis.hset(keys.away("threatq"), "until", 0)
    redis.zadd(keys.due("events"), dict.fromkeys(admin.ids("accepted"), 0))
    work(handle)
    assert len(admin.ids("done")) == 5
    assert admin.away("threatq") == {}


def test_a_service_that_goes_away_in_the_middle_of_lone_tries_is_called_no_more(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, work: Work
) -> None:
    accept(ledger, 10)
    calls = []

    def handle(attempt: Attempt) -> list[Settlement]:
        calls.append(len(attempt.claims))
        attempt.ask(attempt.claims)
        if len(attempt.claims) > 1:
            raise Rejected("one of them is bad")
        raise ServiceAway("threatq", "503")

    work(handle)
    assert calls == [10, 1]
    assert admin.open_jobs()["events"] == 10
    # And only the one that was tried is a suspect
    solo_failures = [redis.hget(keys.progress(job_id), "strikes") for job_id in admin.ids("accepted")]
    assert solo_failures.count(b"1") == 1
    assert solo_failures.count(None) == 9


def test_a_wrong_setting_makes_jobs_wait_and_kills_none(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    accept(ledger, 3)

    def handle(attempt: Attempt) -> list[Settlement]:
        raise ConfigError("10.0.0.300 is no address", field="private_ips")

    work(handle)
    records = list(admin.records(admin.ids("accepted")))
    assert [record.state for record in records] == ["waiting"] * 3
    assert "10.0.0.300" in records[0].result["reason"]


def test_what_broke_off_in_the_middle_is_looked_for_by_the_next_attempt(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    accept(ledger, 3)
    handle = Tries(KeyError("an answer that was not expected, after the events were made"))
    work(handle)
    assert handle.attempts == [[1, 1, 1], [2], [2], [2]]
    assert len(admin.ids("done")) == 3


def test_an_attempt_makes_nothing_more_once_another_worker_has_one_of_its_jobs(
    redis: Redis, ledger: Ledger, admin: LedgerAdmin
) -> None:
    first, second = accept(ledger, 2)
    leases, reached = Leases(ledger), []

    def handle(attempt: Attempt) -> list[Settlement]:
        attempt.begin()
        # Given a worker that stands still for longer than its lease, when another one takes a job of its
        redis.zadd(keys.due("events"), {first: 0})
        (taken,) = ledger.claim("events", 1)
        ledger.settle([done(taken, {"by": "the other"})])
        attempt.begin()
        reached.append("the call that makes events")
        return do(attempt)

    consume(QueueHandler("events", handle, 100), ledger, leases, stopping=lambda: bool(admin.ids("done")))
    # Then it makes nothing; what is still its own is tried again, and looks for what is there
    assert reached == []
    assert [record.result for record in admin.records(admin.ids("done"))] == [{"by": "the other"}]
    (rest,) = admin.records(admin.ids("accepted"))
    assert (rest.id, rest.state, rest.attempts) == (second, "waiting", 1)
    assert "another worker" in rest.result["reason"]


def test_what_takes_longer_than_a_lease_stays_with_its_worker(redis: Redis, admin: LedgerAdmin) -> None:
    ledger = Ledger(redis, lease_s=0.5)
    (job_id,) = accept(ledger, 1)

    def handle(attempt: Attempt) -> list[Settlement]:
        # As long as it takes until two leases after the first one would have ended
        ends = redis.zscore(keys.due("events"), job_id)
        until(lambda: redis.zscore(keys.due("events"), job_id) > ends + 2 * ledger.lease_ms)
        assert ledger.claim("events", 1) == []
        return do(attempt)

    assert consume(QueueHandler("events", handle, 100), ledger, Leases(ledger)) == 1
    (record,) = admin.records(admin.ids("done"))
    assert record.attempts == 1


def test_what_a_worker_gives_back_is_claimed_by_the_next_and_it_settles_nothing_more(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    accept(ledger, 2)
    leases, claims = Leases(ledger), ledger.claim("events", 2)
    with leases.renewing(claims):
        assert leases.give_back("its worker was stopped", 0) == 2
        assert leases.give_back("its worker was stopped", 0) == 0
    # Then it is tried anew, as one that may have been done in part
    assert ledger.settle([done(claim, {}) for claim in claims]) == [done(claim, {}) for claim in claims]
    assert [claim.attempts for claim in ledger.claim("events", 2)] == [2, 2]
    (record,) = admin.records([claims[0].id])
    assert record.result["reason"] == "its worker was stopped"


def test_a_wrong_password_is_tried_once_and_not_by_every_job(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    accept(ledger, 300)
    calls = []

    def handle(attempt: Attempt) -> list[Settlement]:
        calls.append(len(attempt.claims))
        raise BadCredentials("threatq", "ThreatQ refuses the password")

    work(handle)
    work(handle)
    assert calls == [100]
    assert admin.open_jobs()["events"] == 300


def test_a_worker_that_stops_claims_nothing_more_and_sends_wake_ups_for_what_it_leaves(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    accept(ledger, 250)
    redis.delete(keys.wake_ups("events"))
    stops = iter([False, True])
    assert (
        consume(QueueHandler("events", do, 100), ledger, Leases(ledger), stopping=lambda: next(stops)) == 100
    )
    assert admin.open_jobs()["events"] == 150
    assert redis.llen(keys.wake_ups("events")) == 2


def test_the_waits_of_one_job_grow_to_a_minute() -> None:
    waits = [BACKOFF.pause_s(attempts) for attempts in range(1, 12)]
    assert waits[:4] == [0.5, 1, 2, 4]
    assert waits[-1] == 60


def test_what_was_done_while_redis_was_away_is_written_down_when_it_is_back(
    tmp_path: Path,
) -> None:
    # Given a Redis that dies while a job is worked on and comes back a moment later
    server = RedisServer(tmp_path, appendfsync="always").start()
    with connect(server.url, retries=0) as client:
        ledger = Ledger(client)
        accept(ledger, 2)
        again = Timer(0.5, server.start)

        def handle(attempt: Attempt) -> list[Settlement]:
            server.kill()
            again.start()
            return do(attempt)

        # When it is worked on
        consume(QueueHandler("events", handle, 100), ledger, Leases(ledger))
        # Then both are done, by their first attempt
        admin = LedgerAdmin(client)
        assert [record.attempts for record in admin.records(admin.ids("done"))] == [1, 1]
    again.join()
    server.stop()
