"""One gate of memory: jobs, what cannot be read, and what the bridge takes over, in bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from tests.support.full_redis import full
from workers.core.errors import Busy
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.connection import connect
from workers.ledger.ingest import waiting_for_bridge
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, QuarantineLimits, Unreadable

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
        assert quarantine.drop([first, first, "unknown"]) == 1
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
            Busy, match=r"^\d+ % of Redis' memory is in use, .*; 0 jobs of the queue events are open"
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
            with pytest.raises(Busy, match="2 jobs of the queue events are open"):
                bridge.accept([job(2)])
            assert Quarantine(client, QuarantineLimits(memory_percent=None)).keep([unreadable(10)])


def test_what_waits_for_the_bridge_is_told_in_bytes(redis: Redis, redis_url: str) -> None:
    redis.rpush(keys.INGEST_RPUSH, *(os.urandom(10_000) for _ in range(30)))
    redis.xadd(keys.INGEST_STREAM, {"payload": os.urandom(100_000)})
    with connect(redis_url) as client:
        waiting = waiting_for_bridge(client)
    assert waiting.messages == 31
    assert 400_000 < waiting.bytes < 550_000
