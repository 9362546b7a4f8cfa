"""The metrics of a worker: read over HTTP, as Prometheus does."""

from __future__ import annotations

import socket

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from tests.support.scripted import Answer, scripted
from workers.consumer import QueueHandler, consume
from workers.core.errors import ConfigError
from workers.core.jobs import Job
from workers.core.sync_report import ListResult, RunResult
from workers.leases import Attempt, Leases
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import Settlement, dead, done
from workers.ledger.sync_runs import keep_result
from workers.settings.model import Secret, Settings
from workers.telemetry import metrics
from workers.telemetry.collector import of_runs
from workers.telemetry.exporter import PORTS, Telemetry
from workers.threatq.service import connect

pytestmark = pytest.mark.integration


def told(port: int) -> dict[str, dict[tuple[str, ...], float]]:
    """Every sample that is told on a port: name -> label values, sorted by label -> value."""
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def serve(redis_url: str, telemetry: Telemetry) -> int:
    port = telemetry.serve(Settings(redis_url=redis_url, metrics_port=0))
    assert port is not None
    return port


def test_a_worker_tells_how_long_jobs_waited_and_took_and_what_platforms_answered(
    redis_url: str, ledger: Ledger
) -> None:
    # given
    telemetry = Telemetry()
    ledger.accept([Job("events.create", {"payload": {"n": n}}, producer="cli") for n in range(3)])
    with scripted(lambda asked: Answer({"data": [], "access_token": "t", "expires_in": 60})) as server:
        settings = Settings(
            threatq_url=server.url,
            threatq_client_id="c",
            threatq_email="e",
            threatq_password=Secret("p"),
        )
        threatq = connect(settings, observe=telemetry.calls_to("threatq"))

        def handle(attempt: Attempt) -> list[Settlement]:
            threatq.caller.call("GET", "/api/events/7/attributes")
            first, *others = attempt.claims
            return [dead(first, "bad"), *(done(claim, {}) for claim in others)]

        # when
        consume(QueueHandler("events", handle, 100), ledger, Leases(ledger), observers=[telemetry])

    # then
    found = told(serve(redis_url, telemetry))
    assert found["tq_queue_seconds_count"][("events.create",)] == 3
    assert found["tq_run_seconds_count"][("events",)] == 1
    call = ("GET /api/events/{id}/attributes", "threatq", "200")
    assert found["tq_remote_call_seconds_count"][call] == 1
    assert found["tq_jobs_total"][("cli", "accepted", "events.create")] == 3
    assert found["tq_jobs_total"][("cli", "done", "events.create")] == 2
    assert found["tq_jobs_total"][("cli", "dead", "events.create")] == 1
    assert found["tq_dead_jobs"][()] == 1


def test_a_platform_that_does_not_answer_counts_as_status_0(redis_url: str) -> None:
    telemetry = Telemetry()
    with scripted(lambda asked: Answer(drop=True)) as server:
        settings = Settings(
            threatq_url=server.url, threatq_client_id="c", threatq_email="e", threatq_password=Secret("p")
        )
        with pytest.raises(Exception, match="connection to ThreatQ broke"):
            connect(settings, observe=telemetry.calls_to("threatq")).caller.call("GET", "/api/events")
    found = told(serve(redis_url, telemetry))
    assert ("POST /api/token", "threatq", "0") in found["tq_remote_call_seconds_count"]


def test_the_ledger_is_told_as_it_is_and_as_declared(redis: Redis, redis_url: str, ledger: Ledger) -> None:
    # given
    ledger.accept([Job("indicators.lookup", {"value": "x"}, producer="stub")])
    ledger.service_away("threatq", "503")
    ledger.look_after()
    LedgerAdmin(redis).pause("sync")
    keep_result(redis, run("done", 5, 2, began_ms=0))

    # when
    found = told(serve(redis_url, Telemetry()))

    # then
    assert found["tq_ledger_up"][()] == 1
    assert found["tq_open_jobs"][("enrichment",)] == found["tq_ready_jobs"][("enrichment",)] == 1
    assert found["tq_service_away"] == {("threatq",): 1, ("logrhythm",): 0}
    assert found["tq_queue_paused"][("sync",)] == 1
    assert 0 <= found["tq_upkeep_silent_seconds"][()] < 60
    assert found["tq_list_entries"][("Bad things", "ThreatQ: FQDN")] == 98
    names = {name for metric in metrics.ALL for name in metric.shown}
    assert {name for name in found if not name.endswith("_created")} <= names


def test_a_redis_that_is_away_is_told_and_the_port_still_answers() -> None:
    port = Telemetry().serve(Settings(redis_url="redis://127.0.0.1:1/0", metrics_port=0))
    assert port is not None
    assert told(port)["tq_ledger_up"][()] == 0


def test_several_workers_of_a_machine_share_the_setting(redis_url: str) -> None:
    first = serve(redis_url, Telemetry())
    second = Telemetry().serve(Settings(redis_url=redis_url, metrics_port=first))
    assert second is not None
    assert first < second < first + PORTS


def test_no_port_is_free_and_the_setting_is_named(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.telemetry.exporter.PORTS", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="metrics_port"):
            Telemetry().serve(Settings(redis_url=redis_url, metrics_port=port))


def run(status: str, adds: int, deletes: int, *, began_ms: int, error: str = "") -> RunResult:
    changed = ListResult(
        name="ThreatQ: FQDN", now=97, adds=adds, deletes=deletes, after=100, entry_count=98, error=error
    )
    return RunResult(
        job="1",
        collection="Bad things",
        status=status,
        method="full",
        plan="p",
        began_ms=began_ms,
        seconds=10,
        declared=100,
        read=100,
        lists=(changed,),
        full_ms=70_000,
    )


def test_a_sync_that_failed_keeps_the_age_of_the_last_good_one() -> None:
    runs = [
        run("planned", 9, 9, began_ms=90_000),
        run("errors", 1, 0, began_ms=60_000, error="gone"),
        run("done", 5, 2, began_ms=10_000),
    ]
    samples = {(declared.name, labels): value for declared, labels, value in of_runs(runs, 100_000)}
    assert samples["tq_sync_age_seconds", ("Bad things",)] == 80
    assert samples["tq_sync_full_age_seconds", ("Bad things",)] == 30
    assert samples["tq_list_entries", ("Bad things", "ThreatQ: FQDN")] == 98
    assert samples["tq_sync_failed_lists", ("Bad things",)] == 1
    assert samples["tq_sync_last_changes", ("Bad things", "ThreatQ: FQDN", "adds")] == 1
