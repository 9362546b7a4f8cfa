"""Grafana's dashboard: each of its queries is asked of a real Prometheus that scraped a real run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from redis import Redis

from sandbox.launch.processes import ROOT, Processes
from sandbox.launch.redis_server import free_port
from tests.acceptance.conftest import environment
from tests.support.producers import SCRAPER, Shim, event
from tests.support.promtool import program
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.sync_stage import Stage
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.acceptance

MONITORING = ROOT / "deploy" / "monitoring"

#: What a run in which no connection was closed early does not tell.
RARE = ("tq_http_connections_closed_total", "tq_http_sign_on_ignored_total")


def queries() -> Iterator[str]:
    """Yield what the panels ask."""
    panels: list[dict[str, Any]] = json.loads((MONITORING / "grafana" / "tq-workers.json").read_text())[
        "panels"
    ]
    while panels:
        panel = panels.pop(0)
        panels += panel.get("panels", [])
        yield from (target["expr"] for target in panel.get("targets", []))


class Prometheus:
    """Debian's Prometheus with our scrape jobs, whose services stand at these addresses."""

    def __init__(self, processes: Processes, folder: Path, workers: str, http: str) -> None:
        binary = program("prometheus", "prometheus")
        config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(MONITORING / "prometheus" / "alerts.yml")]
        for job, address in zip(config["scrape_configs"], (workers, http), strict=True):
            del job["dns_sd_configs"]
            job["static_configs"] = [{"targets": [address]}]
        token = folder / "scraper"
        token.write_text(SCRAPER)
        config["scrape_configs"][1]["authorization"]["credentials_file"] = str(token)
        file = folder / "prometheus.yml"
        file.write_text(json.dumps(config))
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        processes.start(
            "prometheus",
            binary,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
        )
        until(self.is_ready, within_s=30)

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=10).ok
        except requests.ConnectionError:
            return False

    def asks(self, query: str) -> list[Any]:
        """Return the series of a query's answer."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=30).json()
        assert answer["status"] == "success", f"{query}: {answer}"
        series: list[Any] = answer["data"]["result"]
        return series


def test_each_panel_shows_something_of_a_run(
    threatq_sandbox: SandboxThreatQ,
    redis: Redis,
    redis_url: str,
    ledger: Ledger,
    admin: LedgerAdmin,
    stage: Stage,
    tmp_path: Path,
) -> None:
    program("prometheus", "prometheus")
    redis.config_set("maxmemory", "1gb")
    stage.seed(20, types=["FQDN"])
    stage.sync()
    environ = {**environment(redis_url, threatq_sandbox.url), "TQ_METRICS_PORT": str(port := free_port())}
    with Processes(tmp_path / "output", environ) as processes, Shim(tmp_path, redis_url) as shim:
        # Given a Prometheus that scrapes a worker and the HTTP entry point as deployed
        processes.worker("worker", "events", "upkeep")
        processes.beat()
        prometheus = Prometheus(processes, tmp_path, f"127.0.0.1:{port}", f"127.0.0.1:{shim.port}")
        # When payloads come, one twice, and one job dies
        for number in (1, 2, 2):
            assert shim.post("/v1/events", event(number)).ok
        bad = Job("events.create", {"payload": {**event(3), "event_name": ""}}, producer="cli")
        (accepted,) = ledger.accept([bad])
        until(lambda: admin.counts().get("dead:events.create:cli"), within_s=30)
        assert accepted.created
        # Then every panel shows something, once it was scraped twice
        asked = [query for query in queries() if not any(name in query for name in RARE)]
        until(lambda: all(map(prometheus.asks, asked)), within_s=60, every_s=0.5)
        assert [query for query in queries() if not prometheus.asks(query) and query in asked] == []
        # and what both of them tell counts once
        assert len(prometheus.asks("max without (instance) (tq_ledger_up)")) == 1
    redis.config_set("maxmemory", 0)
