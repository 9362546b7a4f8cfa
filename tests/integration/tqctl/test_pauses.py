"""A paused queue says so, since when, why and by whom, in every place where a person or a program waits or looks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from redis import Redis

from producers.cli.follow import Follow
from producers.cli.report import Wait
from producers.enqueue import Handed
from producers.http.ui.home import services
from producers.smart_response.commands import ACTIONS
from producers.smart_response.job import main as tq_job
from producers.smart_response.main import run
from tests.support.browsing import Visitor
from tests.support.operator import Operator
from tests.support.producers import OPERATOR, READER, Shim
from tests.support.trail import as_
from workers.core.jobs import Job
from workers.core.results import Failure
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.records import dead

pytestmark = pytest.mark.integration

ALERTS = Path(__file__).parents[3] / "deploy" / "monitoring" / "prometheus" / "alerts.yml"

REASON = "ThreatQ is being upgraded"

LOOKUP = {"type": "FQDN", "value": "bad.example"}


@pytest.fixture
def paused(admin: LedgerAdmin) -> LedgerAdmin:
    """A queue that an operator has paused, and said why."""
    as_(admin, "anna@soc-1").pause("enrichment", reason=REASON)
    return admin


def lookup(ledger: Ledger) -> str:
    (accepted,) = ledger.accept([Job("indicators.lookup", LOOKUP, producer="stub", title="bad.example")])
    return accepted.id


def assert_said(text: str) -> None:
    assert "queue enrichment is paused since 20" in text
    assert f"because: {REASON}, by anna@soc-1" in text


def test_the_operator_who_pauses_is_named_with_the_reason(operator: Operator) -> None:
    operator.asks("pause", "enrichment", "--reason", REASON)
    (pause,) = operator.asks("status", "--no-workers")["pauses"]
    assert (pause["queue"], pause["reason"]) == ("enrichment", REASON)
    assert "@" in pause["by"]
    assert pause["said"] in operator.types("status", "--no-workers").out
    operator.asks("resume", "enrichment")
    assert operator.asks("status", "--no-workers")["pauses"] == []


def test_a_pause_that_is_repeated_keeps_since_when(paused: LedgerAdmin, redis: Redis) -> None:
    (first,) = overview(redis).pauses
    as_(paused, "ben").pause("enrichment", reason="still")
    (second,) = overview(redis).pauses
    assert (second.since_ms, second.reason, second.by) == (first.since_ms, "still", "ben")


def test_the_analyst_who_waits_for_an_action_is_told_at_once(
    paused: LedgerAdmin, redis_url: str, operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    assert run(ACTIONS["tq-lookup"], ["FQDN", "bad.example", "--wait", "60"]) == 0
    assert time.monotonic() - began < 30
    text = capsys.readouterr().out
    assert_said(text)
    assert "it will be done once an operator lets the queue go on; nothing needs to be repeated" in text


def test_the_sender_who_waits_over_http_is_told_at_once(paused: LedgerAdmin, shim: Shim) -> None:
    answer = shim.post("/v1/actions/lookup?wait=60", LOOKUP)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert_said(answer.json()["result"]["reason"])
    job = shim.call("GET", answer.json()["status_url"], token=READER).json()
    assert_said(job["result"]["reason"])


def test_tq_job_tells_it_of_a_job_that_waits(
    paused: LedgerAdmin, ledger: Ledger, operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = lookup(ledger)
    assert tq_job([job_id]) == 0
    text = capsys.readouterr().out
    assert_said(text)
    assert "once an operator lets the queue go on" in text
    assert_said(operator.asks("jobs", "show", job_id)["paused"])
    paused.resume("enrichment")
    assert tq_job([job_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paused"] == ""


def test_a_command_that_waits_for_its_payload_is_told_at_once(admin: LedgerAdmin, ledger: Ledger) -> None:
    as_(admin, "anna").pause("events", reason=REASON)
    job = Job("events.create", {"payload": {"n": 1}}, producer="cli")
    ledger.accept([job])
    began = time.monotonic()
    waited = Wait(admin, 60).outcome(Handed(job, job.id, "accepted"))
    assert time.monotonic() - began < 30
    assert isinstance(waited.result, Failure)
    assert f"because: {REASON}, by anna; the job is kept" in waited.result.reason


def test_a_sync_that_waits_for_its_queue_is_not_followed_for_long(admin: LedgerAdmin, ledger: Ledger) -> None:
    as_(admin, "anna").pause("sync", reason=REASON)
    (accepted,) = ledger.accept([Job("lists.sync", {"collection": "Very High"}, producer="cli")])
    (end,) = Follow(admin, {"Very High": accepted.id}, quiet=True).to_the_end()
    assert end.state == "waiting"
    assert isinstance(end.result, Failure)
    assert REASON in end.result.reason


@pytest.fixture
def visitor(shim: Shim) -> Iterator[Visitor]:
    """An operator at the status page."""
    user = Visitor(shim.url)
    user.sign_in(OPERATOR)
    yield user
    user.http.close()


def test_the_page_asks_why_and_shows_it(visitor: Visitor, redis: Redis, ledger: Ledger) -> None:
    visitor.send("/", "/queues/enrichment/pause", reason=REASON)
    (pause,) = overview(redis).pauses
    assert (pause.reason, pause.by) == (REASON, "operator")
    assert [service for service in services(overview(redis)) if service.detail == pause.said]
    for path in ("/", f"/jobs/{lookup(ledger)}"):
        assert pause.said in visitor.get(path).text


def test_a_queue_that_paused_itself_says_so_to_those_who_wait(ledger: Ledger, admin: LedgerAdmin) -> None:
    # Given a queue of which nearly all jobs die
    jobs = [
        Job("events.create", {"payload": {"n": n}}, producer="cli", sender=f"s{n % 5}") for n in range(60)
    ]
    ledger.accept(jobs)
    ledger.settle([dead(claim, "no such type") for claim in ledger.claim("events", 60)])
    # Then one that still waits is told so
    (waits, *_) = admin.records(admin.ids("accepted", queue="events"))
    assert "because: 50 of the last 50 jobs died; the last one: no such type" in waits.paused
    assert waits.paused.endswith("by the ledger itself")


def test_a_queue_that_an_earlier_version_paused_is_shown_as_paused(redis: Redis, operator: Operator) -> None:
    redis.sadd(keys.PAUSED, "sync")
    assert "queue sync is paused (tqctl resume sync goes on)" in operator.types("status", "--no-workers").out


def test_the_alert_comes_within_a_minute_and_waiting_jobs_are_told_of_all_the_same() -> None:
    rules = {
        rule["alert"]: rule
        for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    }
    # Scraped and judged each 15 s: what holds for no time is told within a minute.
    assert "for" not in rules["TqQueuePaused"]
    assert "tq_queue_paused" not in rules["TqJobsWait"]["expr"]
