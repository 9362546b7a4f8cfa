"""A backup is taken while jobs come and are done; put back, nothing is lost and nothing is done twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from sandbox.launch.redis_server import age
from tests.support.operator import Operator
from tests.support.redis_content import event
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.backup.format import JobPart, KeyPart, MarkersPart
from workers.backup.read import Snapshot
from workers.consumer import QueueHandler, consume
from workers.core.results import EventResult
from workers.events.handler import make_events
from workers.leases import Leases
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.markers import read
from workers.ledger.records import dead, done
from workers.payload.options import from_settings
from workers.threatq.service import connect as connect_threatq

pytestmark = pytest.mark.integration

#: Jobs before the backup, and those that come between it and the loss.
BEFORE, SINCE = 120, 20


@contextmanager
def working(redis_url: str, threatq: SandboxThreatQ) -> Iterator[None]:
    """Work on the queue events, five jobs at a time, as long as the block lasts."""
    settings = threatq.settings()
    handle = partial(make_events, threatq=connect_threatq(settings), options=from_settings(settings))
    stop = threading.Event()

    def work() -> None:
        with connect(redis_url) as redis:
            ledger = Ledger(redis)
            while not stop.wait(0.02):
                consume(QueueHandler("events", handle, 5), ledger, Leases(ledger), stopping=stop.is_set)

    worker = threading.Thread(target=work)
    worker.start()
    yield
    stop.set()
    worker.join()


def titles(threatq: SandboxThreatQ) -> Counter[str]:
    return Counter(row["title"] for row in threatq.get("/api/events", limit=500)["data"])


def test_no_job_is_lost_and_no_event_made_twice(
    operator: Operator, redis: Redis, redis_url: str, ledger: Ledger, admin: LedgerAdmin,
    threatq_sandbox: SandboxThreatQ, tmp_path: Path,
) -> None:  # fmt: skip
    # Given a ThreatQ that takes the same event twice, and a backup in the midst of the work
    threatq_sandbox.behave(event_key="none")
    threatq_sandbox.fault("latency", ms=20)
    ledger.accept([event(number) for number in range(BEFORE)])
    with working(redis_url, threatq_sandbox):
        until(lambda: len(admin.ids("done", most=500)) >= 10, within_s=60)
        counts = operator.asks("backup", "--out", str(tmp_path / "backup"))["counts"]
        # and jobs that are accepted and done since
        ledger.accept([event(number) for number in range(BEFORE, BEFORE + SINCE)])
        until(lambda: sum(admin.open_jobs().values()) == 0, within_s=60)
    assert counts["open jobs"] > 0
    assert counts["open jobs"] + counts["done jobs"] >= BEFORE
    # When Redis is lost, and the backup is put back into an empty one
    redis.flushall()
    age(redis)
    assert operator.asks("restore", str(tmp_path / "backup"))["jobs"] == BEFORE
    with working(redis_url, threatq_sandbox):
        until(lambda: sum(admin.open_jobs().values()) == 0, within_s=60)
        # and the sender sends again, what the backup knows and what it does not
        ledger.accept([event(number) for number in range(BEFORE + SINCE)])
        until(lambda: sum(admin.open_jobs().values()) == 0, within_s=60)
    # Then every payload is one event
    assert titles(threatq_sandbox) == Counter({f"event {n}": 1 for n in range(BEFORE + SINCE)})
    assert len(admin.ids("done", most=500)) == BEFORE + SINCE


def test_a_job_that_a_worker_had_in_hand_is_tried_again_as_one_that_may_have_been_done(
    operator: Operator, redis: Redis, ledger: Ledger, admin: LedgerAdmin, tmp_path: Path
) -> None:
    ledger.accept([event(1)])
    (before,) = ledger.claim("events", 1)
    operator.asks("backup", "--out", str(tmp_path / "backup"))
    redis.flushall()
    operator.asks("restore", str(tmp_path / "backup"))
    # the worker that had it has it no more, and its loss does not count against the job
    assert ledger.settle([dead(before, "late")]) != []
    (again,) = ledger.claim("events", 1)
    assert (again.id, again.attempts, again.lost) == (before.id, 2, 0)


def test_what_moves_while_it_is_read_is_in_the_backup_all_the_same(
    ledger: Ledger, admin: LedgerAdmin, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given jobs that are open and dead, and payloads for the bridge
    monkeypatch.setattr("workers.backup.read.KEYS_A_CALL", 10)
    monkeypatch.setattr("workers.backup.read.VALUES_A_CALL", 10)
    known = {answer.id for answer in ledger.accept([event(number) for number in range(90)])}
    ledger.settle([dead(claim, "refused") for claim in ledger.claim("events", 30)])
    payloads = {f"payload {number}".encode() for number in range(60)}
    redis.sadd(keys.INGEST_BRIDGES, "b")
    redis.rpush(keys.INGEST_RPUSH, *sorted(payloads))
    # When between any two parts one is done, one is forgotten but for its marker, one is replayed, and a bridge goes on
    found, waiting = set(), set()
    for part in Snapshot(redis).parts():
        match part:
            case JobPart():
                found.add(part.id.decode())
            case MarkersPart():
                found.update(marker.id for marker in read(part.name, part.markers))
            case KeyPart() if part.name.startswith(keys.INGEST_RPUSH.encode()):
                waiting.update(part.items)
        ledger.settle([done(claim, EventResult()) for claim in ledger.claim("events", 1)])
        ledger.retention.retire_jobs(admin.ids("done")[-1:])
        admin.replay(admin.ids("dead")[:1], note={})
        for _ in range(3):
            redis.lmove(keys.INGEST_RPUSH, keys.ingest_taken(keys.INGEST_RPUSH, "b"), "LEFT", "RIGHT")
    # Then each of them was found, wherever it was
    assert known <= found
    assert waiting == payloads
