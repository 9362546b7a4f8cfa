"""Celery's messages with anything in them changed: a worker does what it can read, sets the rest aside, and lives."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from sandbox.launch.processes import Processes
from tests.support.celery_messages import INFO, message
from workers.ledger import keys
from workers.ledger.quarantine import Quarantine

pytestmark = pytest.mark.integration

#: Messages that are changed; `make fuzz` changes 10,000.
MESSAGES = int(os.environ.get("FUZZED_ANSWERS", "300"))

SEED = 20_261_127

KEY = keys.wake_ups("upkeep")

#: What Celery or kombu reads, by where it stands.
NAMES = {
    "headers": (
        *(
            "task",
            "id",
            "lang",
            "shadow",
            "eta",
            "expires",
            "group",
            "group_index",
            "retries",
            "timelimit",
            "utc",
        ),
        *(
            "root_id",
            "parent_id",
            "argsrepr",
            "kwargsrepr",
            "origin",
            "ignore_result",
            "replaced_task_nesting",
        ),
        *("stamped_headers", "stamps", "compression", "chord"),
    ),
    "properties": (
        *("delivery_tag", "delivery_info", "body_encoding", "priority", "reply_to", "correlation_id"),
        "delivery_mode",
    ),
    "options": ("callbacks", "errbacks", "chain", "chord"),
    "message": ("body", "content-type", "content-encoding", "headers", "properties"),
}

#: What stands there instead.
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**400, float("inf"), "", "a", "\ud800", "\0", "a" * 5_000, "2026-11-27T10:00:00",
    "2026-11-27T10:00:00+00:00", "9999-12-31T23:59:59.999999+14:00", "0001-01-01T00:00:00", [], [None, None], [0, 0],
    [1e308, -1], {}, {"a": {}}, [[]], {"task": "x"}, [{"task": "x", "args": []}], "celery.map", "jobs.accept",
)  # fmt: skip


def mutated(number: int, chance: random.Random) -> bytes:
    """Return a message with one to three things changed."""
    # Of one id Celery would discard all once one of them has expired.
    headers: dict[str, Any] = {"task": chance.choice(["upkeep.work", "jobs.accept"]), "id": str(number)}
    properties: dict[str, Any] = {
        "delivery_tag": str(number),
        "delivery_info": INFO,
        "body_encoding": "base64",
    }
    options: dict[str, Any] = {}
    whole: dict[str, Any] = {"headers": headers, "properties": properties}
    parts = {"headers": headers, "properties": properties, "options": options, "message": whole}
    for _ in range(chance.randint(1, 3)):
        part = chance.choice(["headers", "headers", "properties", "options", "message"])
        parts[part][chance.choice(NAMES[part])] = chance.choice(ODD)
    usual = ([], {}, options)
    odd = chance.choice([(chance.choice(ODD), {}, options), {"args": [], **headers, **options}])
    body = chance.choice([usual, usual, usual, odd])
    return message(body, **whole)


@pytest.fixture
def processes(tmp_path: Path, redis_url: str) -> Iterator[Processes]:
    environ = {"TQ_REDIS_URL": redis_url, "TQ_CONFIG": str(tmp_path), "TQ_MAX_QUARANTINED": "100000"}
    with Processes(tmp_path / "logs", environ) as running:
        yield running


def test_whatever_lies_on_a_queue_a_worker_lives_and_does_what_is_behind_it(
    processes: Processes, redis: Redis
) -> None:
    # Given messages with anything changed, and behind them a job for the quarantine that tells its place
    chance = random.Random(SEED)
    last = message([[], {"job": "last"}, {}], headers={"task": "jobs.accept", "id": "last"})
    redis.lpush(KEY, *(mutated(number, chance) for number in range(MESSAGES)), last)
    # When a worker takes them
    worker = processes.worker("fuzzed", "upkeep", threads=1)
    quarantine = Quarantine(redis)

    def is_done() -> bool:
        newest = [quarantine.item(item_id) for item_id in quarantine.ids(5)]
        return any(item and b'"last"' in item.raw for item in newest)

    processes.wait_until(is_done, "the message behind them", within_s=120)
    # Then it lives, and what it set aside was no message
    assert worker.poll() is None
    assert quarantine.count() > MESSAGES / 10
