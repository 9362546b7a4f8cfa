"""A Redis that is filled by what others push into it: the bridge empties it, and so makes room."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from producers.redis_bridge import KEYS
from tests.integration.bridge.test_redis_bridge import bridge, event, nothing_left, push
from tests.support.full_redis import full
from tests.support.waiting import until
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin

pytestmark = pytest.mark.integration


def test_a_bridge_that_starts_in_a_full_redis_takes_over_what_fills_it(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    # given lists and a stream with more than one take, and what no producer can read
    for number in range(300):
        push(redis, "rpush", event(number))
    push(redis, "lpush", event(300), b"no JSON")
    redis.xadd(KEYS["stream"], {"payload": event(301)})
    redis.xgroup_create(keys.INGEST_STREAM, keys.INGEST_GROUP, id="0")
    # when the bridge starts while Redis refuses every write that takes memory
    with full(redis), bridge(tmp_path, redis_url):
        until(lambda: admin.open_jobs()["events"] == 302 and nothing_left(redis), within_s=60)
    # then all of it is accepted or kept, and the bridge has left nothing behind
    assert redis.zcard(keys.QUARANTINE) == 1


def test_an_ingest_stream_is_as_short_as_what_is_left_to_do(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    for number in range(500):
        push(redis, "stream", event(number))
    filled = redis.memory_usage(KEYS["stream"])
    with bridge(tmp_path, redis_url):
        until(lambda: admin.open_jobs()["events"] == 500 and nothing_left(redis), within_s=60)
        left = redis.memory_usage(KEYS["stream"])
    assert left is not None
    assert filled is not None
    assert left < filled / 10
