"""A collector can rebuild what became of each job, although workers are killed while they work."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import requests
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from redis import Redis

from sandbox.launch.processes import Processes
from tests.acceptance.conftest import environment
from tests.support.otlp import Collector, attributes
from tests.support.producers import TOKEN, Shim
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms

pytestmark = pytest.mark.acceptance

JOBS, A_REQUEST, KILLS = 1_000, 50, 4


def send(shim: Shim) -> list[str]:
    """Send payloads in batches, each under a trace of its own; return the ids of their jobs."""
    ids: list[str] = []
    for first in range(0, JOBS, A_REQUEST):
        payloads = [
            {
                "event_name": f"event {number}",
                "event_type": "Sighting",
                "event_happened_at": "2024-03-01 10:00:00",
            }
            for number in range(first, first + A_REQUEST)
        ]
        headers = {"Authorization": f"Bearer {TOKEN}", "traceparent": traceparent(first)}
        answer = requests.post(f"{shim.url}/v1/events", json=payloads, headers=headers, timeout=30)
        assert answer.status_code in (200, 202, 207), answer.text
        ids += [item["id"] for item in answer.json()["items"]]
    return ids


def traceparent(number: int) -> str:
    return f"00-{number + 1:032x}-{number + 1:016x}-01"


def stands_still_at_work(processes: Processes, name: str, redis: Redis) -> bool:
    """Suspend a worker while it holds jobs, which are due when its lease of two seconds ends; else let it go on."""
    processes.signal(name, signal.SIGSTOP)
    if redis.zcount(keys.due("events"), now_ms(redis) + 500, "+inf"):
        return True
    processes.signal(name, signal.SIGCONT)
    return False


def test_each_of_a_thousand_jobs_is_rebuilt_through_killed_workers(
    threatq_sandbox: SandboxThreatQ, redis_url: str, redis: Redis, collector: Collector, tmp_path: Path
) -> None:
    # Given an HTTP entry point that tells of what it accepts, and a slow ThreatQ
    folder = str(tmp_path / "spans")
    threatq_sandbox.fault("latency", ms=30)
    with Shim(tmp_path / "shim", redis_url, otlp_endpoint=collector.url, otlp_dir=folder) as shim:
        ids = send(shim)
        assert shim.stop() == 0
    assert len(set(ids)) == JOBS

    # When the worker is killed again and again while it works
    tracing = {"TQ_OTLP_ENDPOINT": collector.url, "TQ_OTLP_DIR": folder, "TQ_LEASE_S": "2"}
    environ = {**environment(redis_url, threatq_sandbox.url), **tracing}
    with Processes(tmp_path / "output", environ) as processes:
        processes.beat()
        for kill in range(KILLS):
            processes.worker(f"worker-{kill}", "events", "upkeep", threads=2)
            done = redis.zcard(keys.DONE)
            until(lambda before=done: redis.zcard(keys.DONE) > before, within_s=30)
            # Between two rounds it has nothing to be taken over. Once is enough: who loses two workers waits a minute.
            if not kill:
                until(lambda: stands_still_at_work(processes, "worker-0", redis), within_s=30, every_s=0.002)
            processes.kill(f"worker-{kill}")
        processes.worker("last", "events", "upkeep", threads=2)
        until(lambda: redis.zcard(keys.DONE) == JOBS, within_s=180)
        # A killed worker's last spans are sent by the next one on the machine.
        until(lambda: not missing(ids, collector), within_s=30, every_s=1)

    # Then each job can be told from its beginning to its end
    assert not any(LedgerAdmin(redis).open_jobs().values())
    assert missing(ids, collector) == []
    attempts = [attributes(span).get("tq.attempt") for span in collector.spans]
    assert "2" in attempts, "no job was taken over from a killed worker"
    assert collector.services == {"tq-http", "tq-worker"}


def missing(ids: list[str], collector: Collector) -> list[str]:
    """Return the jobs whose story cannot be told from their spans."""
    jobs = collector.by_job()
    return [job for job in ids if not is_rebuilt(jobs.get(job, []))]


def is_rebuilt(spans: list[Span]) -> bool:
    """Tell whether a job's spans say that it was accepted under its sender's span, and done."""
    accepts = [span for span in spans if span.name == "accept"]
    attempts = [span for span in spans if span.name == "events.create"]
    return (
        len(accepts) == 1
        and int.from_bytes(accepts[0].parent_span_id) == int.from_bytes(accepts[0].trace_id)
        and any(attributes(span)["tq.state"] == "done" for span in attempts)
        and all(span.parent_span_id == accepts[0].span_id for span in attempts)
    )
