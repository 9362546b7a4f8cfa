"""Alerts of queues: each is raised by its cause, and ended by the steps of its page."""

from __future__ import annotations

import pytest
from redis import Redis

from tests.integration.runbooks.conftest import Begin
from tests.support.consumer_stage import Work, accept, do, refuse
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.signs import Sign, give_sign

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
