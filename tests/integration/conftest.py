"""What tests with a real Redis share: a worker of the queue events in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from sandbox.launch.redis_server import RedisServer
from tests.support.consumer_stage import Work
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.consumer import Handle, QueueHandler, consume
from workers.leases import Leases
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.runtime import Runtime
from workers.settings.pages import EVENTS_BUILDER


@pytest.fixture
def runtime(threatq_sandbox: SandboxThreatQ, redis_url: str) -> Runtime:
    """A worker's runtime whose settings come from ThreatQ's UI, where the connector is registered."""
    runtime = Runtime(threatq_sandbox.settings(redis_url=redis_url))
    runtime.events_connector.register(EVENTS_BUILDER)
    return runtime


@pytest.fixture
def work(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Work:
    # How much is done for one wake-up must not depend on how fast this machine is.
    monkeypatch.setattr("workers.consumer.WAKE_UP_S", 600.0)

    def with_handle(handle: Handle) -> int:
        return consume(QueueHandler("events", handle, 100), ledger, Leases(ledger))

    return with_handle


@pytest.fixture
def pass_time(redis: Redis, admin: LedgerAdmin) -> Callable[[], None]:
    """Lets the waits of every job and of the breaker be over."""

    def over() -> None:
        redis.delete(keys.away("threatq"))
        for job_id in admin.ids("accepted"):
            redis.zadd(keys.due("events"), {job_id: 0})

    return over


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a test may stop."""
    server = RedisServer(tmp_path / "own-redis").start()
    yield server
    server.stop()
