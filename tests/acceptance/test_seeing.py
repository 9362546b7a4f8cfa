"""A real worker and beat, seen from outside: their log files and the worker's metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.launch.processes import Processes
from tests.acceptance.conftest import environment
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.acceptance


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_worker_logs_into_its_own_file_and_tells_its_metrics(
    threatq_sandbox: SandboxThreatQ, redis_url: str, ledger: Ledger, admin: LedgerAdmin, tmp_path: Path
) -> None:
    # given
    logs = tmp_path / "logs"
    logs.mkdir()
    environ = {
        **environment(redis_url, threatq_sandbox.url),
        "TQ_LOG_LOCATION": str(logs),
        "TQ_METRICS_PORT": "0",
        "TQ_LOG_VERBOSITY": "2",
    }
    with Processes(tmp_path / "output", environ) as processes:
        processes.worker("seen", "enrichment", threads=1)
        processes.beat()
        file = logs / "tq-worker-seen.log"
        (told,) = until(
            lambda: [line for line in lines(file) if line["event"] == "metrics are told"], within_s=30
        )

        # when a job is refused
        (accepted,) = ledger.accept(
            [Job("indicators.lookup", {"type": "No Such Type", "value": "x"}, producer="stub")]
        )
        entry = admin.outcome(accepted.id, wait_s=20)

        # then its line says so, and so do the metrics
        assert entry is not None
        assert entry.state == "refused"
        (line,) = until(lambda: [line for line in lines(file) if line.get("job") == accepted.id])
        assert (line["kind"], line["queue"], line["entry"]) == ("indicators.lookup", "enrichment", "stub")
        text = requests.get(f"http://127.0.0.1:{told['port']}/metrics", timeout=10).text
        assert 'tq_jobs_total{door="stub",event="refused",kind="indicators.lookup"} 1.0' in text
        assert 'tq_queue_seconds_count{kind="indicators.lookup"} 1.0' in text
        until((logs / "tq-beat.log").exists)
        # and no wake-up and no tick has one
        events = [line["event"] for line in [*lines(file), *lines(logs / "tq-beat.log")]]
        assert [text for text in events if ".work" in text or "due task" in text] == []
