"""The bridge: payloads a second from a list and from the stream into the ledger, each accounted for."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import redis

from benchmarks.bench_http import payload
from benchmarks.measuring import until
from producers.redis_bridge import KEYS
from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect

MESSAGES = 20_000


def run() -> dict[str, Any]:
    """Let one bridge take over what lies ready, first in a list, then in the stream."""
    with tempfile.TemporaryDirectory(prefix="tq-bench-") as name:
        folder = Path(name)
        server = RedisServer(folder / "redis").start()
        environ = {"TQ_CONFIG": name, "TQ_REDIS_URL": server.url, "TQ_MAX_OPEN_JOBS": "10000000"}
        with redis.Redis.from_url(server.url) as client, Processes(folder / "logs", environ) as processes:
            ready = folder / "ready"
            command = Path(sys.executable).with_name("tq-redis-bridge")
            processes.start("bridge", command, "--ready-file", ready)
            until(ready.exists, within_s=30)
            admin = LedgerAdmin(connect(server.url))
            rates = [forwarded_per_s(client, admin, key) for key in (KEYS["rpush"], KEYS["stream"])]
            assert admin.open_jobs()["events"] == 2 * MESSAGES, "a pushed payload is missing"
        server.stop()
    return {
        "list_per_s": rates[0],
        "stream_per_s": rates[1],
        "lost": 0,
    }


def forwarded_per_s(client: redis.Redis, admin: LedgerAdmin, key: str) -> int:
    """Push in one step under a name that no bridge reads, rename it to the real key, and time the bridge."""
    pipe = client.pipeline(transaction=False)
    for _ in range(MESSAGES):
        if key == KEYS["stream"]:
            pipe.xadd(key + ":later", {"payload": payload()})
        else:
            pipe.rpush(key + ":later", payload())
    pipe.execute()
    before = admin.open_jobs()["events"]
    if key == KEYS["stream"]:
        # The group must be at the new stream's beginning.
        client.xgroup_create(key + ":later", "bridges", id="0")
    client.rename(key + ":later", key)
    seconds = until(lambda: admin.open_jobs()["events"] == before + MESSAGES)
    return round(MESSAGES / seconds)
