"""Alerts of Redis, the ledger's and the bridge's: raised by stopping or filling a server, ended by their page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import randbytes

import pytest
from redis import Redis

from sandbox.launch.redis_server import RedisServer
from tests.integration.runbooks.conftest import Begin
from tests.support.consumer_stage import do
from tests.support.producers import SCRAPER, Shim, event
from workers.consumer import QueueHandler, consume
from workers.core.jobs import Job
from workers.leases import Leases
from workers.ledger import keys
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("alert", "setting"), [("TqLedgerAway", "redis_url"), ("TqIngestAway", "ingest_redis_url")]
)
def test_a_redis_that_does_not_answer_is_started(
    begin: Begin, ledger: Ledger, tmp_path: Path, alert: str, setting: str
) -> None:
    server = RedisServer(tmp_path / "redis").start()
    try:
        play = begin(alert, **{setting: server.url})
        play.reader.environ[f"TQ_{setting.upper()}"] = server.url
        server.stop()
        assert play.follow().services == ["start redis"]
        server.start()
        play.is_over()
    finally:
        server.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a test may fill."""
    server = RedisServer(tmp_path / "filled").start()
    yield server
    server.stop()


@pytest.fixture
def filled(server: RedisServer) -> Iterator[Redis]:
    """Its client."""
    with connect(server.url) as redis:
        yield redis


def fill(redis: Redis, ratio: float) -> None:
    """Set maxmemory so that what is in use is `ratio` of it."""
    redis.config_set("maxmemory", int(redis.info("memory")["used_memory"] / ratio))


@pytest.mark.parametrize(("alert", "bytes_each"), [("TqIngestWaits", 1_000_000), ("TqIngestFills", 100_000)])
def test_what_waits_for_the_bridge_is_read_once_it_is_started(
    begin: Begin, server: RedisServer, filled: Redis, alert: str, bytes_each: int
) -> None:
    play = begin(alert, ingest_redis_url=server.url)
    play.reader.environ["TQ_INGEST_REDIS_URL"] = server.url
    for _ in range(60):
        filled.rpush(keys.INGEST_LPUSH, b"a" * bytes_each)
    fill(filled, 0.9)
    assert play.follow().services == ["start tq-redis-bridge"]
    # The bridge has read all of it.
    filled.delete(keys.INGEST_LPUSH)
    play.is_over()


def test_a_redis_that_fills_is_freed_of_what_was_done_long_ago(
    begin: Begin, server: RedisServer, filled: Redis
) -> None:
    play = begin("TqRedisFills", redis_url=server.url)
    play.reader.environ["TQ_REDIS_URL"] = server.url
    ledger = Ledger(filled)
    payloads = [{"event_name": str(number), "more": randbytes(2_000).hex()} for number in range(5_000)]
    ledger.accept([Job("events.create", {"payload": payload}, producer="cli") for payload in payloads])
    while consume(QueueHandler("events", do, 500), ledger, Leases(ledger)):
        pass
    for job_id, done_ms in filled.zrange(keys.DONE, 0, -1, withscores=True):
        filled.zadd(keys.DONE, {job_id: done_ms - 2 * 86_400_000})
    fill(filled, 0.65)
    assert "5,000" in play.follow().printed
    play.is_over()


def test_senders_are_answered_once_redis_is_started(begin: Begin, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis").start()
    folder = tmp_path / "shim"
    folder.mkdir()
    try:
        with Shim(folder, server.url) as shim:
            assert shim.post("/v1/events", event(1)).status_code == 202
            play = begin("TqHttpFails", redis_url=server.url)
            play.port, play.token = shim.port, SCRAPER
            play.reader.environ["TQ_REDIS_URL"] = server.url
            play.passes()
            server.stop()
            assert shim.post("/v1/events", event(2)).status_code == 503
            play.passes()
            assert {shim.post("/v1/events", event(2)).status_code for _ in range(200)} == {503}
            play.follow()
            assert list(tmp_path.glob("*support*"))
            server.start()
            assert shim.post("/v1/events", event(2)).status_code == 202
            play.is_over()
    finally:
        server.stop()
