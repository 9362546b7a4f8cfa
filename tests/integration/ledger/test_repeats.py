"""What is sent again: the job that is owed already, or a new one where the first is owed no more."""

from __future__ import annotations

import pytest
from redis import Redis

from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.records import dead

pytestmark = pytest.mark.integration


def event(number: int = 1, *, key: str = "flow-1") -> Job:
    return Job("events.create", {"payload": {"number": number}}, producer="http", key=key)


def lookup() -> Job:
    return Job("indicators.lookup", {"type": "FQDN", "value": "bad.example"}, producer="stub")


def drop(job: Job, ledger: Ledger, admin: LedgerAdmin) -> str:
    """Let `job` die and be dropped."""
    ledger.accept([job])
    (claim,) = ledger.claim(job.kind.queue, 1)
    ledger.settle([dead(claim, "the type is unknown")])
    assert admin.drop([claim.id]) == 1
    return claim.id


@pytest.mark.parametrize("job", [event, lookup], ids=["an Idempotency-Key", "the same click"])
def test_what_was_dropped_and_is_sent_again_is_a_new_job(
    ledger: Ledger, admin: LedgerAdmin, job: type[Job]
) -> None:
    # Given a dead letter that was dropped
    drop(job(), ledger, admin)
    # When the same is sent again, with the same key
    (answer,) = ledger.accept([job()])
    # Then it is owed
    assert answer.created
    assert [record.state for record in admin.records([answer.id])] == ["accepted"]
    # and a further repeat answers this job
    (again,) = ledger.accept([job()])
    assert (again.id, again.created) == (answer.id, False)


def test_the_key_of_a_dropped_job_is_free_for_another_payload(ledger: Ledger, admin: LedgerAdmin) -> None:
    drop(event(1), ledger, admin)
    (answer,) = ledger.accept([event(2)])
    assert (answer.created, answer.conflict) == (True, False)


def test_a_key_that_stands_twice_in_one_batch_is_one_job(ledger: Ledger, admin: LedgerAdmin) -> None:
    first, again = ledger.accept([lookup(), lookup()])
    assert (first.created, again.created, again.id) == (True, False, first.id)
    assert admin.open_jobs()["enrichment"] == 1


def test_a_user_of_an_older_acl_may_still_send_again(ledger: Ledger, redis: Redis, redis_url: str) -> None:
    # Given a user who may not ask whether a job exists
    redis.acl_setuser(
        "older", enabled=True, passwords=["+older"], keys=["*"], commands=["+@all", "-exists", "-info"]
    )
    (first,) = ledger.accept([event()])
    with connect(redis_url.replace("redis://", "redis://older:older@")) as client:
        # When the same is sent again as this user
        (again,) = Ledger(client).accept([event()])
    redis.acl_deluser("older")
    # Then the first job is the answer
    assert (again.id, again.created) == (first.id, False)
