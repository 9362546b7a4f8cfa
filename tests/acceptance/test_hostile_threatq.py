"""A real worker before a ThreatQ that answers anything: it lives, its memory is bounded, and no job is lost."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from sandbox.launch.processes import Processes
from tests.acceptance.conftest import environment
from tests.support.mutating import Mutating
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.scripted import scripted
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit
from workers.ledger.breakers import close_breaker
from workers.ledger.connection import RedisClient
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.acceptance

JOBS = 20

#: Answers that are changed while the worker works.
ANSWERS = 40

MOST_BYTES = 300 << 20


def most_memory(pid: int) -> int:
    """Return the bytes of memory that a process has had at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def went_on(redis: RedisClient, hostile: Mutating, enough: int) -> bool:
    """Tell whether enough answers were changed or no job is open; an operator closes the breaker meanwhile."""
    close_breaker(redis, "threatq", Audit(redis))
    return hostile.mutated >= enough or not redis.zcard(keys.due("events"))


def test_a_worker_lives_through_every_answer_of_threatq_and_loses_no_job(
    redis: RedisClient,
    redis_url: str,
    threatq_sandbox: SandboxThreatQ,
    example_payload: dict[str, object],
    tmp_path: Path,
) -> None:
    # Given a ThreatQ of which one answer in five is changed
    hostile = Mutating(threatq_sandbox.url, seed=14, share=0.2)
    settings = environment(redis_url, "")
    ledger, admin = Ledger(redis), LedgerAdmin(redis)
    with (
        scripted(hostile.script) as server,
        Processes(tmp_path, {**settings, "TQ_THREATQ_URL": server.url}) as system,
    ):
        worker = system.worker("worker", "events", "upkeep")
        system.beat()
        # When jobs come until enough answers were changed
        accepted = 0
        while hostile.mutated < ANSWERS:
            titles = [f"Detection {accepted + number}" for number in range(JOBS)]
            accepted += JOBS
            ledger.accept(
                [
                    Job(
                        "events.create", {"payload": example_payload | {"event_name": title}}, producer="test"
                    )
                    for title in titles
                ]
            )
            until(partial(went_on, redis, hostile, hostile.mutated + 5), within_s=90, every_s=0.1)
        # And ThreatQ is well again, and what it seemed to refuse is replayed
        hostile.share = 0.0
        close_breaker(redis, "threatq", Audit(redis))
        until(lambda: not redis.zcard(keys.due("events")), within_s=90)
        dead = [record.id for record in admin.dead_records()]
        admin.replay(dead, note={})
        until(lambda: redis.zcard(keys.DONE) == accepted, within_s=90)
        # Then the same process has made every event, in bounded memory
        assert worker.poll() is None
        assert most_memory(worker.pid) < MOST_BYTES
    titles = {event["title"] for event in threatq_sandbox.get("/api/events", limit=10_000)["data"]}
    assert {f"Detection {number}" for number in range(accepted)} <= titles
