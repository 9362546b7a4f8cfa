"""A queue that waits for a connector or a setting says so in every place where a person or a program looks."""

from __future__ import annotations

import pytest
from redis import Redis

from producers.cli.report import Wait
from producers.enqueue import Handed
from producers.http.ui.home import services
from producers.smart_response.job import main as tq_job
from tests.support.consumer_stage import accept
from tests.support.operator import Operator
from tests.support.producers import READER, Shim
from workers.core.jobs import Job
from workers.core.results import Failure
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.quarantine import Quarantine
from workers.telemetry import metrics
from workers.telemetry.collector import LedgerCollector

pytestmark = pytest.mark.integration

REASON = "the connector Events Builder is disabled in ThreatQ; enable it there, and its payloads go on"


@pytest.fixture
def job_id(ledger: Ledger) -> str:
    """A payload that waits because the connector is disabled."""
    (job_id,) = accept(ledger, 1)
    ledger.block("events", REASON, kind="events.create")
    return job_id


def test_the_operator_reads_it_in_the_status_and_among_the_breakers(operator: Operator, job_id: str) -> None:
    (wait,) = operator.asks("status", "--no-workers")["waits"]
    assert (wait["queue"], wait["kind"], wait["reason"]) == ("events", "events.create", REASON)
    shown = operator.types("status", "--no-workers").out
    assert "queue events (events.create) waits since 20" in shown
    assert f"UTC: {REASON} (tried again at 20" in shown
    assert "tqctl breaker close events" in shown
    assert REASON in operator.types("breaker").out
    assert operator.asks("breaker")[0]["service"] == "events"
    assert REASON in operator.asks("jobs", "list")[0]["reason"]
    assert operator.asks("jobs", "show", job_id)["queue_waits"].endswith(REASON)


def test_the_operator_has_it_tried_at_once(
    operator: Operator, job_id: str, ledger: Ledger, redis: Redis
) -> None:
    redis.delete(keys.wake_ups("events"))
    assert ledger.claim("events", 1) == []
    assert operator.asks("breaker", "close", "events")["was_open"]
    assert redis.llen(keys.wake_ups("events")) == 1
    assert [claim.id for claim in ledger.claim("events", 1)] == [job_id]


def test_the_analyst_reads_it_from_tq_job(
    job_id: str, redis_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", redis_url)
    assert tq_job([job_id]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "accepted, not done yet" in shown
    assert "queue events (events.create) waits since" in shown
    assert "disabled in ThreatQ" in shown


def test_a_sender_reads_it_over_http_and_on_the_page(shim: Shim, job_id: str, redis: Redis) -> None:
    job = shim.call("GET", f"/v1/jobs/{job_id}", token=READER).json()
    assert (job["state"], job["result"]["reason"].endswith(REASON)) == ("accepted", True)
    shown = {service.name: service for service in services(overview(redis))}
    assert shown["Queue events"].detail.endswith(REASON)


def test_who_waits_for_a_payload_at_a_terminal_learns_why_it_takes_so_long(
    admin: LedgerAdmin, job_id: str
) -> None:
    job = Job("events.create", {"payload": {"number": 0}}, producer="cli")
    waited = Wait(admin, 0.0).outcome(Handed(job, job_id, "accepted"))
    assert isinstance(waited.result, Failure)
    assert f"{REASON}; the job is kept and done later" in waited.result.reason


def test_prometheus_is_told(job_id: str, admin: LedgerAdmin, redis: Redis) -> None:
    families = {family.name: family for family in LedgerCollector(admin, Quarantine(redis)).collect()}
    told = {sample.labels["queue"]: sample.value for sample in families[metrics.QUEUE_WAITS.name].samples}
    assert told == {"events": 1, "enrichment": 0, "sync": 0, "upkeep": 0}
