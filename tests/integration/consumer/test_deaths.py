"""When jobs die: which are given up, and when a whole queue stops because nearly all of them do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from tests.support.consumer_stage import Tries, Work, accept, do, number, refuse
from workers.core.errors import ServiceAway
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.leases import Attempt
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import MOST_SOLO_FAILURES, Ledger
from workers.ledger.records import Settlement, dead, done

pytestmark = pytest.mark.integration


class FailsOn:
    """Handles claims, but on these jobs the service fails, each of which may be the cause where it is alone."""

    def __init__(self, *job_ids: str) -> None:
        self.job_ids = job_ids

    def __call__(self, attempt: Attempt) -> list[Settlement]:
        attempt.ask(attempt.claims)
        if any(claim.id in self.job_ids for claim in attempt.claims):
            raise ServiceAway("threatq", "ThreatQ answers POST /api/events/consume with 500")
        return do(attempt)


def test_a_job_on_which_the_service_fails_while_it_takes_others_is_dead_in_the_end(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, work: Work, pass_time: Callable[[], None]
) -> None:
    # Given a job that is alone whenever it is tried, and another one done in between each time
    (bad,) = accept(ledger, 1)
    handle = FailsOn(bad)
    for strike in range(1, MOST_SOLO_FAILURES + 1):
        work(handle)
        redis.delete(keys.away("threatq"))
        redis.zadd(keys.due("events"), {bad: 2**52})
        ledger.accept([Job("events.create", {"payload": {"number": strike}}, producer="cli")])
        work(handle)
        pass_time()
    assert state_of(admin, bad) == "waiting"
    # When it fails once more
    work(handle)
    # Then it is dead, and its reason says why
    (record,) = admin.records(admin.ids("dead"))
    assert (record.id, record.result["error"]) == (bad, "AlwaysFails")
    assert "with 500; so 11 times, while others were done" in record.result["reason"]
    assert len(admin.ids("done", most=100)) == MOST_SOLO_FAILURES
    # And an operator who replays it gives it as many chances again
    pass_time()
    admin.replay([bad], note={})
    work(handle)
    assert state_of(admin, bad) == "waiting"


def test_in_an_outage_no_job_dies_however_often_it_fails_alone(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, work: Work, pass_time: Callable[[], None]
) -> None:
    # Given a job that was done before
    accept(ledger, 1)
    work(do)
    jobs = [Job("events.create", {"payload": {"number": number}}, producer="cli") for number in (1, 2)]
    ids = [answer.id for answer in ledger.accept(jobs)]
    # When nothing works any more
    for _ in range(2 * MOST_SOLO_FAILURES):
        for job_id in ids:
            pass_time()
            redis.zadd(keys.due("events"), dict.fromkeys({*ids} - {job_id}, 2**52))
            work(FailsOn(*ids))
    # Then both have failed alone ever again, and wait
    # (On a slow machine the first waits are over before a wake-up's work is, so that there are more tries.)
    assert all(record.attempts >= 2 * MOST_SOLO_FAILURES for record in admin.records(ids))
    assert {state_of(admin, job_id) for job_id in ids} == {"waiting"}


def state_of(admin: LedgerAdmin, job_id: str) -> str:
    record = admin.record(job_id)
    assert record is not None
    return record.state


def test_when_nearly_all_jobs_die_the_queue_stops_and_says_why(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    # Given five senders that send nothing but what ThreatQ refuses
    accept(ledger, 300, senders=5)
    # When it is worked on
    work(refuse)
    work(refuse)
    # Then a few have died and the others are kept
    suspension = admin.suspension("events")
    assert suspension is not None
    assert (suspension.dead, suspension.of) == (50, 50)
    assert "Sightnig" in suspension.reason
    assert admin.paused() == {"events"}
    assert len(admin.ids("dead", most=1000)) == 50
    assert admin.open_jobs()["events"] == 250
    # And after the cause is mended they are done
    admin.resume("events")
    work(do)
    assert admin.suspension("events") is None
    assert admin.open_jobs()["events"] == 0
    assert len(admin.ids("done", most=1000)) == 250


def test_what_is_kept_from_dying_looks_for_what_it_left_when_it_is_tried_again(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    accept(ledger, 60, senders=5)
    work(refuse)
    admin.resume("events")
    handle = Tries()
    work(handle)
    assert handle.attempts == [[2] * 10]


@pytest.mark.parametrize("senders", [1, 2])
def test_what_one_or_two_senders_send_stops_no_queue(
    senders: int, ledger: Ledger, admin: LedgerAdmin, redis: Redis, work: Work
) -> None:
    # Given senders whose jobs are all refused
    accept(ledger, 500, senders=senders)
    work(refuse)
    # Then the queue goes on, and what others send is done
    assert admin.suspension("events") is None
    ledger.accept([Job("sightings.add", {"alarm_id": "1"}, producer="smart-response")])
    work(do)
    assert len(admin.ids("done")) == 1
    # And what is counted of them is bounded
    assert redis.hlen(keys.blamed("events")) <= 2 * 20 * senders


def test_one_content_however_many_send_it_stops_no_queue(
    ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    # Given an indicator that ThreatQ refuses, which ten senders ask for again and again
    for n in range(300):
        job = Job("indicators.lookup", {"type": "FQDN", "value": "x"}, producer="http", sender=f"s{n % 10}")
        job.key = ""
        ledger.accept([job])
    for _ in range(300):
        ledger.settle([dead(claim, "refused") for claim in ledger.claim("enrichment", 1)])
    # Then all others are served
    assert len(admin.ids("dead", most=1000)) == 300
    assert admin.suspension("enrichment") is None


def test_some_bad_jobs_among_good_ones_stop_nothing(ledger: Ledger, admin: LedgerAdmin, work: Work) -> None:
    accept(ledger, 1000)

    def handle(attempt: Attempt) -> list[Settlement]:
        return [
            done(claim, EventResult()) if number(claim) % 5 == 0 else dead(claim, "no such event type")
            for claim in attempt.claims
        ]

    work(handle)
    assert admin.suspension("events") is None
    assert len(admin.ids("dead", most=1000)) == 800


def test_a_good_night_does_not_hide_a_bad_morning(ledger: Ledger, admin: LedgerAdmin, work: Work) -> None:
    accept(ledger, 1000)
    work(do)
    accept(ledger, 600, senders=5, first=1000)
    work(refuse)
    assert admin.suspension("events") is not None
    assert len(admin.ids("dead", most=1000)) < 400
