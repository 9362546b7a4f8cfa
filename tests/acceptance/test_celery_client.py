"""A program that speaks plain Celery and has nothing of ours: it sends, waits, and gets what became of its job."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.launch.processes import Processes
from tests.acceptance.conftest import Command
from tests.support.producers import event
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.ledger.admin import LedgerAdmin

pytestmark = pytest.mark.acceptance

#: The whole program. It reads calls as JSON, and prints for each what its result says.
CLIENT = """
import json, sys
from celery import Celery
url, calls = sys.argv[1], json.loads(sys.argv[2])
prefix = {"global_keyprefix": "{tq}:celery:"}
app = Celery(broker=url, backend=url)
app.conf.update(broker_transport_options=prefix, result_backend_transport_options=prefix)
sent = [app.send_task(task, kwargs=kwargs, queue=queue) for task, queue, kwargs in calls]
for result in sent:
    value = result.get(timeout=30, propagate=False)
    error = type(value).__name__ if isinstance(value, Exception) else ""
    print(json.dumps({"id": result.id, "state": result.state, "error": error,
                      "value": str(value) if error else value}))
ours = {"workers", "producers", "tqctl", "sandbox", "celeryconfig"}
assert not ours & {name.partition(".")[0] for name in sys.modules}, "it imported ours"
"""


def ask(redis_url: str, folder: Path, *calls: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, "-I", "-c", CLIENT, redis_url, json.dumps(calls)],
        capture_output=True, text=True, timeout=90, check=False, cwd=folder,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_foreign_client_gets_the_outcome_of_its_jobs(
    working: Processes, redis_url: str, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    lookup = {"type": "FQDN", "value": "bad.example"}
    payload, by_kind, by_job, wrong, dead, unknown = ask(
        redis_url,
        tmp_path,
        ("events.create", "events", {"payload": event(1)}),
        ("indicators.lookup", "enrichment", lookup),
        ("jobs.accept", "events", {"job": "events.create", "arguments": {"payload": event(2)}}),
        ("events.create", "events", {"payload": {"event_name": "no type"}}),
        ("indicators.lookup", "enrichment", {"type": "No Such Type", "value": "x"}),
        ("indicators.lookup", "enrichment", {"typ": "FQDN"}),
    )
    # The outcome is the job's: the event that ThreatQ has, or what the library says
    assert payload["state"] == by_job["state"] == by_kind["state"] == "SUCCESS"
    made = {row["id"] for row in threatq_sandbox.get("/api/events")["data"]}
    assert made == {payload["value"]["event_id"], by_job["value"]["event_id"]}
    assert by_kind["value"]["found"] is False
    # And what cannot be done raises, with the reason
    for failed, word in ((wrong, "event_type"), (dead, "No Such Type"), (unknown, "type")):
        assert failed["state"] == "FAILURE"
        assert word in failed["value"]
    assert wrong["error"] == "InputError"


def test_a_call_with_several_payloads_names_its_jobs_each_of_which_has_a_result(
    working: Processes, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    payloads = [event(1), event(2), {"event_name": "no type"}]
    (several,) = ask(redis_url, tmp_path, ("events.create", "events", {"payload": payloads}))
    assert several["state"] == "SUCCESS"
    assert len(several["value"]["jobs"]) == 2
    assert "event_type" in several["value"]["refused"][0]
    assert all(admin.record(job_id) for job_id in several["value"]["jobs"])


def test_celerys_own_commands_call_a_job_and_show_its_result(
    working: Processes, command: Command, admin: LedgerAdmin
) -> None:
    def celery(*words: str) -> subprocess.CompletedProcess[str]:
        return command("celery", "-A", "workers.app", *words)

    # When a job is called by its kind, with no queue named
    called = celery("call", "events.create", "--kwargs", json.dumps({"payload": event(1)}))
    assert called.returncode == 0, called.stderr
    # Then its result is asked for by the id of the call, and by that of the job
    by_call = celery("result", called.stdout.strip())
    (job_id,) = admin.ids("done")
    by_job = celery("result", job_id)
    assert "event_id" in by_call.stdout
    assert by_call.stdout == by_job.stdout
    # And one of a job that there is not says so instead of waiting for ever
    unknown = celery("result", "0" * 24)
    assert unknown.returncode != 0
    assert "the ledger knows no job" in unknown.stderr
