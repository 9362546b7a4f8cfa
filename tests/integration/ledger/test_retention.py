"""Retention: the content of what is done is forgotten in time, and its marker later, by what the settings say now."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from sandbox.launch.redis_server import RedisServer
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys, markers
from workers.ledger.accept import Accepted
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect, now_ms, run
from workers.ledger.ledger import Ledger
from workers.ledger.markers import DAY_MS, TEXTS, Marker
from workers.ledger.records import dead, done, waiting
from workers.ledger.retention import RETIRE, TEXTS_A_STEP

pytestmark = pytest.mark.integration

DAYS, JOBS_A_DAY = 7, 300


def event(number: int, key: str = "") -> Job:
    return Job("events.create", {"payload": {"n": number}}, producer="cli", key=key)


def work(ledger: Ledger) -> None:
    """Do what is open, each payload as the event of its number; every tenth is put off once."""
    while claims := ledger.claim("events", 100):
        numbers = {claim.id: claim.arguments["payload"]["n"] for claim in claims}
        late = [claim for claim in claims if claim.attempts == 1 and numbers[claim.id] % 10 == 9]
        ledger.settle([waiting(claim, "ThreatQ is away", 0) for claim in late])
        ledger.settle(
            [done(claim, EventResult(event_id=numbers[claim.id])) for claim in claims if claim not in late]
        )


def retire_all(ledger: Ledger) -> None:
    """Let a time pass that is longer than the content of a job is kept."""
    while ledger.retention.retire(now_ms(ledger.redis) + 1):
        pass


def kinds_of_keys(redis: Redis) -> set[bytes]:
    return {key.split(b":")[1] for key in redis.scan_iter(count=1000)}


def test_after_a_week_the_content_of_one_day_is_left_and_a_marker_of_each_job(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    for day in range(DAYS):
        retire_all(ledger)
        numbers = range(day * JOBS_A_DAY, (day + 1) * JOBS_A_DAY)
        ledger.accept([event(number) for number in numbers])
        work(ledger)
    assert redis.zcard(keys.DONE) == JOBS_A_DAY
    retire_all(ledger)
    # Then no job has a key of its own
    assert not kinds_of_keys(redis) & {b"job", b"progress", b"history"}
    assert redis.zcard(keys.DONE) == redis.zcard(keys.due("events")) == 0
    # and each is known with its event
    for number in range(0, DAYS * JOBS_A_DAY, 7):
        marker = admin.marker(event(number).id)
        assert marker is not None
        assert (marker.state, marker.event_id) == ("done", number)


def test_a_repeat_of_which_only_the_marker_is_left_is_known_with_its_event_and_makes_no_job(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    ledger.accept([event(number) for number in range(5)])
    work(ledger)
    retire_all(ledger)
    # When some are sent again among others that are new
    answers = ledger.accept([event(number) for number in (7, 3, 8, 4)])

    def facts(answer: Accepted) -> tuple[str, bool, str, int]:
        return answer.id, answer.created, answer.state, answer.event_id

    assert [facts(answer) for answer in answers] == [
        (event(7).id, True, "", 0),
        (event(3).id, False, "done", 3),
        (event(8).id, True, "", 0),
        (event(4).id, False, "done", 4),
    ]
    assert admin.open_jobs()["events"] == 2


def test_a_senders_key_still_tells_the_job_of_which_only_the_marker_is_left(ledger: Ledger) -> None:
    ledger.accept([event(1, key="http:nifi:flow-1")])
    work(ledger)
    retire_all(ledger)
    (again,) = ledger.accept([event(1, key="http:nifi:flow-1")])
    assert (again.id, again.created, again.state, again.event_id) == (event(1).id, False, "done", 1)
    (other,) = ledger.accept([event(2, key="http:nifi:flow-1")])
    assert (other.conflict, other.id) == (True, event(1).id)


def test_a_lower_retention_frees_what_was_done_under_a_higher_one(redis: Redis, admin: LedgerAdmin) -> None:
    patient, hasty = Ledger(redis, keep_bodies_s=3600), Ledger(redis, keep_bodies_s=0.001)
    patient.accept([event(1)])
    work(patient)
    patient.look_after()
    assert admin.record(event(1).id)
    # When upkeep runs with the lower setting
    until(lambda: now_ms(redis) > redis.zscore(keys.DONE, event(1).id) + 1)
    hasty.look_after()
    assert admin.record(event(1).id) is None
    assert admin.marker(event(1).id)


def test_what_is_open_or_dead_is_not_forgotten(ledger: Ledger, admin: LedgerAdmin) -> None:
    ledger.accept([event(1)])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([dead(claim, "refused")])
    ledger.accept([event(2)])
    retire_all(ledger)
    assert [record.state for record in admin.records([event(1).id, event(2).id])] == ["dead", "accepted"]


def test_markers_are_forgotten_a_day_after_their_time_and_then_the_same_payload_is_a_new_job(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given two jobs that were done on two days
    ledger.accept([event(1), event(2)])
    work(ledger)
    now = now_ms(redis)
    redis.zadd(keys.DONE, {event(1).id: now - 2 * DAY_MS, event(2).id: now - DAY_MS})
    retire_all(ledger)
    # When the first one's day is not to be remembered any longer
    before = now - DAY_MS
    assert ledger.retention.forget_markers(before, only_count=True) == 1
    assert ledger.retention.forget_markers(before) == 1
    assert ledger.retention.forget_markers(before) == 0
    # Then it is new, and the other one is not
    assert admin.marker(event(1).id) is None
    assert [answer.created for answer in ledger.accept([event(1), event(2)])] == [True, False]


def test_a_quarter_of_an_hour_of_upkeep_looks_at_every_marker(redis: Redis) -> None:
    ledger = Ledger(redis, keep_bodies_s=0.001, keep_markers_days=90)
    ledger.accept([event(number) for number in range(200)])
    work(ledger)
    retire_all(ledger)
    now = now_ms(redis)
    for second in range(0, TEXTS // TEXTS_A_STEP, 16):
        ledger.retention.step(now + 89 * DAY_MS + 1000 * second)
    assert len(list(redis.scan_iter(keys.ended("*"), count=10_000))) >= 150
    for second in range(TEXTS // TEXTS_A_STEP):
        ledger.retention.step(now + 92 * DAY_MS + 1000 * second)
    assert list(redis.scan_iter(keys.ended("*"), count=10_000)) == []


def test_a_job_whose_record_has_expired_leaves_a_marker_too(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    ledger.accept([event(1)])
    work(ledger)
    redis.delete(keys.job(event(1).id), keys.progress(event(1).id))
    retire_all(ledger)
    assert not ledger.accept([event(1)])[0].created
    assert admin.marker(event(1).id) == Marker(event(1).id, 0, now_ms(redis) // DAY_MS)


done_jobs = st.tuples(
    # Ids of one text, so that they lie beside one another.
    st.binary(min_size=10, max_size=10).map(lambda rest: "00ff" + rest.hex()),
    st.integers(min_value=0, max_value=2**40 - 1),
    st.integers(min_value=0, max_value=2**16 - 1),
)


@given(jobs=st.lists(done_jobs, min_size=1, max_size=30, unique_by=lambda job: job[0]))
def test_redis_writes_markers_as_python_reads_and_writes_them(
    jobs: list[tuple[str, int, int]], redis_server: RedisServer
) -> None:
    with connect(redis_server.url) as redis:
        redis.flushdb()
        for job_id, event_id, day in jobs:
            note = f'1 done {{"event_id":{event_id},"link":"https://tq/events/{event_id}"}}\n'
            redis.hset(keys.progress(job_id), mapping={"state": "done", "history": note})
            redis.zadd(keys.DONE, {job_id: day * DAY_MS + 5})
        run(redis, RETIRE, [keys.DONE], [keys.PREFIX, 2**52, 100])
        text = redis.get(keys.ended("00ff"))
    expected = [Marker(*job) for job in sorted(jobs, key=lambda job: (job[2], job[0]))]
    assert list(markers.read("00ff", text)) == expected
    assert b"".join(map(markers.encode, expected)) == text
