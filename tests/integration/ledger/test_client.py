"""The client through which everything speaks with Redis: its errors are ours, and a pipeline keeps its promises."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.support.waiting import until
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


def test_a_connection_that_redis_has_closed_opens_again_though_nothing_is_tried_twice(redis_url: str) -> None:
    client: Any = connect(redis_url, retries=0)
    number = client.execute_command("CLIENT", "ID")

    with connect(redis_url) as other:
        cast("Any", other).execute_command("CLIENT", "KILL", "ID", number)

    assert client.get("word") is None
    assert client.execute_command("CLIENT", "ID") != number


def test_an_answer_that_was_never_read_is_given_to_no_other_command(redis_url: str) -> None:
    client: Any = connect(redis_url, retries=0)
    client.set("word", "x")
    (connection,) = client._at_hand
    connection.send_command("GET", "word")
    until(connection.can_read)

    assert client.llen("list") == 0


def test_a_forked_process_does_not_speak_over_the_connections_of_the_first(redis_url: str) -> None:
    client: Any = connect(redis_url)
    client.set("word", "x")
    (connection,) = client._at_hand
    connection.pid = -1

    assert client.get("word") == b"x"
    assert connection not in client._at_hand
