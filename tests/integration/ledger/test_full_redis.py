"""A Redis that is out of memory still finishes work, which is what makes room in it."""

from __future__ import annotations

import pytest
from kombu import Connection, Queue
from redis import Redis

from tests.support.consumer_stage import Work
from tests.support.full_redis import full
from workers.core.errors import Busy
from workers.core.jobs import Job
from workers.leases import Attempt
from workers.ledger import celery_transport, keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.fullness import OUT_OF_MEMORY
from workers.ledger.ledger import Ledger
from workers.ledger.records import Settlement, dead, done
from workers.ledger.status import tell

pytestmark = pytest.mark.integration


def jobs(count: int) -> list[Job]:
    return [Job("events.create", {"payload": {"n": number}}, producer="cli") for number in range(count)]


def test_a_full_redis_lets_jobs_be_claimed_renewed_settled_replayed_and_dropped(
    redis: Redis, ledger: Ledger, admin: LedgerAdmin
) -> None:
    ledger.accept(jobs(3))
    redis.delete(keys.wake_ups("events"))
    with full(redis):
        assert ledger.wake("events") == 1
        first, second, third = ledger.claim("events", 3)
        assert ledger.renew([first, second, third]) == set()
        assert ledger.settle([done(first, {"event_id": 1}), dead(second, "bad"), dead(third, "bad")]) == []
        assert admin.replay([second.id], note={"reason": "mended"}) == [second.id]
        assert admin.drop([third.id]) == 1
        assert ledger.service_away("threatq", "it is away") > 0
    assert (admin.dead_count(), admin.open_jobs()["events"], admin.ids("done")) == (0, 1, [first.id])


def test_a_full_redis_is_no_producer_s_fault_and_says_so(redis: Redis, ledger: Ledger) -> None:
    with full(redis), pytest.raises(Busy, match="% of Redis' memory is in use"):
        ledger.accept(jobs(1))


def test_upkeep_goes_on_while_redis_is_full(redis: Redis, ledger: Ledger) -> None:
    with full(redis):
        ledger.look_after()
        tell(redis, "threatq", "")
    assert redis.exists(keys.UPKEEP, keys.LACKING) == 2


def test_work_that_meets_a_full_redis_waits_and_counts_no_lost_worker(
    redis: Redis, ledger: Ledger, admin: LedgerAdmin, work: Work
) -> None:
    (accepted,) = ledger.accept(jobs(1))

    def out_of_memory(_attempt: Attempt) -> list[Settlement]:
        raise Busy("redis", OUT_OF_MEMORY)

    # When the handler cannot write, as a list sync that keeps its plan in Redis
    assert work(out_of_memory) == 1
    # Then the job is put off with the reason, and its lease does not have to run out
    record = admin.record(accepted.id)
    assert record is not None
    assert (record.state, record.lost, record.reason) == ("waiting", 0, OUT_OF_MEMORY)


def test_celery_s_messages_are_sent_taken_acknowledged_and_put_back_while_redis_is_full(
    redis: Redis, redis_url: str
) -> None:
    celery_transport.register()
    options = {"global_keyprefix": keys.CELERY_PREFIX}
    queue = Queue("events", routing_key="events")
    with full(redis), Connection(redis_url, transport_options=options) as connection:
        # A worker that starts binds its queue, beat sends its tick
        with connection.SimpleQueue(queue) as sending:
            sending.put([[], {}, {}], headers={"task": "events.work", "id": "1"})
        with connection.SimpleQueue(queue) as taking:
            message = taking.get(timeout=5)
            assert redis.hlen(keys.CELERY_PREFIX + "unacked") == 1
            message.requeue()
            again = taking.get(timeout=5)
            again.ack()
        assert again.payload == [[], {}, {}]
    assert redis.exists(keys.CELERY_PREFIX + "unacked", keys.wake_ups("events")) == 0


def test_an_operator_pauses_and_resumes_a_queue_while_redis_is_full(redis: Redis, admin: LedgerAdmin) -> None:
    with full(redis):
        admin.pause("events", reason="Redis is full", workers=["worker@host"])
        assert redis.hget(keys.pause("events"), "reason") == b"Redis is full"
        assert admin.resume("events") == ["worker@host"]
    assert not redis.exists(keys.PAUSED, keys.pause("events"), keys.paused_workers("events"))
