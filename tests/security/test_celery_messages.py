"""What lies on a queue's key and is no Celery message goes to the quarantine, and the worker lives."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from sandbox.launch.processes import Processes
from tests.support.waiting import until
from workers.ledger import keys
from workers.ledger.celery_messages import why_unreadable
from workers.ledger.quarantine import Quarantine

pytestmark = pytest.mark.integration

KEY = keys.wake_ups("upkeep")

PAYLOAD = b'{"event_name": "a", "event_type": "Sighting"}'


def message(body: Any = ([], {}, {}), **changed: Any) -> bytes:
    """Return a message for a task of ours as Celery sends it, but for what is `changed`; None leaves a field out."""
    fields = {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "upkeep.work", "id": "1"},
        "properties": {
            "delivery_tag": "1",
            "delivery_info": {"exchange": "", "routing_key": "upkeep"},
            "body_encoding": "base64",
        },
    } | changed
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


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
    "an unknown compression": message(headers={"task": "upkeep.work", "id": "1", "compression": "x"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("poison")


@pytest.fixture
def processes(folder: Path, redis_url: str) -> Iterator[Processes]:
    """One worker for each test, since Redis is emptied between them."""
    environ = {"TQ_REDIS_URL": redis_url, "TQ_CONFIG": str(folder), "TQ_MAX_QUARANTINED": "20"}
    with Processes(folder / "logs", environ) as running:
        yield running


@pytest.mark.parametrize("protocol", [1, 2])
def test_what_celery_sends_is_a_message(protocol: int) -> None:
    task = {"task": "upkeep.work", "id": "1"}
    sent = message() if protocol == 2 else message({**task, "args": [], "kwargs": {}}, headers={})
    assert why_unreadable(sent) == ""


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
    # And one line of the log tells of each form
    log = (processes.folder / "worker.log").read_text()
    assert log.count("no Celery message, quarantined") == len({item.reason for item in items if item})
    assert "Traceback" not in log


def test_what_the_quarantine_has_no_room_for_is_told_by_the_log(processes: Processes, redis: Redis) -> None:
    # Given more of it than the quarantine may hold
    redis.lpush(KEY, *(f"number {number}" for number in range(25)), message())
    # When a worker takes it
    processes.worker("full", "upkeep", threads=1)
    processes.wait_until(lambda: redis.exists(keys.UPKEEP) == 1, "the wake-up behind them")
    # Then the quarantine is full, and the log tells of the rest once, and when the worker ends how often it was
    assert Quarantine(redis).count() == 20
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
