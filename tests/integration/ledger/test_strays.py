"""Payloads that lie under a mistyped name are found among all keys, and named with the right one."""

from __future__ import annotations

import pytest
from redis import Redis

from tests.support.operator import Operator
from workers.ledger import keys
from workers.ledger.ledger import Ledger
from workers.ledger.strays import meant, strays

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tq:ingst", keys.INGEST_RPUSH),
        ("tq:ingest", keys.INGEST_RPUSH),
        ("{tq}:ingest:rpsh", keys.INGEST_RPUSH),
        ("tq:ingest:lpush", keys.INGEST_LPUSH),
        ("{TQ}:INGEST:LPUSH", keys.INGEST_LPUSH),
        ("ingest", keys.INGEST_RPUSH),
        # Ours, and those of other applications.
        (keys.INGEST_RPUSH, ""),
        (keys.ingest_taken(keys.INGEST_LPUSH, "b1"), ""),
        (keys.wake_ups("events"), ""),
        ("celery", ""),
        ("logstash", ""),
        ("my:queue", ""),
    ],
)
def test_a_list_is_taken_for_one_of_ours_where_its_name_is_almost_that(name: str, expected: str) -> None:
    assert meant(name, "list") == expected


def test_lists_and_streams_are_found_among_many_keys(redis: Redis, ledger: Ledger) -> None:
    redis.mset({f"{keys.PREFIX}job:{number}": "x" for number in range(5_000)})
    redis.rpush("tq:ingst", "{}", "{}")
    redis.xadd("{tq}:ingest:steam", {"payload": "{}"})
    redis.set("tq:ingest:note", "of another type")
    redis.rpush(keys.INGEST_RPUSH, "{}")

    assert [(stray.name, stray.count, stray.meant) for stray in strays(redis)] == [
        ("tq:ingst", 2, keys.INGEST_RPUSH),
        ("{tq}:ingest:steam", 1, keys.INGEST_STREAM),
    ]


def test_check_names_the_key_and_what_moves_its_payloads(operator: Operator, redis: Redis) -> None:
    redis.rpush("tq:ingst", '{"event_name": "a"}')

    answer = operator.types("--json", "check", "--only", "redis")

    (line,) = [line for line in answer.json if line["what"] == "mistyped keys"]
    assert line["state"] == "warning"
    assert line["found"] == "1 entries lie in the list tq:ingst, where no bridge looks"
    assert "redis-cli: LMOVE tq:ingst {tq}:ingest:rpush LEFT RIGHT" in line["remedy"]
