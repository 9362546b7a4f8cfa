"""One gate of memory: jobs, what cannot be read, and what the bridge takes over, in bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from tests.support.full_redis import full
from tests.support.operator import Operator
from workers.core.errors import Busy, MemoryFull
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.audit import Audit
from workers.ledger.connection import connect, now_ms
from workers.ledger.ingest import waiting_for_bridge
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, QuarantineLimits, Unreadable
from workers.ledger.records import dead, done
from workers.ledger.usage import note_fills, usages

pytestmark = pytest.mark.integration


def unreadable(size: int) -> Unreadable:
    """Return an item of so many bytes that cannot be compressed."""
    return Unreadable("http", "nifi", "not_json", "not JSON", os.urandom(size))


def job(number: int) -> Job:
    return Job("events.create", {"payload": {"n": number}}, producer="redis")


@contextmanager
def used_percent(redis: Redis, percent: int) -> Iterator[None]:
    """Let so many percent of Redis' memory be in use within the block."""
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] * 100 // percent)
    redis.delete(keys.MEMORY)
    try:
        yield
    finally:
        redis.config_set("maxmemory", 0)


def test_the_quarantine_is_bounded_in_bytes_and_dropping_makes_room(redis: Redis, redis_url: str) -> None:
    with connect(redis_url) as client:
        quarantine = Quarantine(client, QuarantineLimits(most_bytes=250_000))
        # given two items of 100 kB
        first, second = quarantine.keep([unreadable(100_000), unreadable(100_000)])
        assert 200_000 <= quarantine.size() <= 201_000
        # when a third comes, then its sender is told what is full, and nothing that is kept is lost
        third = unreadable(100_000)
        with pytest.raises(
            Busy, match=r"the quarantine is full \(2 items, 200,\d{3} bytes; .*max_quarantined_bytes"
        ):
            quarantine.keep([third])
        assert set(quarantine.ids()) == {first, second}
        # then one that is dropped makes room for it
        assert quarantine.drop([first, first, "unknown"], Audit(client)) == 1
        quarantine.keep([third])
        assert 200_000 <= quarantine.size() <= 201_000


def test_an_item_that_is_kept_already_needs_no_room(redis_url: str) -> None:
    with connect(redis_url) as client:
        quarantine, item = (
            Quarantine(client, QuarantineLimits(most_items=1, most_bytes=150_000)),
            unreadable(100_000),
        )
        (kept,) = quarantine.keep([item])
        assert quarantine.keep([item]) == [kept]
        found = quarantine.item(kept)
        assert found is not None
        assert (found.times, quarantine.count()) == (2, 1)


def test_items_that_an_earlier_version_kept_are_counted_in_bytes(redis: Redis, redis_url: str) -> None:
    with connect(redis_url) as client:
        quarantine = Quarantine(client, QuarantineLimits(most_bytes=250_000))
        quarantine.keep([unreadable(200_000)])
        redis.delete(keys.QUARANTINE_BYTES)
        with pytest.raises(Busy, match="the quarantine is full"):
            quarantine.keep([unreadable(100_000)])


def test_what_cannot_be_read_is_refused_at_the_same_share_of_memory_as_jobs(
    redis: Redis, redis_url: str
) -> None:
    with connect(redis_url) as client, used_percent(redis, 80):
        with pytest.raises(Busy, match=r"^\d+ % of Redis' memory .* nothing unreadable"):
            Quarantine(client).keep([unreadable(10)])
        with pytest.raises(
            Busy,
            match=r"^\d+ % of Redis' memory is in use and nothing is accepted \(memory_percent\): tqctl check",
        ):
            Ledger(client).accept([job(0)])


def test_what_empties_the_ingest_lists_may_go_on_when_producers_may_not(redis: Redis, redis_url: str) -> None:
    with connect(redis_url) as client:
        bridge = Ledger(client, most_memory_percent=90, relief_jobs=2)
        with used_percent(redis, 80):
            assert bridge.accept([job(0)])[0].created
        # Also in a Redis that is full, up to as many open jobs as workers have in hand
        with full(redis):
            redis.delete(keys.MEMORY)
            assert bridge.accept([job(1)])[0].created
            with pytest.raises(Busy, match="nothing is accepted"):
                bridge.accept([job(2)])
            assert Quarantine(client, QuarantineLimits(memory_percent=None)).keep([unreadable(10)])


def test_what_waits_for_the_bridge_is_told_in_bytes(redis: Redis, redis_url: str) -> None:
    redis.rpush(keys.INGEST_RPUSH, *(os.urandom(10_000) for _ in range(30)))
    redis.xadd(keys.INGEST_STREAM, {"payload": os.urandom(100_000)})
    with connect(redis_url) as client:
        waiting = waiting_for_bridge(client)
    assert waiting.messages == 31
    assert 400_000 < waiting.bytes < 550_000


#: Jobs, or messages, that take more than a new Redis itself.
MANY = 5_000


def fill_with_open_jobs(redis: Redis, ledger: Ledger) -> None:
    ledger.accept([job(number) for number in range(MANY)])


def fill_with_done_jobs(redis: Redis, ledger: Ledger) -> None:
    fill_with_open_jobs(redis, ledger)
    ledger.settle([done(claim, EventResult(1)) for claim in ledger.claim("events", MANY)])


def fill_with_dead_jobs(redis: Redis, ledger: Ledger) -> None:
    fill_with_open_jobs(redis, ledger)
    ledger.settle([dead(claim, "refused") for claim in ledger.claim("events", MANY)])


def fill_the_quarantine(redis: Redis, ledger: Ledger) -> None:
    Quarantine(ledger.redis).keep([unreadable(100_000) for _ in range(40)])


def fill_the_lists_of_the_bridge(redis: Redis, ledger: Ledger) -> None:
    redis.rpush(keys.INGEST_RPUSH, *[os.urandom(1_000) for _ in range(MANY)])


def fill_with_keys_of_a_stranger(redis: Redis, ledger: Ledger) -> None:
    for number in range(1_000):
        redis.set(f"cache:{number}", os.urandom(5_000))


#: What fills Redis, and what a sender and an operator are told of it.
FILLED = [
    (fill_with_open_jobs, r"open jobs of events [\d.]+ MB \([\d,]+\): start more workers"),
    (fill_with_done_jobs, r"done jobs [\d.]+ MB \([\d,]+\): lower keep_bodies_days, or tqctl purge"),
    (fill_with_dead_jobs, r"dead jobs [\d.]+ MB \([\d,]+\): tqctl dead replay, or drop"),
    (fill_the_quarantine, r"quarantined items [\d.]+ MB \(40\): tqctl dead drop --quarantined"),
    (
        fill_the_lists_of_the_bridge,
        r"messages for the Redis bridge [\d.]+ MB \([\d,]+\): start tq-redis-bridge",
    ),
    (fill_with_keys_of_a_stranger, r"keys of another program [\d.]+ MB \([\d,]+\): redis-cli --memkeys"),
]


@pytest.mark.parametrize(("fill", "words"), FILLED, ids=[fill.__name__ for fill, _ in FILLED])
def test_who_is_refused_is_told_what_fills_redis_and_what_frees_it_and_check_says_the_same(
    redis: Redis, ledger: Ledger, operator: Operator, fill: Callable[[Redis, Ledger], None], words: str
) -> None:
    # given a Redis that one thing fills, as upkeep has seen
    fill(redis, ledger)
    note_fills(ledger.redis)
    with used_percent(redis, 95):
        # when a job, or what cannot be read, is refused, then its sender is told that
        with pytest.raises(MemoryFull, match=f"nothing is accepted .*: {words}"):
            ledger.accept([job(-1)])
        with pytest.raises(MemoryFull, match=f"nothing unreadable is kept .*: {words}"):
            Quarantine(ledger.redis).keep([unreadable(10)])
        # and so is the operator
        lines = operator.types("--json", "check", "--only", "redis").json
    (line,) = [line for line in lines if line["what"] == "memory"]
    assert line["state"] == "failed"
    assert re.match(words, line["remedy"])


def test_a_redis_that_refuses_by_itself_is_explained_too(redis: Redis, ledger: Ledger) -> None:
    fill_with_done_jobs(redis, ledger)
    note_fills(ledger.redis)
    redis.set(keys.MEMORY, 0)
    with full(redis), pytest.raises(MemoryFull, match=r"Redis is out of memory: done jobs .*tqctl purge"):
        ledger.accept([job(-1)])


def test_a_user_of_an_older_acl_accepts_and_is_refused_in_general_words(redis: Redis, redis_url: str) -> None:
    # given a user who may read neither what fills Redis nor which senders are slowed down
    older = ["{tq}:job:*", "{tq}:same:*", "{tq}:due:*", "{tq}:counts", "{tq}:memory", "{tq}:celery:*"]
    redis.acl_setuser("older", enabled=True, passwords=["+older"], keys=older, commands=["+@all"])
    redis.hset(keys.SENDERS, "redis", f"60 {2**50} 1 refused")
    try:
        with connect(redis_url.replace("://", "://older:older@")) as client:
            # when it sends, then its job is accepted
            assert Ledger(client).accept([job(1)])[0].created
            # and where there is no room it is told where to look
            with used_percent(redis, 95), pytest.raises(MemoryFull, match="tqctl check says what fills it"):
                Ledger(client).accept([job(2)])
    finally:
        redis.acl_deluser("older")


def test_where_nothing_was_measured_the_refusal_names_the_command_that_does(
    redis: Redis, ledger: Ledger
) -> None:
    with used_percent(redis, 95), pytest.raises(MemoryFull, match="tqctl check says what fills it"):
        ledger.accept([job(1)])


def test_what_is_said_to_free_memory_frees_it(redis: Redis, ledger: Ledger) -> None:
    fill_with_done_jobs(redis, ledger)
    fill_the_quarantine(redis, ledger)
    before = {usage.kind: usage.total for usage in usages(ledger.redis)}
    assert min(before["done jobs"], before["quarantined items"]) > 100_000
    ledger.retention.retire(now_ms(ledger.redis) + 1, MANY)
    quarantine = Quarantine(ledger.redis)
    quarantine.drop(quarantine.ids(), Audit(ledger.redis))
    after = {usage.kind for usage in usages(ledger.redis)}
    assert after.isdisjoint({"done jobs", "quarantined items"})
