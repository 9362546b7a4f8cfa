"""Alerts of jobs that wait, and of what should look after them: raised by their cause, ended by their page."""

from __future__ import annotations

import pytest
from redis import Redis

from tests.integration.runbooks.conftest import Begin
from tests.support.consumer_stage import Work, accept, do
from workers.consumer import QueueHandler, consume
from workers.core.jobs import Job
from workers.leases import Leases
from workers.ledger import keys
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview

pytestmark = pytest.mark.integration


def test_an_upkeep_that_fell_silent_is_started(begin: Begin, redis: Redis, ledger: Ledger) -> None:
    ledger.look_after()
    play = begin("TqUpkeepSilent")
    redis.set(keys.UPKEEP, now_ms(redis) - 120_000)
    assert "start tq-beat" in play.follow().services
    ledger.look_after()
    play.is_over()


def test_an_analysts_action_is_done_by_a_worker_that_is_started(begin: Begin, ledger: Ledger) -> None:
    play = begin("TqAnalystsWait")
    ledger.accept([Job("indicators.lookup", {"value": "x"}, producer="stub")])
    assert play.follow().services == ["start tq-worker@enrichment"]
    assert consume(QueueHandler("enrichment", do, 100), ledger, Leases(ledger)) == 1
    play.is_over()


def test_a_job_that_waits_for_long_is_done_by_one_more_worker(
    begin: Begin, redis: Redis, ledger: Ledger, work: Work
) -> None:
    play = begin("TqJobsWait")
    (job_id,) = accept(ledger, 1)
    accepted, rest = redis.get(keys.job(job_id)).split(b"\n", 1)
    redis.set(keys.job(job_id), b"%d\n%s" % (int(accepted) - 1_000_000, rest))
    ledger.wake("events")
    assert play.follow(QUEUE="events").services == ["start tq-worker@events"]
    assert work(do) == 1
    play.is_over()


def test_metrics_that_no_process_serves_are_missed_until_workers_are_started(begin: Begin) -> None:
    play = begin("TqMetricsMissing")
    served, play.port = play.port, 1
    assert "start tq-worker@events tq-worker@enrichment tq-worker@sync" in play.follow().services
    play.port = served
    play.is_over()


def test_a_service_that_is_back_is_called_again(begin: Begin, redis: Redis, ledger: Ledger) -> None:
    play = begin("TqServiceAway")
    ledger.service_away("threatq", "503")
    play.follow(SERVICE="threatq")
    assert overview(redis).away == []
    play.is_over()
