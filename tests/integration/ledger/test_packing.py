"""Packing: a done job takes a third of the memory, and all that was known of it is still known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from redis import Redis

from workers.core.jobs import Job
from workers.core.results import EventResult, IndicatorRef
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.markers import DAY_MS
from workers.ledger.packed import MOST_BYTES, is_packed
from workers.ledger.packing import AFTER_MS, Packer
from workers.ledger.records import done, waiting
from workers.ledger.search import search

pytestmark = pytest.mark.integration

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def event(number: int, **more: Any) -> Job:
    payload = {"event_name": f"Beacon {number}", "uri_source": f"10.0.0.{number}", **more}
    return Job("events.create", {"payload": payload}, producer="http", title=f"Beacon {number}", trace=TRACE)


def work(ledger: Ledger, first_event: int = 100) -> None:
    claims = ledger.claim("events", 100)
    results = (
        EventResult(
            event_id=first_event + place,
            link=f"https://tq.example/events/{first_event + place}/details",
            indicators=(IndicatorRef(place, "IP Address", f"10.0.0.{place}"),),
        )
        for place in range(len(claims))
    )
    ledger.settle([done(claim, result) for claim, result in zip(claims, results, strict=True)])


def pack(ledger: Ledger, after_ms: int = AFTER_MS + 1000) -> None:
    """Let upkeep pack what is done, as if some minutes had passed."""
    Packer(ledger.redis).step(now_ms(ledger.redis) + after_ms, within_s=60)


def packed(redis: Redis, job: Job) -> bool:
    return is_packed(redis.getrange(keys.job(job.id), 0, 0))


def test_all_that_is_known_of_a_job_is_the_same_after_it_is_packed(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given jobs that are done, one of them after it had to wait
    jobs = [event(number) for number in range(3)]
    ledger.accept(jobs)
    ledger.settle([waiting(claim, "ThreatQ is away", 0) for claim in ledger.claim("events", 1)])
    work(ledger)
    ids = [job.id for job in jobs]
    before = [list(admin.records(ids)), [admin.arguments(id_) for id_ in ids], admin.outcome(ids[0])]
    # When they are packed
    pack(ledger)
    # Then nothing is left of their progress, and each look-up answers as before
    assert all(packed(redis, job) for job in jobs)
    assert not redis.exists(*map(keys.progress, ids))
    after = [list(admin.records(ids)), [admin.arguments(id_) for id_ in ids], admin.outcome(ids[0])]
    assert after == before
    assert [len(record.history) for record in after[0]] == [2, 1, 1]
    assert search(redis, "10.0.0.2").ids == [ids[2]]
    assert ledger.accept([event(1)])[0].created is False


def test_a_repeat_of_a_packed_job_is_answered_with_its_event_and_link(ledger: Ledger, redis: Redis) -> None:
    ledger.accept([event(1)])
    work(ledger, first_event=4711)
    pack(ledger)
    ledger.accept([event(2)])
    packed_job, new = ledger.known(ledger.accept([event(1), event(2)]))
    assert (packed_job.status, packed_job.event_id) == ("done", 4711)
    assert packed_job.link == "https://tq.example/events/4711/details"
    assert new.status == "queued"
    # Without its dictionary the id of the event is still there
    for key in redis.scan_iter(keys.dictionary("*")):
        redis.delete(key)
    (packed_job,) = ledger.known(ledger.accept([event(1)]))
    assert (packed_job.status, packed_job.event_id, packed_job.link) == ("done", 4711, "")


def test_what_was_done_a_moment_ago_is_not_packed_for_its_sender_may_be_waiting(
    ledger: Ledger, redis: Redis
) -> None:
    ledger.accept([event(1)])
    work(ledger)
    pack(ledger, after_ms=AFTER_MS // 2)
    assert not packed(redis, event(1))
    # When it is old enough, and others have been done since
    ledger.accept([event(2)])
    work(ledger)
    pack(ledger)
    assert packed(redis, event(1))
    assert packed(redis, event(2))


def test_a_packed_job_can_be_opened_again_and_is_packed_again(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    ledger.accept([event(1)])
    work(ledger)
    pack(ledger)
    # When it is to be done once more
    assert admin.replay([event(1).id], note={"reason": "once more"}) == [event(1).id]
    (claim,) = ledger.claim("events", 10)
    # Then a worker gets it as it was accepted, and its history goes on
    assert (claim.arguments, claim.title, claim.trace) == (event(1).arguments, "Beacon 1", TRACE)
    ledger.settle([done(claim, EventResult(event_id=100, existing=True))])
    pack(ledger)
    record = admin.record(event(1).id)
    assert record is not None
    assert [entry.state for entry in record.history] == ["done", "accepted", "done"]
    assert record.attempts == 2
    assert packed(redis, event(1))


def test_a_packed_job_leaves_a_marker_with_its_event(ledger: Ledger, admin: LedgerAdmin) -> None:
    ledger.accept([event(1)])
    work(ledger, first_event=4711)
    pack(ledger)
    while ledger.retention.retire(now_ms(ledger.redis) + 1):
        pass
    marker = admin.marker(event(1).id)
    assert marker is not None
    assert (marker.state, marker.event_id) == ("done", 4711)


def test_what_the_previous_version_has_done_is_packed_with_its_history(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    ledger.accept([event(1)])
    redis.zrem(keys.due("events"), event(1).id)
    redis.hset(keys.progress(event(1).id), mapping={"state": "done", "attempts": 1})
    redis.xadd(keys.history(event(1).id), {"state": "done", "entry": msgspec.json.encode({"event_id": 7})})
    redis.pexpire(keys.job(event(1).id), 60_000)
    redis.zadd(keys.DONE, {event(1).id: now_ms(redis)})
    before = admin.record(event(1).id)
    pack(ledger)
    assert packed(redis, event(1))
    assert admin.record(event(1).id) == before
    assert redis.ttl(keys.job(event(1).id)) == -1
    assert not redis.exists(keys.history(event(1).id))


def test_a_payload_as_large_as_many_stays_as_it_is(ledger: Ledger, redis: Redis, admin: LedgerAdmin) -> None:
    # hexadecimal digits of a fixed sequence, which no zlib makes much smaller
    digits = "".join(f"{7919 * number * number % 65_521:04x}" for number in range(30_000))
    large = event(1, description=digits)
    ledger.accept([large])
    assert redis.strlen(keys.job(large.id)) > MOST_BYTES
    work(ledger)
    pack(ledger)
    assert not packed(redis, large)
    assert admin.arguments(large.id) == large.arguments
    assert admin.ids("done") == [large.id]


def test_a_job_that_was_opened_again_while_it_was_packed_is_left_alone(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.accept([event(1)])
    work(ledger)
    packer = Packer(redis)
    in_use = packer.in_use

    def meanwhile(now: int) -> tuple[str, bytes]:
        admin.replay([event(1).id], note={"reason": "once more"})
        return in_use(now)

    monkeypatch.setattr(packer, "in_use", meanwhile)
    packer.step(now_ms(redis) + AFTER_MS + 1000)
    assert not packed(redis, event(1))
    assert [claim.id for claim in ledger.claim("events", 10)] == [event(1).id]


def test_dictionaries_are_made_anew_and_stay_while_a_job_needs_them(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given jobs of three days, each packed on its day
    for day in range(3):
        ledger.accept([event(day, kind=f"of day {day}")])
        work(ledger)
        pack(ledger, after_ms=AFTER_MS + 1 + day * (DAY_MS + 60_000))
    assert redis.hlen(keys.DICTIONARIES) == 3
    forget = Packer(redis).forget_unneeded
    forget()
    assert redis.hlen(keys.DICTIONARIES) == 3
    assert all(admin.arguments(event(day, kind=f"of day {day}").id) for day in range(3))
    # When the jobs of the first two days are forgotten
    now = now_ms(redis)
    for day in range(2):
        redis.zrem(keys.DONE, event(day, kind=f"of day {day}").id)
    redis.zadd(keys.DONE, {event(2, kind="of day 2").id: now + 3 * DAY_MS})
    forget()
    # Then one dictionary is left, and none without any job
    assert redis.hlen(keys.DICTIONARIES) == len(list(redis.scan_iter(keys.dictionary("*")))) == 1
    assert admin.arguments(event(2, kind="of day 2").id)
    redis.delete(keys.DONE)
    forget()
    assert not redis.exists(keys.DICTIONARIES)
    assert list(redis.scan_iter(keys.dictionary("*"))) == []


def test_a_job_whose_dictionary_is_gone_is_unknown_and_stops_no_list(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    ledger.accept([event(1)])
    work(ledger)
    pack(ledger)
    for key in redis.scan_iter(keys.dictionary("*")):
        redis.delete(key)
    assert LedgerAdmin(redis).record(event(1).id) is None
    assert list(admin.records(admin.ids("done"))) == []
    assert LedgerAdmin(redis).arguments(event(1).id) is None
