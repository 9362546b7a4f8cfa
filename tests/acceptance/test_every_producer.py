"""The producers before a running worker: a payload is one event whichever it comes through; kills lose nothing."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from redis import Redis

from producers.redis_bridge import KEYS
from sandbox.launch.processes import Processes
from tests.acceptance.conftest import Command
from tests.support.producers import Process, Shim
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin

pytestmark = pytest.mark.acceptance


def event(number: int) -> dict[str, Any]:
    return {"event_name": f"event {number}", "event_type": "Sighting", "event_happened_at": 1633460462}


def send_with_celery(redis_url: str, *payloads: dict[str, Any]) -> None:
    """Send payloads as a program does that has Celery and nothing of ours."""
    options = {"global_keyprefix": keys.CELERY_PREFIX}
    with Celery(broker=redis_url, set_as_current=False) as client:
        client.conf.update(broker_transport_options=options, task_ignore_result=True)
        for payload in payloads:
            arguments = {"job": "events.create", "arguments": {"payload": payload}}
            client.send_task("jobs.accept", kwargs=arguments, queue="events")


def test_a_celery_client_that_has_nothing_of_ours_gets_its_event(
    working: Processes, redis_url: str, threatq_sandbox: SandboxThreatQ, admin: LedgerAdmin
) -> None:
    send_with_celery(redis_url, event(1))
    (job_id,) = until(lambda: admin.ids("done"), within_s=30)
    record = admin.record(job_id)
    assert record is not None
    assert record.producer == "celery"
    assert [row["title"] for row in threatq_sandbox.get("/api/events")["data"]] == ["event 1"]


def test_an_action_over_http_is_answered_with_its_outcome(
    working: Processes, redis_url: str, tmp_path: Path
) -> None:
    shim = Shim(tmp_path, redis_url)
    try:
        answer = shim.post("/v1/actions/lookup?wait=30", {"type": "FQDN", "value": "nowhere.example"})
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["result"]["found"]) == ("done", False)
    finally:
        assert shim.stop() == 0


class Sender(threading.Thread):
    """A flow that sends payloads and, like NiFi, sends again whatever was not answered with 202."""

    def __init__(self, url: str, numbers: range, answered: list[str]) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.numbers = numbers
        self.answered = answered

    def run(self) -> None:
        for number in self.numbers:
            self.answered.append(
                str(until(lambda number=number: self.send(number), within_s=60, every_s=0.1))
            )

    def send(self, number: int) -> str:
        try:
            answer = requests.post(
                f"{self.url}/v1/events",
                data=json.dumps(event(number)),
                headers={"Authorization": "Bearer sesame-of-the-tests"},
                timeout=5,
            )
        except requests.RequestException:
            return ""
        assert answer.status_code in (202, 503), answer.text
        return answer.json()["id"] if answer.status_code == 202 else ""


def test_a_shim_that_is_killed_or_stopped_under_load_has_what_it_answered_202_in_the_ledger(
    working: Processes, redis_url: str, redis: Redis, admin: LedgerAdmin, tmp_path: Path
) -> None:
    """Kill it three times hard and stop it twice politely, each time in the middle of eight senders."""
    chance = random.Random(7)
    shim = Shim(tmp_path, redis_url)
    answered: list[str] = []
    senders = [Sender(shim.url, range(n * 100, n * 100 + 100), answered) for n in range(8)]
    for sender in senders:
        sender.start()
    for how in ("kill", "stop", "kill", "stop", "kill"):
        before = len(answered)
        until(lambda before=before: len(answered) > before + chance.randrange(40, 90), within_s=60)
        shim.kill() if how == "kill" else shim.stop()
        shim = Shim(tmp_path, redis_url, port=shim.port)
    for sender in senders:
        sender.join(timeout=60)
    assert shim.stop() == 0
    # Then every payload has one job, which is done once
    assert len(set(answered)) == len(answered) == 800
    until(lambda: sum(admin.open_jobs().values()) == 0, within_s=60)
    states = Counter(record.state for record in admin.records(answered))
    assert states == {"done": 800}
    assert admin.counts()["done:events.create:http"] == 800


def test_one_payload_through_every_producer_is_one_event(
    working: Processes,
    command: Command,
    redis_url: str,
    redis: Redis,
    admin: LedgerAdmin,
    threatq_sandbox: SandboxThreatQ,
    tmp_path: Path,
) -> None:
    # Given a ThreatQ that makes a new event for each request to make one
    threatq_sandbox.behave(event_key="none")
    text = json.dumps(event(1))
    bridge = Process("tq-redis-bridge", tmp_path / "bridge", {"TQ_REDIS_URL": redis_url})
    shim = Shim(tmp_path / "shim", redis_url)
    # When the same payload comes by every way that there is
    assert command("tq-conn-events-builder", "-p", "-", text=text).returncode == 0
    assert shim.post("/v1/events", event(1)).status_code == 202
    redis.rpush(KEYS["rpush"], text)
    redis.lpush(KEYS["lpush"], text)
    redis.xadd(KEYS["stream"], {"payload": text})
    send_with_celery(redis_url, event(1), event(2))
    # Then it is one job and one event; another payload, which came last, is another
    until(lambda: len(admin.ids("done")) == 2, within_s=30)
    until(lambda: not redis.keys(keys.INGEST_PREFIX + "*push*") and not redis.xlen(KEYS["stream"]))
    assert (bridge.stop(), shim.stop()) == (0, 0)
    titles = sorted(row["title"] for row in threatq_sandbox.get("/api/events")["data"])
    assert titles == ["event 1", "event 2"]
    assert admin.counts()["done:events.create:cli"] == admin.counts()["done:events.create:celery"] == 1
