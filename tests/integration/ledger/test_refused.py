"""A refused job: an answer to who asked, which concerns no operator, holds nothing up and goes by itself."""

from __future__ import annotations

from typing import cast

import pytest
from redis import Redis

from producers.smart_response.link import connect
from producers.smart_response.settings import StubSettings
from tests.support.operator import Operator
from workers.core.errors import InputError, SlowedDown
from workers.core.jobs import Job
from workers.core.results import ActionResult
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.records import Claim, Record, done, refused
from workers.ledger.retention import REFUSED_KEPT_MS
from workers.ledger.search import search

pytestmark = pytest.mark.integration

#: As many deaths as pause a queue, and slow a sender down.
MANY = 60

#: Refused jobs that are kept at most.
MOST_REFUSED = 1000

WRONG = InputError('"IP Adress" is no indicator type. Did you mean "IP Address"?', field="type")


def whitelist(value: str = "bad.example", *, sender: str = "") -> Job:
    arguments = {"type": "FQDN", "value": value}
    producer = "http" if sender else "smart-response"
    return Job(
        "indicators.whitelist", arguments, producer=producer, sender=sender, title=f"whitelist {value}"
    )


def claim_one(ledger: Ledger, queue: str = "enrichment") -> Claim:
    (claim,) = ledger.claim(queue, 1)
    return claim


def refuse(ledger: Ledger, job: Job) -> str:
    """Have a job accepted and refused."""
    (accepted,) = ledger.accept([job])
    assert ledger.settle([refused(claim_one(ledger, job.kind.queue), WRONG)]) == []
    return accepted.id


def record_of(admin: LedgerAdmin, job_id: str) -> Record:
    record = admin.record(job_id)
    assert record is not None
    return record


def test_a_refusal_is_no_dead_letter_and_is_shown_with_its_reason(
    ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    job_id = refuse(ledger, whitelist())
    record = record_of(admin, job_id)
    assert (record.state, record.reason, record.result["field"]) == ("refused", str(WRONG), "type")
    assert admin.ids("refused") == [job_id]
    assert admin.ids("dead") == admin.ids("accepted") == []
    assert admin.counts()["refused:indicators.whitelist:smart-response"] == 1
    assert (overview(redis).refused, overview(redis).dead) == (1, 0)
    assert search(redis, "bad.example").ids == [job_id]


def test_who_waits_for_it_gets_the_refusal(ledger: Ledger, admin: LedgerAdmin, redis_url: str) -> None:
    job_id = refuse(ledger, whitelist())
    entry = admin.outcome(job_id)
    assert entry is not None
    assert entry.state == "refused"
    link = connect(StubSettings(redis_url))
    outcome = link.outcome(job_id, 0)
    link.close()
    assert outcome is not None
    assert (outcome[0], outcome[1]["reason"]) == ("refused", str(WRONG))


def test_however_many_are_refused_no_queue_pauses_and_no_analyst_is_slowed_down(
    ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    for number in range(MANY):
        refuse(ledger, whitelist(f"bad{number}.example"))
    assert admin.paused() == set()
    assert redis.hgetall(keys.SENDERS) == {}
    assert redis.hget(keys.recent("enrichment"), "dead") == b"0"


def test_a_program_whose_jobs_are_all_refused_is_slowed_down_alone(ledger: Ledger) -> None:
    for number in range(20):
        refuse(ledger, whitelist(f"bad{number}.example", sender="careless"))
    with pytest.raises(SlowedDown, match="the last 20 jobs of http careless were refused"):
        ledger.accept([whitelist(sender="careless")])
    refuse(ledger, whitelist(sender="careful"))


def test_a_refused_action_is_tried_anew_when_it_is_asked_for_again(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    # Given a whitelisting of what ThreatQ did not have
    first = refuse(ledger, whitelist())
    # When it is asked for again within the minute in which repeats answer the first one
    (again,) = ledger.accept([whitelist()])
    # Then it is another job, and done
    assert again.created
    assert again.id != first
    ledger.settle([done(claim_one(ledger), ActionResult("Whitelisted", True, "FQDN"))])
    assert record_of(admin, again.id).state == "done"
    assert record_of(admin, first).state == "refused"


def test_the_same_refused_alarm_again_gets_the_refusal_again(ledger: Ledger) -> None:
    # Given an alarm whose date cannot be read: the same alarm is the same job, and nothing but the alarm was wrong
    alarm = {"alarm_id": "7", "alarm_name": "Beacon", "alarm_date": "yesterday"}
    job_id = refuse(ledger, Job("sightings.add", alarm, producer="smart-response"))
    (again,) = ledger.accept([Job("sightings.add", alarm, producer="smart-response")])
    assert (again.id, again.created) == (job_id, False)
    (known,) = ledger.known([again])
    assert (known.status, known.reason) == ("refused", str(WRONG))


def test_the_same_idempotency_key_again_gets_the_refusal_again(ledger: Ledger) -> None:
    def asked() -> Job:
        job = whitelist(sender="tool")
        job.key = "http:tool:1"
        return job

    job_id = refuse(ledger, asked())
    (again,) = ledger.accept([asked()])
    assert (again.id, again.created) == (job_id, False)


def test_an_operator_can_have_it_tried_again(ledger: Ledger, admin: LedgerAdmin, redis: Redis) -> None:
    job_id = refuse(ledger, whitelist())
    assert admin.replay([job_id], note={"reason": "added to ThreatQ"}) == [job_id]
    # Then it is an open job like any other, and no longer goes by itself
    assert admin.ids("refused") == []
    assert redis.pttl(keys.job(job_id)) == redis.pttl(keys.progress(job_id)) == -1
    ledger.settle([done(claim_one(ledger), ActionResult("Whitelisted", True, "FQDN"))])
    assert record_of(admin, job_id).state == "done"


def test_it_goes_by_itself(ledger: Ledger, redis: Redis) -> None:
    job_id = refuse(ledger, whitelist())
    for name in (keys.job(job_id), keys.progress(job_id), keys.REFUSED_JOBS):
        assert REFUSED_KEPT_MS - 60_000 < cast("int", redis.pttl(name)) <= REFUSED_KEPT_MS


def test_no_more_than_a_thousand_are_kept(ledger: Ledger, admin: LedgerAdmin, redis: Redis) -> None:
    # Given as many as are kept
    (oldest, *_) = [refuse(ledger, whitelist(f"bad{number}.example")) for number in range(2)]
    # Two of one millisecond would go by their ids.
    redis.zincrby(keys.REFUSED_JOBS, -1, oldest)
    redis.zadd(keys.REFUSED_JOBS, {f"{number:024x}": 2**42 for number in range(MOST_REFUSED - 2)})
    # When one more is refused
    newest = refuse(ledger, whitelist("one.more.example"))
    # Then the oldest is gone with all that was known of it
    assert redis.zcard(keys.REFUSED_JOBS) == MOST_REFUSED
    assert not redis.exists(keys.job(oldest), keys.progress(oldest))
    assert record_of(admin, newest).state == "refused"


def test_a_request_with_a_refused_job_has_come_to_its_end(
    ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    job_id = refuse(ledger, whitelist())
    redis.set(keys.batch("b" * 24), job_id)
    assert admin.batch_states("b" * 24) == [(job_id, "refused")]


def test_the_operator_finds_it_beside_the_dead_letters_and_not_among_them(
    ledger: Ledger, operator: Operator
) -> None:
    job_id = refuse(ledger, whitelist())
    assert [job["id"] for job in operator.asks("jobs", "list", "--state", "refused")] == [job_id]
    assert operator.asks("dead", "list")["jobs"] == []
    assert "refused in the last day: 1, as who asked was told" in operator.types("status", "--no-workers").out
