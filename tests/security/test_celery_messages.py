"""What lies on a queue's key and is no Celery message goes to the quarantine, and the worker lives."""

from __future__ import annotations

import base64
import json
import lzma
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from sandbox.launch.processes import Processes
from tests.support.celery_messages import INFO, compressed, headed, message
from tests.support.waiting import until
from workers.ledger import keys
from workers.ledger.celery_messages import MOST_INFLATED, why_unreadable
from workers.ledger.quarantine import Quarantine
from workers.telemetry.repeats import MOST_TEXTS

pytestmark = pytest.mark.integration

KEY = keys.wake_ups("upkeep")

PAYLOAD = b'{"event_name": "a", "event_type": "Sighting"}'


#: A body that inflates to a thousand times its size.
BOMB = zlib.compress(b"[" + b" " * (2 * MOST_INFLATED) + b"[], {}, {}]")

POISON = {
    "no JSON": b"hello",
    "no UTF-8": b"\xff\xfe",
    "a JSON list": b"[1, 2]",
    "a raw payload": PAYLOAD,
    "bad base64": message(**{"body": "abcde"}),
    "a body that is no JSON": message(**{"body": base64.b64encode(b"{").decode()}),
    "a body that is a number": message(5),
    "no headers": message(headers=None),
    "no id": message(headers={"task": "upkeep.work"}),
    "no properties": message(properties=None),
    "no delivery tag": message(properties={"body_encoding": "base64"}),
    "pickle": message(**{"content-type": "application/x-python-serialize"}),
    "an unknown compression": headed(compression="x"),
    "a compression that is no text": headed(compression=5),
    "a compression that it is not in": headed(compression="gzip"),
    "a bomb": compressed(BOMB, "application/x-gzip"),
    "a bomb by its other name": compressed(BOMB, "zlib"),
    "a compression whose size is not known": compressed(lzma.compress(b"[[], {}, {}]"), "lzma"),
    "a task that there is none of": message(headers={"task": "rm.everything", "id": "1"}),
    "a task of protocol 1 that there is none of": message(
        {"task": "rm.everything", "id": "1", "args": [], "kwargs": {}}, headers={}
    ),
    "an odd time": headed(eta="tomorrow"),
    "a time that is a list": headed(eta=["2026-11-27"]),
    "an odd end": headed(expires={}),
    "one limit of time": headed(timelimit=[1]),
    "limits of time that are texts": headed(timelimit=["a", "b"]),
    "tries that are a text": headed(retries="many"),
    "an odd root": headed(root_id=["a"]),
    "an odd name to show": headed(shadow={"a": 1}),
    "odd arguments to show": headed(argsrepr=[1]),
    "a group that is an object": headed(group={"a": 1}),
    "callbacks that are a number": message(([], {}, {"callbacks": 5})),
    "callbacks that are texts": message(([], {}, {"errbacks": ["a"]})),
    "a chord that is a list": message(([], {}, {"chord": [1]})),
    "a task behind it, which once held the worker for ever": message(
        ([], {}, {"chain": [{"task": "x", "args": []}]})
    ),
    "a task behind it in the headers": headed(chain=[{"task": "x", "args": []}]),
    "odd stamps": headed(stamped_headers=5),
    "an answer to a list": message(
        properties={"delivery_tag": "1", "delivery_info": INFO, "body_encoding": "base64", "reply_to": [1]}
    ),
    "a priority that is a text": message(
        properties={
            "delivery_tag": "1",
            "delivery_info": INFO,
            "body_encoding": "base64",
            "priority": "first",
        }
    ),
}


#: Where kombu notes what workers have taken and not acknowledged: by tag, and when.
UNACKED, UNACKED_INDEX = keys.CELERY_PREFIX + "unacked", keys.CELERY_PREFIX + "unacked_index"

UNACKED_POISON = {
    "no JSON": b"hello",
    "no UTF-8": b"\xff\xfe",
    "an object": b'{"a": 1}',
    "too short": b'[{}, ""]',
    "no message": b'[5, "", "upkeep"]',
    "a message for no queue": json.dumps([json.loads(message()), "", "elsewhere"]).encode(),
    "a message of a poison": json.dumps([json.loads(POISON["no headers"]), "", "upkeep"]).encode(),
    "an odd exchange": json.dumps([json.loads(message()), [1], "upkeep"]).encode(),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("poison")


@pytest.fixture
def processes(folder: Path, redis_url: str) -> Iterator[Processes]:
    """One worker for each test, since Redis is emptied between them."""
    environ = {"TQ_REDIS_URL": redis_url, "TQ_CONFIG": str(folder), "TQ_MAX_QUARANTINED": "60"}
    with Processes(folder / "logs", environ) as running:
        yield running


@pytest.mark.parametrize("protocol", [1, 2])
def test_what_celery_sends_is_a_message(protocol: int) -> None:
    task = {"task": "upkeep.work", "id": "1"}
    sent = message() if protocol == 2 else message({**task, "args": [], "kwargs": {}}, headers={})
    assert why_unreadable(sent) == ""


def test_what_a_celery_client_compresses_is_a_message() -> None:
    assert why_unreadable(compressed(zlib.compress(b"[[], {}, {}]"), "application/x-gzip")) == ""


def test_a_bomb_takes_no_more_memory_than_a_body_may() -> None:
    # Given a message of some hundred kilobytes that inflates to hundreds of megabytes
    bomb = compressed(zlib.compress(b" " * (20 * MOST_INFLATED)), "gzip")
    tracemalloc.start()
    try:
        assert f"more than {MOST_INFLATED} bytes" in why_unreadable(bomb)
        # Then reading it stops at what a body may have
        assert tracemalloc.get_traced_memory()[1] < 3 * MOST_INFLATED
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", POISON)
def test_no_form_of_it_passes_for_a_message(form: str) -> None:
    assert why_unreadable(POISON[form])


def test_a_worker_goes_on_past_what_is_no_message(processes: Processes, redis: Redis) -> None:
    # Given each form on a queue's key, and behind them a wake-up
    redis.lpush(KEY, *POISON.values(), message())
    # When a worker takes them
    processes.worker("worker", "upkeep", threads=1)
    # Then it lives and does the work of the wake-up
    processes.wait_until(lambda: redis.exists(keys.UPKEEP) == 1, "the wake-up behind them")
    # And each one is in the quarantine, with the key it lay on and the key to use
    quarantine = Quarantine(redis)
    until(lambda: quarantine.count() == len(POISON))
    items = [quarantine.item(item_id) for item_id in quarantine.ids()]
    assert {item.raw for item in items if item} == set(POISON.values())
    assert {item.source for item in items if item} == {KEY}
    assert all(
        f"it lay on {KEY}" in item.reason and keys.INGEST_RPUSH in item.reason for item in items if item
    )
    # And one line of the log tells of each form, of so many a minute
    log = (processes.folder / "worker.log").read_text()
    assert log.count("no Celery message, quarantined") == min(
        MOST_TEXTS, len({item.reason for item in items if item})
    )
    assert "Traceback" not in log


@pytest.mark.parametrize("entry", UNACKED_POISON)
def test_a_worker_goes_on_past_what_was_never_acknowledged_and_is_no_message(
    entry: str, processes: Processes, redis: Redis
) -> None:
    # Given an entry among the messages that killed workers had taken, and behind it one that can be put back
    good = json.dumps([json.loads(message()), "", "upkeep"])
    redis.hset(UNACKED, mapping={"bad": UNACKED_POISON[entry], "good": good})
    redis.zadd(UNACKED_INDEX, {"bad": 2, "good": 1})
    # When a worker puts back what is due
    worker = processes.worker("restoring", "upkeep", threads=1)
    processes.wait_until(lambda: redis.exists(keys.UPKEEP) == 1, "the message behind it")
    # Then it lives, and the entry is in the quarantine
    until(lambda: Quarantine(redis).count() == 1 and not redis.hlen(UNACKED))
    assert worker.poll() is None
    (item_id,) = Quarantine(redis).ids()
    item = Quarantine(redis).item(item_id)
    assert item is not None
    assert (item.source, item.raw) == (UNACKED, UNACKED_POISON[entry])


def test_what_the_quarantine_has_no_room_for_is_told_by_the_log(processes: Processes, redis: Redis) -> None:
    # Given more of it than the quarantine may hold
    redis.lpush(KEY, *(f"number {number}" for number in range(65)), message())
    # When a worker takes it
    processes.worker("full", "upkeep", threads=1)
    processes.wait_until(lambda: redis.exists(keys.UPKEEP) == 1, "the wake-up behind them")
    # Then the quarantine is full, and the log tells of the rest once, and when the worker ends how often it was
    assert Quarantine(redis).count() == 60
    processes.stop("full")
    log = (processes.folder / "full.log").read_text()
    assert log.count("no Celery message, lost' ") == 1
    assert "4 times more" in log


def test_an_answer_to_remote_control_is_left_alone(processes: Processes, redis: Redis) -> None:
    # Given a worker that has put one of it aside
    redis.lpush(KEY, b"hello")
    worker = processes.worker("asked", "upkeep", threads=1)
    processes.wait_until(lambda: Quarantine(redis).count() == 1, "the quarantine")
    # When it is asked how it is, which it answers with its transport options too
    command = (sys.executable, "-m", "celery", "-A", "workers.app", "inspect", "stats")
    asked = subprocess.run(
        command, env=processes.environ, cwd=processes.root, capture_output=True, timeout=60, check=False
    )
    # Then the asker takes its answer, which names no task either
    assert (asked.returncode, worker.poll()) == (0, None)
    assert b"visibility_timeout" in asked.stdout
    assert Quarantine(redis).count() == 1
