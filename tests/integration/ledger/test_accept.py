"""The ledger against a real Redis: accept, wake, pause, breaker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from workers.core.errors import Busy, ServiceAway
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.records import done, waiting

pytestmark = pytest.mark.integration


def event(number: int = 1, *, producer: str = "cli", key: str = "") -> Job:
    return Job(
        "events.create", {"payload": {"number": number}}, producer=producer, title=f"event {number}", key=key
    )


def lookup(value: str = "bad.example") -> Job:
    return Job("indicators.lookup", {"type": "FQDN", "value": value}, producer="stub")


def test_an_accepted_job_is_recorded_indexed_and_announced_by_a_wake_up(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    (answer,) = ledger.accept([event()])
    record = admin.record(answer.id)
    assert answer.created
    assert record is not None
    assert (record.kind, record.queue, record.producer, record.state) == (
        "events.create",
        "events",
        "cli",
        "accepted",
    )
    assert record.title == "event 1"
    assert admin.arguments(answer.id) == {"payload": {"number": 1}}
    assert redis.llen(keys.wake_ups("events")) == 1


def test_the_same_payload_again_answers_the_first_job_through_whichever_producer(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    (first,) = ledger.accept([event(producer="cli")])
    (again,) = ledger.accept([event(producer="http")])
    assert (again.id, again.created) == (first.id, False)
    assert admin.open_jobs()["events"] == 1


def test_fifty_producers_at_once_make_one_job_of_one_payload(redis_url: str) -> None:
    def accept(_: int) -> bool:
        with connect(redis_url) as redis:
            return Ledger(redis).accept([event()])[0].created

    with ThreadPoolExecutor(50) as pool:
        created = list(pool.map(accept, range(50)))
    assert sum(created) == 1


def test_a_repeated_action_answers_the_first_click_until_the_window_is_over(
    ledger: Ledger, redis: Redis
) -> None:
    (first,) = ledger.accept([lookup()])
    repeat = lookup()
    (again,) = ledger.accept([repeat])
    assert (again.id, again.created) == (first.id, False)
    # When the window is over
    redis.delete(keys.same(repeat.key))
    (later,) = ledger.accept([lookup()])
    assert later.created


def test_a_key_that_was_used_for_another_payload_is_a_conflict(ledger: Ledger, admin: LedgerAdmin) -> None:
    ledger.accept([event(1, key="flow-1")])
    (answer,) = ledger.accept([event(2, key="flow-1")])
    assert answer.conflict
    assert admin.open_jobs()["events"] == 1


def test_a_key_is_remembered_even_when_the_payload_was_known_without_it(ledger: Ledger) -> None:
    (first,) = ledger.accept([event(1)])
    ledger.accept([event(1, key="flow-1")])
    (answer,) = ledger.accept([event(2, key="flow-1")])
    assert answer.conflict
    assert answer.id == first.id


def test_above_the_high_water_mark_nothing_of_a_batch_is_accepted(redis: Redis, admin: LedgerAdmin) -> None:
    ledger = Ledger(redis, most_open=3)
    ledger.accept([event(1), event(2)])
    with pytest.raises(Busy, match="2 jobs of the queue events are open"):
        ledger.accept([event(3), event(4)])
    assert admin.open_jobs()["events"] == 2


def test_above_a_share_of_redis_memory_nothing_is_accepted_until_there_is_room_again(
    redis: Redis, ledger: Ledger
) -> None:
    # given a Redis that is fuller than it may be
    used = redis.info("memory")["used_memory"]
    redis.config_set("maxmemory", used * 2)
    crowded = Ledger(redis, most_memory_percent=20)
    try:
        # when, then
        with pytest.raises(Busy, match=r"% of Redis' memory is in use") as caught:
            crowded.accept([event(1)])
        assert caught.value.after
        assert redis.zcard(keys.due("events")) == 0
        # and a ledger that may fill Redis further goes on
        assert ledger.accept([event(1)])[0].created

        # when there is room again, it is seen after the time for which the share is believed
        assert 0 < redis.pttl(keys.MEMORY) <= 2000
        redis.config_set("maxmemory", used * 100)
        redis.delete(keys.MEMORY)
        assert crowded.accept([event(2)])[0].created
    finally:
        redis.config_set("maxmemory", 0)


def test_a_user_without_the_right_to_see_the_memory_may_still_accept(redis: Redis, redis_url: str) -> None:
    redis.acl_setuser("sender", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all", "-info"])
    with connect(redis_url.replace("://", "://sender:secret@")) as client:
        assert Ledger(client).accept([event(1)])[0].created
    redis.acl_deluser("sender")


def test_a_redis_without_the_replicas_it_must_have_is_away_so_that_producers_spool(
    ledger: Ledger, redis: Redis
) -> None:
    redis.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(ServiceAway, match=r"(?i)replicas"):
            ledger.accept([event(1)])
    finally:
        redis.config_set("min-replicas-to-write", 0)


def test_accept_sends_at_most_32_wake_ups(ledger: Ledger, redis: Redis) -> None:
    for number in range(40):
        ledger.accept([event(number)])
    assert redis.llen(keys.wake_ups("events")) == 32


def test_wake_announces_ready_jobs_that_no_wake_up_announces(ledger: Ledger, redis: Redis) -> None:
    ledger.accept([event(number) for number in range(250)])
    redis.delete(keys.wake_ups("events"))
    assert ledger.wake("events") == 3
    assert ledger.wake("events") == 0
    assert ledger.wake("enrichment") == 0


def test_no_worker_claims_from_a_paused_queue(ledger: Ledger, admin: LedgerAdmin) -> None:
    ledger.accept([event()])
    admin.pause("events")
    assert ledger.claim("events", 10) == []
    admin.resume("events")
    assert len(ledger.claim("events", 10)) == 1


class TestTheBreaker:
    def test_while_a_service_is_away_nothing_that_needs_it_is_claimed(self, ledger: Ledger) -> None:
        ledger.accept([event()])
        ledger.service_away("threatq", "connection refused")
        assert ledger.claim("events", 10) == []
        assert ledger.wake("events") == 0

    def test_an_outage_began_with_its_first_failure(
        self, ledger: Ledger, redis: Redis, admin: LedgerAdmin
    ) -> None:
        ledger.service_away("threatq", "connection refused")
        began = int(admin.away("threatq")["since"])
        redis.hset(keys.away("threatq"), mapping={"until": 0, "since": began - 5000})
        ledger.service_away("threatq", "connection refused")
        assert int(admin.away("threatq")["since"]) == began - 5000

    def test_failures_at_the_same_moment_count_once(self, ledger: Ledger, admin: LedgerAdmin) -> None:
        for _ in range(10):
            ledger.service_away("threatq", "connection refused")
        assert admin.away("threatq")["failures"] == "1"

    def test_the_service_may_ask_for_a_longer_wait(self, ledger: Ledger) -> None:
        assert ledger.service_away("threatq", "429", after=30) >= 30

    @pytest.mark.parametrize("after", [999_999_999.0, float("inf"), 365.0 * 86_400])
    def test_no_service_may_close_itself_for_longer_than_the_setting_says(
        self, ledger: Ledger, redis: Redis, after: float
    ) -> None:
        assert ledger.service_away("threatq", "429", after=after) == pytest.approx(900, abs=1)
        assert Ledger(redis, most_retry_after_s=60).service_away("logrhythm", "429", after=after) <= 60

    @pytest.mark.parametrize("after", [-1.0, -999_999_999.0, float("-inf"), float("nan")])
    def test_what_is_no_length_of_time_counts_as_not_said(self, ledger: Ledger, after: float) -> None:
        assert 0 < ledger.service_away("threatq", "429", after=after) < 1

    def test_a_shorter_wait_does_not_cut_a_longer_one_short(self, ledger: Ledger) -> None:
        ledger.service_away("threatq", "429", after=30)
        assert ledger.service_away("threatq", "429", after=1) > 25

    def test_one_probe_goes_ahead_and_success_lets_all_through(self, ledger: Ledger, redis: Redis) -> None:
        ledger.accept([event(number) for number in range(5)])
        ledger.service_away("threatq", "connection refused")
        redis.hset(keys.away("threatq"), "until", 0)
        probe = ledger.claim("events", 10)
        assert len(probe) == 1
        assert ledger.claim("events", 10) == []
        ledger.settle([done(probe[0], {})], answered=["threatq"])
        assert len(ledger.claim("events", 10)) == 4

    def test_each_failed_probe_makes_the_wait_longer(self, ledger: Ledger, redis: Redis) -> None:
        ledger.accept([event()])
        waits = [ledger.service_away("threatq", "connection refused")]
        for _ in range(5):
            redis.hset(keys.away("threatq"), "until", 0)
            redis.zadd(keys.due("events"), {event().id: 0})
            (claim,) = ledger.claim("events", 10)
            waits.append(ledger.service_away("threatq", "connection refused", token=claim.token))
            ledger.settle([waiting(claim, "away", 0)])
        assert waits == sorted(waits)
        assert waits[-1] > 5 * waits[0]


def test_a_redis_that_is_not_there_is_a_service_away_with_the_remedy() -> None:
    ledger = Ledger(connect("redis://127.0.0.1:1/0", retries=0))
    with pytest.raises(ServiceAway, match="TQ_REDIS_URL") as caught:
        ledger.accept([event()])
    assert caught.value.service == "redis"


def test_an_open_job_costs_less_than_2_kb_of_redis(
    ledger: Ledger, redis: Redis, example_payload: dict[str, object]
) -> None:
    jobs = [
        Job("events.create", {"payload": example_payload | {"n": n}}, producer="cli") for n in range(1000)
    ]
    ledger.accept(jobs)
    # What the keys take, not what the server uses, which grows by buffers that no job is to blame for.
    records = sum(redis.memory_usage(keys.job(job.id)) for job in jobs)
    index = redis.memory_usage(keys.due("events"), samples=0)
    assert (records + index) / len(jobs) < 2048
