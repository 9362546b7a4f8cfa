"""Records that the previous version left in Redis: a history in a stream, done jobs that expire by themselves."""

from __future__ import annotations

import msgspec
import pytest
from redis import Redis

from producers.smart_response.link import connect
from producers.smart_response.settings import StubSettings
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.markers import DAY_MS
from workers.ledger.records import done, waiting

pytestmark = pytest.mark.integration


def event(number: int = 1) -> Job:
    return Job("events.create", {"payload": {"number": number}}, producer="cli", title=f"event {number}")


def noted(redis: Redis, job_id: str, state: str, entry: dict[str, object]) -> None:
    """Settle a job as the previous version did."""
    redis.hset(keys.progress(job_id), "state", state)
    redis.xadd(keys.history(job_id), {"state": state, "entry": msgspec.json.encode(entry)})


def test_a_job_that_waited_under_the_previous_version_is_done_and_shows_both_notes(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given a job that the previous version has put off once
    (accepted,) = ledger.accept([event()])
    redis.hset(keys.progress(accepted.id), mapping={"attempts": 1, "lost": 0, "tries": 1})
    noted(redis, accepted.id, "waiting", {"reason": "ThreatQ is away"})
    # When this version works on it
    (claim,) = ledger.claim("events", 10)
    assert claim.attempts == 2
    ledger.settle([done(claim, {"event_id": 7})])
    # Then it is done, and its history is whole
    record = admin.record(claim.id)
    assert record is not None
    assert [(entry.state, entry.note) for entry in record.history] == [
        ("waiting", {"reason": "ThreatQ is away"}),
        ("done", {"event_id": 7}),
    ]


@pytest.mark.parametrize("state", ["done", "dead", "waiting"])
def test_an_outcome_that_the_previous_version_noted_ends_a_wait(
    ledger: Ledger, redis: Redis, redis_url: str, admin: LedgerAdmin, state: str
) -> None:
    (accepted,) = ledger.accept([event()])
    noted(redis, accepted.id, state, {"reason": "as before"})
    entry = admin.outcome(accepted.id)
    assert entry is not None
    assert (entry.state, entry.note) == (state, {"reason": "as before"})
    link = connect(StubSettings(redis_url))
    assert link.outcome(accepted.id, 0) == (state, {"reason": "as before"})
    link.close()


def test_a_dead_letter_of_the_previous_version_is_replayed_and_dropped(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    for number in range(2):
        (accepted,) = ledger.accept([event(number)])
        ledger.redis.zrem(keys.due("events"), accepted.id)
        noted(redis, accepted.id, "dead", {"reason": "refused"})
        redis.zadd(keys.DEAD, {accepted.id: number})
    # When one is dropped and the other one opened again
    first, second = admin.ids("dead")
    assert admin.drop([first]) == 1
    assert admin.replay([second], note={"by": "test"}) == [second]
    # Then nothing is left of the one, and the other one is owed
    assert not redis.exists(keys.job(first), keys.progress(first), keys.history(first))
    assert [claim.id for claim in ledger.claim("events", 10)] == [second]


def test_the_history_of_a_job_that_is_put_off_for_weeks_stays_short(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    ledger.accept([event()])
    for number in range(200):
        (claim,) = ledger.claim("events", 1)
        ledger.settle([waiting(claim, f"ThreatQ is away for the {number}. time", 0)])
    record = admin.record(event().id)
    assert record is not None
    assert record.history[-1].note["reason"] == "ThreatQ is away for the 199. time"
    assert (redis.hstrlen(keys.progress(event().id), "history") or 0) < 2_500
    assert not redis.exists(keys.history(event().id))


def test_a_note_that_repeats_the_last_one_takes_its_place(ledger: Ledger, admin: LedgerAdmin) -> None:
    ledger.accept([event()])
    for _ in range(3):
        (claim,) = ledger.claim("events", 1)
        ledger.settle([waiting(claim, "the connector is disabled", 0)])
    record = admin.record(event().id)
    assert record is not None
    assert [entry.state for entry in record.history] == ["waiting"]


def test_what_the_previous_version_has_done_leaves_a_marker_with_its_event(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given a done job whose keys expire by themselves, with its result in a stream
    (accepted,) = ledger.accept([event()])
    redis.zrem(keys.due("events"), accepted.id)
    noted(redis, accepted.id, "done", {"event_id": 4711, "link": "https://tq.example/events/4711/details"})
    for key in (keys.job(accepted.id), keys.progress(accepted.id), keys.history(accepted.id)):
        redis.pexpire(key, 60_000)
    # Long ago, and not so long that its marker would be forgotten in the same step.
    redis.zadd(keys.DONE, {accepted.id: now_ms(redis) - 30 * DAY_MS})
    # When upkeep of this version finds that it has been kept for long enough
    ledger.look_after()
    # Then a repeat of it is known, with its event
    assert not redis.exists(keys.job(accepted.id), keys.progress(accepted.id), keys.history(accepted.id))
    (again,) = ledger.accept([event()])
    assert (again.created, again.state, again.event_id) == (False, "done", 4711)
