"""The outcome of a job under the id of the Celery message that became it, as Celery's own Redis backend stores it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis

from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.core.results import EventResult, Failure
from workers.ledger import keys
from workers.ledger.accept import Accepted
from workers.ledger.admin import LedgerAdmin
from workers.ledger.celery_results import CeleryResults
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.packing import Packer
from workers.ledger.records import Claim, dead, deferred, done, refused, waiting

pytestmark = pytest.mark.integration

RESULT = "6d9d2f6e-8f1c-4c5e-9a55-0d4bb8dbe1f4"


@pytest.fixture
def results(redis: Redis) -> CeleryResults:
    return CeleryResults(redis)


def accept(ledger: Ledger, name: str = "a") -> Accepted:
    job = Job("events.create", {"payload": {"event_name": name}}, producer="celery")
    (answer,) = ledger.accept([job])
    return answer


def claim(ledger: Ledger) -> Claim:
    (claimed,) = ledger.claim("events", 1)
    return claimed


def stored(results: CeleryResults, result_id: str = RESULT) -> dict[str, Any]:
    meta = results.read(result_id)
    assert meta is not None
    return meta


def exception(meta: dict[str, Any]) -> tuple[str, str, list[str]]:
    return meta["status"], meta["result"]["exc_type"], meta["result"]["exc_message"]


def test_a_result_follows_its_job_through_every_state(ledger: Ledger, results: CeleryResults) -> None:
    # Given a job on which a result waits
    results.await_job(RESULT, accept(ledger))
    assert results.read(RESULT) is None
    # When it is claimed, put off, claimed again and done, then the result says so each time
    first = claim(ledger)
    assert stored(results)["status"] == "STARTED"
    ledger.settle([waiting(first, 'ThreatQ "is" away', 0.0)])
    assert exception(stored(results)) == ("RETRY", "Waiting", ['ThreatQ "is" away'])
    second = claim(ledger)
    assert stored(results)["status"] == "STARTED"
    ledger.settle([done(second, EventResult(7, "https://tq/events/7"))])
    assert stored(results) == {
        "status": "SUCCESS",
        "result": {"event_id": 7, "link": "https://tq/events/7"},
        "traceback": None,
        "children": [],
        "task_id": RESULT,
    }


def test_a_dead_job_is_a_failure_until_it_is_replayed_and_done(
    ledger: Ledger, results: CeleryResults, admin: LedgerAdmin
) -> None:
    job = accept(ledger)
    results.await_job(RESULT, job)
    ledger.settle([dead(claim(ledger), Failure("no such type", error="Rejected"))])
    assert exception(stored(results)) == ("FAILURE", "Rejected", ["no such type"])
    admin.replay([job.id], note={"by": "operator"})
    ledger.settle([done(claim(ledger), EventResult(7))])
    assert stored(results)["status"] == "SUCCESS"


def test_a_job_that_loses_all_its_workers_is_a_failure(redis: Redis, results: CeleryResults) -> None:
    ledger = Ledger(redis, lease_s=0, last_chance_after_s=0)
    results.await_job(RESULT, accept(ledger))
    for _ in range(5):
        ledger.claim("events", 1)
    assert exception(stored(results))[:2] == ("FAILURE", "WorkerLost")


@pytest.mark.parametrize(
    ("settle", "status"),
    [
        # a dead one
        (lambda claim: dead(claim, "no such type"), "FAILURE"),
        # one that is refused
        (lambda claim: refused(claim, InputError("no such type", field="type")), "FAILURE"),
        # one that waits
        (lambda claim: deferred(claim, "away", 60.0), "RETRY"),
        # one that is done
        (lambda claim: done(claim, EventResult(7)), "SUCCESS"),
    ],
)
def test_what_became_of_a_job_before_is_told_at_once(
    ledger: Ledger, results: CeleryResults, settle: Any, status: str
) -> None:
    job = accept(ledger)
    ledger.settle([settle(claim(ledger))])
    results.await_job(RESULT, job)
    assert stored(results)["status"] == status


def test_a_job_that_is_worked_on_is_told_at_once_too(ledger: Ledger, results: CeleryResults) -> None:
    job = accept(ledger)
    claim(ledger)
    results.await_job(RESULT, job)
    assert stored(results)["status"] == "STARTED"


def test_so_is_one_that_is_packed(redis: Redis, ledger: Ledger, results: CeleryResults) -> None:
    # Given enough done jobs that they are packed
    for number in range(200):
        job = accept(ledger, f"event number {number}")
        ledger.settle([done(claim(ledger), EventResult(number + 1, f"https://tq/events/{number + 1}"))])
    while redis.getrange(keys.job(job.id), 0, 0) != b"+":
        Packer(redis).step(now_ms(redis) + 3_600_000)
    # When a result waits for one of them, then it has what was noted
    results.await_job(RESULT, job)
    assert stored(results)["result"] == {"event_id": 200, "link": "https://tq/events/200"}


def test_several_results_of_one_job_are_all_told_and_announced(
    redis: Redis, ledger: Ledger, results: CeleryResults
) -> None:
    job = accept(ledger)
    with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(keys.celery_result("second"))
        pubsub.get_message(timeout=5)
        for result_id in ("first", "second", "second"):
            results.await_job(result_id, job)
        ledger.settle([done(claim(ledger), EventResult(7))])
        announced = [pubsub.get_message(timeout=5) for _ in range(2)]
    assert [json.loads(message["data"])["status"] for message in announced] == ["STARTED", "SUCCESS"]
    assert stored(results, "first")["result"] == stored(results, "second")["result"] == {"event_id": 7}
    assert 0 < redis.ttl(keys.celery_result("first")) <= 86_400


@pytest.mark.parametrize("result_id", ["", "a b", 'x"y', "x" * 200, "a\n"])
def test_an_id_that_celery_would_not_make_is_left_alone(
    redis: Redis, ledger: Ledger, results: CeleryResults, result_id: str
) -> None:
    results.await_job(result_id, accept(ledger))
    results.succeeded(result_id, 1)
    ledger.settle([done(claim(ledger), EventResult(7))])
    assert [key for key in redis.keys("{tq}:celery:*") if b"meta" in key] == []


def test_a_job_for_which_no_result_waits_leaves_none(redis: Redis, ledger: Ledger) -> None:
    accept(ledger)
    ledger.settle([done(claim(ledger), EventResult(7))])
    assert [key for key in redis.keys("{tq}:celery:*") if b"meta" in key] == []
