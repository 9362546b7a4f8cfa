"""Alerts of queues: each is raised by its cause, and ended by the steps of its page."""

from __future__ import annotations

from random import randbytes

import pytest
from redis import Redis

from tests.integration.runbooks.conftest import Begin
from tests.support.consumer_stage import Work, accept, do, refuse
from tests.support.firings import Firings, firing
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.records import needs_newer
from workers.ledger.signs import Sign, give_sign
from workers.runtime import Runtime

pytestmark = pytest.mark.integration


def test_a_paused_queue_is_resumed(begin: Begin, admin: LedgerAdmin) -> None:
    play = begin("TqQueuePaused")
    admin.pause("events", reason="an upgrade")
    play.follow(QUEUE="events")
    assert overview(admin.redis).pauses == []
    play.is_over()


def test_a_queue_that_waits_is_tried_again(begin: Begin, ledger: Ledger) -> None:
    play = begin("TqQueueWaits")
    accept(ledger, 1)
    ledger.block("events", "the connector Events Builder is disabled in ThreatQ", kind="events.create")
    play.follow(QUEUE="events")
    assert overview(ledger.redis).waits == []
    play.is_over()


def test_a_queue_without_a_worker_gets_one(begin: Begin, redis: Redis, ledger: Ledger) -> None:
    give_sign(redis, Sign("events@h", "1", queues=["events", "enrichment", "sync", "upkeep"]))
    play = begin("TqNoWorker")
    redis.delete(keys.WORKERS)
    accept(ledger, 1)
    assert play.follow(QUEUE="events").services == ["start tq-worker@events"]
    give_sign(redis, Sign("events@h", "2", queues=["events", "enrichment", "sync", "upkeep"]))
    play.is_over()


def test_dead_letters_are_replayed_and_done(begin: Begin, ledger: Ledger, work: Work) -> None:
    play = begin("TqDeadLetters")
    accept(ledger, 2)
    work(refuse)
    assert "2 replayed" in play.follow(REASON="no event type").printed
    assert work(do) == 2
    play.is_over()


def test_the_quarantine_is_emptied(begin: Begin, redis: Redis) -> None:
    play = begin("TqQuarantine")
    Quarantine(redis).keep([Unreadable("http", "siem", "no_json", "is no JSON", b"<xml/>")])
    assert "1 dropped" in play.follow().printed
    play.is_over()


def test_a_quarantine_that_fills_is_emptied(begin: Begin, redis: Redis) -> None:
    play = begin("TqQuarantineFills")
    quarantine = Quarantine(redis)
    # bytes that no compression makes smaller
    quarantine.keep(
        [Unreadable("http", "siem", "no_json", "is no JSON", randbytes(900_000)) for _ in range(60)]
    )
    assert "60 dropped" in play.follow().printed
    assert quarantine.count() == 0
    play.is_over()


def test_jobs_of_a_newer_version_are_done_once_its_workers_are_there(
    begin: Begin, redis: Redis, ledger: Ledger, work: Work
) -> None:
    play = begin("TqNeedsNewerWorker")
    (job_id,) = accept(ledger, 1)
    work(lambda attempt: [needs_newer(claim, "needs a newer worker") for claim in attempt.claims])
    assert play.follow(QUEUE="events").services == ["restart tq-worker@events"]
    # Ten minutes later it is tried again, and what was told of the workers before is over
    redis.zadd(keys.due("events"), {job_id: 1})
    redis.delete(keys.needs_newer("events"))
    assert work(do) == 1
    play.is_over()


def test_a_source_below_its_limit_again_is_told_of_no_more(
    begin: Begin, runtime: Runtime, threatq_sandbox: SandboxThreatQ
) -> None:
    play = begin("TqSourceLimited")
    firings = Firings(runtime, threatq_sandbox, rate_limits="*=10/86400")
    firings.send(*(firing(number) for number in range(15)))
    firings.work()
    assert play.follow().services == ["restart tq-worker@events"]
    # The window is over
    for group in overview(runtime.redis).limited:
        runtime.redis.zadd(keys.GROUPS_LIMITED, {group.id: 1})
    play.is_over()
