"""What a worker measures of its own work, and the port on which it serves that and the ledger's state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from workers.core.errors import ConfigError
from workers.core.http_session import Observer, operation
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ingest import ingest_redis
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import Claim, Settlement
from workers.settings.model import Settings
from workers.telemetry import metrics
from workers.telemetry.collector import LedgerCollector

log = structlog.get_logger(__name__)

#: Ports that are tried from the one that is set, so that several workers of a machine can share the setting.
PORTS = 20


class Telemetry:
    """The measurements of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._queue_s = metrics.histogram(self.registry, metrics.QUEUE_SECONDS)
        self._run_s = metrics.histogram(self.registry, metrics.RUN_SECONDS)
        self._remote_s = metrics.histogram(self.registry, metrics.REMOTE_SECONDS)

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Measure how long jobs waited that have just been claimed."""
        claimed_ms = time.time() * 1000
        for claim in claims:
            self._queue_s.labels(claim.kind).observe(max(0.0, (claimed_ms - claim.accepted_ms) / 1000))

    def settled(self, settlements: Sequence[Settlement], seconds: float) -> None:
        """Measure a round of work that has just ended."""
        self._run_s.labels(settlements[0].claim.queue).observe(seconds)

    def calls_to(self, platform: str) -> Observer:
        """Return what measures the calls to a platform."""
        return partial(self._called, platform)

    def _called(self, platform: str, method: str, path: str, status: int, seconds: float) -> None:
        self._remote_s.labels(platform, operation(method, path), str(status)).observe(seconds)

    def serve(self, settings: Settings) -> int | None:
        """Serve the measurements on the port that is set, or on the next free one; return it, None where none is set.

        Raises ConfigError when none of them is free.
        """
        first = settings.metrics_port
        if first < 0:
            return None
        redis = connect(settings.redis_url, answer_timeout_s=2.0, retries=0)
        ingest = ingest_redis(settings, redis, answer_timeout_s=2.0)
        self.registry.register(LedgerCollector(LedgerAdmin(redis), Quarantine(redis), ingest))
        for port in range(first, first + PORTS if first else 1):
            try:
                server, _ = start_http_server(port, settings.metrics_host, self.registry)
            except OSError:
                continue
            log.info("metrics are told", host=settings.metrics_host, port=server.server_port)
            return int(server.server_port)
        raise ConfigError(
            f"none of the {PORTS} ports from {first} is free on {settings.metrics_host}", field="metrics_port"
        )
