"""The client through which everything speaks with Redis: its errors are ours, and a pipeline keeps its promises."""

from __future__ import annotations

import pytest

from workers.core.errors import ServiceAway
from workers.ledger.client import RedisClient, RedisRefusal
from workers.ledger.connection import connect

pytestmark = pytest.mark.integration


def test_each_command_of_a_pipeline_returns_its_own_answer(redis: RedisClient) -> None:
    redis.set("word", "x")
    pipe = redis.pipeline()
    word, length, fields = pipe.get("word"), pipe.llen("list"), pipe.hgetall("hash")

    pipe.execute()

    assert (word.value, length.value, fields.value) == (b"x", 0, {})


def test_a_pipeline_can_be_used_again(redis: RedisClient) -> None:
    pipe = redis.pipeline(transaction=False)
    first = pipe.sadd("set", "a")
    pipe.execute()
    second = pipe.smembers("set")
    pipe.execute()

    assert (first.value, second.value) == (1, {b"a"})


def test_what_redis_refuses_is_a_refusal_with_its_code(redis: RedisClient) -> None:
    redis.set("word", "x")

    with pytest.raises(RedisRefusal, match="Redis refuses this") as alone:
        redis.llen("word")
    pipe = redis.pipeline()
    pipe.llen("word")
    with pytest.raises(RedisRefusal) as together:
        pipe.execute()

    assert (alone.value.code, together.value.code) == ("WRONGTYPE", "WRONGTYPE")


@pytest.mark.parametrize("transaction", [True, False])
def test_a_redis_that_is_away_is_our_error_for_a_command_and_for_a_pipeline(transaction: bool) -> None:
    redis = connect("redis://127.0.0.1:1", retries=0)
    pipe = redis.pipeline(transaction)
    pipe.get("word")

    with pytest.raises(ServiceAway, match="Redis cannot be reached"):
        redis.get("word")
    with pytest.raises(ServiceAway, match="Redis cannot be reached"):
        pipe.execute()
