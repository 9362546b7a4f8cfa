"""Alerts of Redis, the ledger's and the one that the bridge reads: raised by stopping a server, ended by their page."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.launch.redis_server import RedisServer
from tests.integration.runbooks.conftest import Begin
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
