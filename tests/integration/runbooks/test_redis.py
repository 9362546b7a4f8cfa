"""Alerts of Redis, the ledger's and the one that the bridge reads: raised by stopping a server, ended by their page."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.launch.redis_server import RedisServer
from tests.integration.runbooks.conftest import Begin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration


def test_a_ledger_that_does_not_answer_is_started(begin: Begin, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "ledger").start()
    try:
        play = begin("TqLedgerAway", redis_url=server.url)
        play.reader.environ["TQ_REDIS_URL"] = server.url
        server.stop()
        assert play.follow().services == ["start redis"]
        server.start()
        play.is_over()
    finally:
        server.stop()


def test_a_redis_of_the_bridge_that_does_not_answer_is_started(
    begin: Begin, ledger: Ledger, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path / "ingest").start()
    try:
        play = begin("TqIngestAway", ingest_redis_url=server.url)
        play.reader.environ["TQ_INGEST_REDIS_URL"] = server.url
        server.stop()
        assert play.follow().services == ["start redis"]
        server.start()
        play.is_over()
    finally:
        server.stop()
