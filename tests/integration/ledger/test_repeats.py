"""What is sent again: the job that is owed already, or a new one where the first is owed no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect, now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement, dead, done, released, waiting

pytestmark = pytest.mark.integration

#: What is noted of a payload that became an event.
DONE = EventResult(event_id=7, link="https://tq/events/7/details")


def payload(number: int = 1, *, key: str = "flow-1") -> Job:
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


@pytest.mark.parametrize("job", [payload, lookup], ids=["an Idempotency-Key", "the same click"])
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
    drop(payload(1), ledger, admin)
    (answer,) = ledger.accept([payload(2)])
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
    (first,) = ledger.accept([payload()])
    with connect(redis_url.replace("://", "://older:older@")) as client:
        # When the same is sent again as this user
        (again,) = Ledger(client).accept([payload()])
    redis.acl_deluser("older")
    # Then the first job is the answer
    assert (again.id, again.created) == (first.id, False)


@pytest.mark.parametrize(
    ("settle", "status", "event"),
    [
        (lambda claim: done(claim, DONE), "done", (7, "https://tq/events/7/details")),
        (lambda claim: dead(claim, "the type is unknown"), "dead", (0, "")),
        (lambda claim: waiting(claim, "ThreatQ is away", 60), "waiting", (0, "")),
        (released, "queued", (0, "")),
    ],
)
def test_what_became_of_a_known_job_is_its_true_state(
    ledger: Ledger, settle: Callable[[Claim], Settlement], status: str, event: tuple[int, str]
) -> None:
    # Given a job that came to something, and one that nothing has been done for yet
    ledger.accept([lookup(), payload()])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([settle(claim)])
    # When both are asked for
    other, job = ledger.known(ledger.accept([lookup(), payload()]))
    # Then each is answered as it stands
    assert (job.status, (job.event_id, job.link)) == (status, event)
    assert (other.status, other.note) == ("queued", {})


def test_a_job_that_was_replayed_is_queued_again_whatever_it_came_to_before(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    ledger.accept([payload()])
    ledger.settle([done(claim, DONE) for claim in ledger.claim("events", 1)])
    admin.replay([payload().id], note={"by": "operator"})
    (job,) = ledger.known(ledger.accept([payload()]))
    assert (job.status, job.event_id) == ("queued", 0)


def test_what_an_earlier_version_noted_is_known_too(ledger: Ledger, redis: Redis) -> None:
    ledger.accept([payload()])
    redis.hset(keys.progress(payload().id), "state", "done")
    redis.xadd(keys.history(payload().id), {"state": "done", "entry": b'{"event_id": 7}'})
    (job,) = ledger.known(ledger.accept([payload()]))
    assert (job.status, job.event_id) == ("done", 7)


def test_a_job_of_which_only_the_marker_is_left_is_known_to_be_done_with_its_event(ledger: Ledger) -> None:
    ledger.accept([payload(), lookup()])
    ledger.settle([done(claim, DONE) for claim in ledger.claim("events", 1)])
    ledger.retention.retire(now_ms(ledger.redis) + 1)
    old, new = ledger.known(ledger.accept([payload(), lookup()]))
    assert (old.status, old.event_id, new.status) == ("done", 7, "queued")


def test_a_dropped_job_that_was_tried_is_looked_for_when_it_is_sent_again(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given a payload whose workers were killed, maybe after they had made its event, and that was dropped
    job_id = drop(payload(), ledger, admin)
    assert redis.ttl(keys.progress(job_id)) > 0
    # When it is sent again and claimed
    ledger.accept([payload()])
    (claim,) = ledger.claim("events", 1)
    # Then this is no first attempt, and what is known of it does not expire meanwhile
    assert (claim.id, claim.attempts) == (job_id, 2)
    assert redis.ttl(keys.progress(job_id)) == -1
