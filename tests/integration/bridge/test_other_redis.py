"""A Redis of its own for the bridge: it is looked at like the ledger's, and its faults hide nothing of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from sandbox.launch.redis_server import RedisServer
from tests.support.operator import Operator
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.quarantine import Quarantine
from workers.telemetry.collector import LedgerCollector

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A second Redis."""
    server = RedisServer(tmp_path_factory.mktemp("other")).start()
    yield server
    server.stop()


@pytest.fixture
def other(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """What the bridge reads instead of the ledger's Redis, empty and with its usual settings."""
    monkeypatch.setenv("TQ_INGEST_REDIS_URL", server.url)
    with Redis.from_url(server.url) as redis:
        redis.flushall()
        yield redis
        redis.config_set("maxmemory", 0)
        redis.config_set("maxmemory-policy", "noeviction")


def lines(operator: Operator) -> dict[str, dict[str, Any]]:
    found = operator.types("--json", "check", "--only", "redis").json
    return {line["what"]: line for line in found}


def told(admin: LedgerAdmin, url: str) -> dict[str, float]:
    """Return what the metrics tell of the ingest."""
    with connect(url, retries=0) as ingest:
        families = LedgerCollector(admin, Quarantine(admin.redis), ingest).collect()
        return {
            family.name: family.samples[0].value
            for family in families
            if family.samples and family.name.startswith(("tq_ingest", "tq_ledger"))
        }


def test_check_looks_at_both_servers(operator: Operator, other: Redis) -> None:
    other.rpush(keys.INGEST_RPUSH, b"a payload")
    checked = lines(operator)
    assert {
        what: checked[what]["state"] for what in ("ingest: answers", "ingest: eviction", "ingest: role")
    } == {
        "ingest: answers": "ok",
        "ingest: eviction": "ok",
        "ingest: role": "ok",
    }
    assert checked["ingest: memory"]["state"] == "warning"
    # What waits is what waits there
    assert checked["ingest"]["found"].startswith("1 messages wait for the Redis bridge")
    assert operator.asks("status", "--no-workers")["ingest"]["messages"] == 1


def test_what_would_lose_a_payload_there_fails_the_check(operator: Operator, other: Redis) -> None:
    other.config_set("maxmemory-policy", "allkeys-lru")
    other.rpush("events", b"no message of Celery's")
    other.rpush("{tq}:ingest:rpsh", b"mistyped")
    checked = lines(operator)
    assert checked["ingest: eviction"]["state"] == "failed"
    assert checked["ingest: queues"]["state"] == "failed"
    assert "{tq}:ingest:rpsh" in checked["mistyped keys"]["found"]
    # The ledger's own are as before
    assert (checked["eviction"]["state"], checked["queues"]["state"]) == ("ok", "ok")
    # Given no room left, for which Redis now drops keys, these perhaps
    other.config_set("maxmemory", int(other.info("memory")["used_memory"] / 0.95))
    checked = lines(operator)
    assert checked["ingest: memory"]["state"] == "failed"
    assert "pushes are refused when it is full" in checked["ingest: memory"]["found"]


def test_a_bridge_s_redis_that_is_gone_is_named_by_its_setting_and_hides_nothing_else(
    operator: Operator, other: Redis, admin: LedgerAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_INGEST_REDIS_URL", "redis://127.0.0.1:1/0")
    checked = lines(operator)
    assert checked["answers"]["state"] == "ok"
    assert checked["ingest: answers"]["state"] == "failed"
    assert "TQ_INGEST_REDIS_URL" in checked["ingest: answers"]["found"]
    status = operator.asks("status", "--no-workers")
    assert "TQ_INGEST_REDIS_URL" in status["ingest"]["away"]
    assert "the Redis that the bridge reads:" in operator.types("status", "--no-workers").out
    assert told(admin, "redis://127.0.0.1:1/0") == {"tq_ledger_up": 1, "tq_ingest_up": 0}


def test_the_metrics_tell_of_its_memory_and_of_what_waits(
    other: Redis, server: RedisServer, admin: LedgerAdmin
) -> None:
    other.config_set("maxmemory", int(other.info("memory")["used_memory"] * 2))
    other.rpush(keys.INGEST_LPUSH, b"a" * 1_000)
    figures = told(admin, server.url)
    assert (figures["tq_ledger_up"], figures["tq_ingest_up"]) == (1, 1)
    assert 0.3 < figures["tq_ingest_memory_ratio"] < 0.7
    assert figures["tq_ingest_bytes"] > 1_000
