"""A sender whose jobs keep being refused is slowed down at every entry, each in its way; no other waits for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery.exceptions import Retry
from redis import Redis

from producers.enqueue import hand_over
from producers.redis_bridge import KEYS, serve
from tests.support.slowed import REASON, let_time_pass, refuse_all
from tests.support.waiting import until
from workers.core.errors import SlowedDown
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ingest import waiting_for_bridge
from workers.ledger.ledger import Ledger
from workers.ledger.spool import Spool, decode, encode
from workers.payload.intake import Intake, accepted_only
from workers.settings.model import Settings
from workers.tasks import accept as accept_task

pytestmark = pytest.mark.integration

#: Payloads of the careless sender that were refused before each test.
MANY = 25


def payload(source: str, number: int) -> bytes:
    fields = {"event_name": f"{source} {number}", "event_type": "Sighting", "event_source": source}
    return json.dumps({**fields, "event_happened_at": 1633460462}).encode()


def jobs(producer: str, source: str, *numbers: int) -> list[Job]:
    intake = Intake(producer, 10_000)
    return [job for number in numbers for job in accepted_only(intake.jobs(payload(source, number)))]


def titles(admin: LedgerAdmin) -> set[str]:
    return {record.title for record in admin.records(admin.ids("accepted"))}


@contextmanager
def bridge(redis_url: str) -> Iterator[None]:
    """A bridge that runs in this process."""
    stopping = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(serve, Settings(redis_url=redis_url), stopping)
        try:
            yield
        finally:
            stopping.set()
        running.result()


@pytest.fixture
def slow_down(ledger: Ledger) -> Callable[[str], None]:
    """Lets everything be refused that the source careless sends through a producer."""
    return lambda producer: refuse_all(ledger, jobs(producer, "careless", *range(100, 100 + MANY)))


def test_the_command_line_keeps_what_a_slowed_sender_sends_and_hands_over_what_others_send(
    slow_down: Callable[[str], None], ledger: Ledger, admin: LedgerAdmin, redis: Redis, tmp_path: Path
) -> None:
    # Given a source of which the last payloads were all refused
    slow_down("cli")
    spool = Spool(str(tmp_path / "spool"))
    # When payloads of it and of another one are sent in one call
    result = hand_over([*jobs("cli", "careless", 1), *jobs("cli", "careful", 2)], ledger, spool)
    # Then its own is kept on disk, the caller is told why and for how long, and the other one is accepted
    assert [each.status for each in result.handed] == ["spooled", "accepted"]
    assert isinstance(result.away, SlowedDown)
    assert f"the last {MANY} jobs of cli careless were refused" in str(result.away)
    assert REASON in str(result.away)
    assert titles(admin) == {"careful 2"}
    # And a later call waits for nothing: what is kept stays kept, what is new goes on
    again = hand_over(jobs("cli", "careful", 3), ledger, spool)
    assert [each.status for each in again.handed] == ["accepted"]
    assert spool.waiting() == 1
    # And once its wait is over it is delivered
    let_time_pass(redis)
    hand_over([], ledger, spool)
    assert titles(admin) == {"careless 1", "careful 2", "careful 3"}
    assert spool.waiting() == 0


def test_a_file_of_the_spool_tells_the_sender_where_any_version_reads_the_producer() -> None:
    (job,) = jobs("cli", "AWS User Add Detection", 1)
    fields = json.loads(encode(job).partition(b"\n")[2])
    assert fields["door"] == "cli AWS User Add Detection"
    assert "sender" not in fields
    read = decode(encode(job))
    assert (read.producer, read.sender) == ("cli", "AWS User Add Detection")


@pytest.mark.parametrize("way", ["rpush", "lpush", "stream"])
def test_the_bridge_waits_with_the_messages_of_a_slowed_sender_alone_and_loses_none(
    slow_down: Callable[[str], None], admin: LedgerAdmin, redis: Redis, redis_url: str, way: str
) -> None:
    # Given a source of which the last payloads were all refused
    slow_down("redis")
    with bridge(redis_url):
        # When its messages come before, between and after those of another one, some in one message
        for number in range(20):
            source = "careless" if number % 2 else "careful"
            push(redis, way, payload(source, number))
        push(redis, way, b"[" + payload("careless", 20) + b"," + payload("careful", 21) + b"]")
        # Then all of the other one are accepted, and its own wait
        careful = {f"careful {number}" for number in (*range(0, 20, 2), 21)}
        until(lambda: titles(admin) == careful)
        until(lambda: waiting_for_bridge(connect(redis_url)).messages == 11)
        assert waiting_for_bridge(connect(redis_url)).deferred == 11
        assert redis.llen(KEYS["rpush"]) == redis.llen(KEYS["lpush"]) == 0
        # And when the wait is over, they are accepted too
        let_time_pass(redis)
        let_messages_be_due(redis)
        until(lambda: titles(admin) == careful | {f"careless {number}" for number in (*range(1, 20, 2), 20)})
        until(lambda: not redis.exists(keys.INGEST_DEFERRED))


def test_a_message_whose_sender_is_still_slowed_down_waits_again(
    slow_down: Callable[[str], None], redis: Redis, redis_url: str
) -> None:
    slow_down("redis")
    with bridge(redis_url):
        push(redis, "rpush", payload("careless", 1))
        until(lambda: redis.zcard(keys.INGEST_DEFERRED) == 1)
        let_messages_be_due(redis)
        times = until(
            lambda: [time for _, time in redis.zrange(keys.INGEST_DEFERRED, 0, -1, withscores=True) if time]
        )
    assert len(times) == 1


def test_a_bridge_that_stops_puts_what_waits_for_its_sender_back_into_a_list_that_each_version_reads(
    slow_down: Callable[[str], None], admin: LedgerAdmin, redis: Redis, redis_url: str
) -> None:
    slow_down("redis")
    with bridge(redis_url):
        push(redis, "lpush", payload("careless", 1))
        until(lambda: redis.zcard(keys.INGEST_DEFERRED) == 1)
    assert redis.lrange(KEYS["rpush"], 0, -1) == [payload("careless", 1)]
    assert not redis.exists(keys.INGEST_DEFERRED)
    let_time_pass(redis)
    with bridge(redis_url):
        until(lambda: admin.open_jobs()["events"])
    assert titles(admin) == {"careless 1"}


def test_celery_sends_the_message_of_a_slowed_sender_again_when_its_wait_is_over(
    slow_down: Callable[[str], None], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a source of which so many payloads were refused that it waits for longer than a full Redis
    slow_down("celery")
    process = type("Process", (), {"settings": Settings(redis_url=redis_url), "redis": connect(redis_url)})()
    monkeypatch.setattr(accept_task, "runtime", lambda: process)
    retries: list[float] = []
    monkeypatch.setattr(
        accept_task.accept, "retry", lambda exc, countdown: retries.append(countdown) or Retry(exc=exc)
    )
    # When a Celery client asks for one more
    with pytest.raises(Retry):
        accept_task.accept.__wrapped__(
            job="events.create", arguments={"payload": json.loads(payload("careless", 1))}
        )
    # Then it is tried again after that time
    (again_in_s,) = retries
    assert 5 < again_in_s <= 60


def push(redis: Redis, way: str, message: bytes) -> None:
    if way == "stream":
        redis.xadd(KEYS["stream"], {"payload": message})
    else:
        getattr(redis, way)(KEYS[way], message)


def let_messages_be_due(redis: Redis) -> None:
    for message in redis.zrange(keys.INGEST_DEFERRED, 0, -1):
        redis.zadd(keys.INGEST_DEFERRED, {message: 0})
