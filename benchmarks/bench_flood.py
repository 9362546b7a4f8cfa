"""A flood against a stopped worker: every producer closes politely at the high-water mark, and nothing is lost."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import requests

from benchmarks.bench_events import start_worker, warm_up
from benchmarks.bench_http import LINES, payload
from benchmarks.load import Load, drive, request
from benchmarks.measuring import Stage, stage, until
from producers.cli.console import AWAY, DONE
from producers.redis_bridge import KEYS
from sandbox.launch.redis_server import free_port
from workers.ledger import keys
from workers.ledger.spool import Spool

#: Payloads in the flood over HTTP, and the open jobs at which the producers close.
FLOOD = int(os.environ.get("TQ_BENCH_FLOOD", "100000"))
MARK = int(os.environ.get("TQ_BENCH_MARK", "20000"))

#: Payloads that are pushed into the list, and as many into the stream; and payloads of one command.
PUSHED, COMMANDED = 3_000, 300

#: Redis' limit; above 70 % of it the producers would close too.
MAXMEMORY = "256mb"

#: Seconds that the worker may take for all that was accepted.
DONE_WITHIN_S = 900

BIN = Path(sys.executable).parent


def run() -> dict[str, Any]:
    """Send all, see who is refused and how, then let a worker do what was accepted."""
    with stage() as on:
        on.client.config_set("maxmemory", MAXMEMORY)
        start_worker(on)
        warm_up(on)
        on.processes.stop("worker")
        on.processes.environ |= {
            "TQ_HTTP_TOKENS": "bench:events:token-of-the-benchmark",
            "TQ_MAX_OPEN_JOBS": str(MARK),
            "TQ_SPOOL_DIR": str(on.processes.folder / "spool"),
        }
        load, refusal = flood_http(on)
        accepted = load.statuses[202] * LINES
        flood_bridge(on)
        flood_command(on)
        assert open_jobs(on) == accepted <= MARK, "accepted is not what is open"
        memory = on.client.info("memory")
        assert memory["used_memory"] < memory["maxmemory"], memory
        seconds = catch_up(on, accepted + 2 * PUSHED + COMMANDED)
    return {
        "sent": FLOOD,
        "accepted": accepted,
        "refused_with_503": load.statuses.get(503, 0) * LINES,
        "answered_with_anything_else": 0,
        "left_by_the_bridge": {"list": PUSHED, "stream": PUSHED},
        "spooled_by_the_command": COMMANDED,
        "flood_s": round(load.seconds, 1),
        "p99_ms": load.percentile_ms(99),
        "retry_after_s": int(refusal.headers["Retry-After"]),
        "redis_mb_at_the_mark": round(memory["used_memory"] / 1e6, 1),
        "all_done_after_s": round(seconds, 1),
        "lost": 0,
    }


def flood_http(on: Stage) -> tuple[Load, requests.Response]:
    """Flood the HTTP entry point; return what came of it, and how the closed producer answers."""
    port, ready = free_port(), on.processes.folder / "shim-ready"
    on.processes.start("shim", BIN / "tq-http-shim", "--port", str(port), "--ready-file", ready)
    until(ready.exists, within_s=30)
    load = drive(port, [request("/v1/events", lines(LINES)) for _ in range(FLOOD // LINES)], connections=8)
    assert set(load.statuses) <= {202, 503}, load.statuses
    refusal = requests.post(
        f"http://127.0.0.1:{port}/v1/events",
        payload(),
        headers={"Authorization": "Bearer token-of-the-benchmark"},
        timeout=15,
    )
    assert (refusal.status_code, bool(refusal.headers.get("Retry-After"))) == (503, True), refusal.text
    return load, refusal


def flood_bridge(on: Stage) -> None:
    """Push into list and stream: the bridge waits with what it has taken, and all that was pushed is still there."""
    for _ in range(PUSHED):
        on.client.rpush(KEYS["rpush"], payload())
        on.client.xadd(KEYS["stream"], {"payload": payload()})
    on.processes.start("bridge", BIN / "tq-redis-bridge")
    log = on.processes.folder / "bridge.log"
    until(lambda: log.exists() and log.read_text().count("busy=True") > 2, within_s=30)
    left = sum(on.client.llen(key) for key in on.client.scan_iter(f"{KEYS['rpush']}*", _type="list"))
    assert (left, on.client.xlen(KEYS["stream"])) == (PUSHED, PUSHED), "the bridge lost a payload"


def flood_command(on: Stage) -> None:
    """Send payloads with the command: it keeps them on disk, and says so with its exit code."""
    assert command(on, COMMANDED) == AWAY
    assert Spool(on.processes.environ["TQ_SPOOL_DIR"]).waiting() == COMMANDED, "the command lost a payload"


def catch_up(on: Stage, expected: int) -> float:
    """Start a worker, run the command again, and return after how many seconds all is done."""
    start_worker(on)
    began = time.perf_counter()
    until(lambda: open_jobs(on) < MARK // 2, within_s=DONE_WITHIN_S)
    assert command(on, 1) == DONE
    until(lambda: done(on) >= expected + 1 and not open_jobs(on), within_s=DONE_WITHIN_S)
    seconds = time.perf_counter() - began
    assert (done(on), on.client.zcard(keys.DEAD)) == (expected + 1, 0), "an accepted payload is not done"
    return seconds


def command(on: Stage, count: int) -> int:
    """Run the command with so many payloads; return its exit code."""
    file = on.processes.folder / "payloads"
    file.write_bytes(lines(count))
    on.processes.start("command", BIN / "tq-conn-events-builder", "-p", f"@{file}")
    return on.processes.running.pop("command").wait(timeout=60)


def lines(count: int) -> bytes:
    """Return so many payloads, one a line."""
    return b"\n".join(payload() for _ in range(count))


def open_jobs(on: Stage) -> int:
    """Return how many jobs of events are open."""
    return int(on.client.zcard(keys.due("events")))


def done(on: Stage) -> int:
    """Return how many jobs are done, without the one that warmed everything up."""
    return int(on.client.zcard(keys.DONE)) - 1
