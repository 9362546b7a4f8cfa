"""A flood against a stopped worker: the door closes politely at the high-water mark, and nothing is lost."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import requests

from benchmarks.bench_events import start_worker, warm_up
from benchmarks.bench_http import LINES, payload
from benchmarks.load import drive, request
from benchmarks.measuring import stage, until
from sandbox.redis_server import free_port
from workers.ledger import keys

#: Payloads in the flood, and the open jobs at which the doors close.
FLOOD = int(os.environ.get("TQ_BENCH_FLOOD", "100000"))
MARK = int(os.environ.get("TQ_BENCH_MARK", "20000"))

#: Redis' limit; above 70 % of it the doors would close too.
MAXMEMORY = "256mb"

#: Seconds that the worker may take for all that was accepted.
DONE_WITHIN_S = 900


def run() -> dict[str, Any]:
    """Send all, see who is refused and how, then let a worker do what was accepted."""
    with stage() as on:
        on.client.config_set("maxmemory", MAXMEMORY)
        start_worker(on)
        warm_up(on)
        on.processes.stop("worker")
        port = free_port()
        on.processes.environ |= {"TQ_HTTP_TOKENS": "bench:events:bench", "TQ_MAX_OPEN_JOBS": str(MARK)}
        ready = on.processes.folder / "ready"
        shim = os.path.join(os.path.dirname(sys.executable), "tq-http-shim")
        on.processes.start("shim", shim, "--port", str(port), "--ready-file", ready)
        until(ready.exists, within_s=30)

        batches = [
            request("/v1/events", b"\n".join(payload() for _ in range(LINES))) for _ in range(FLOOD // LINES)
        ]
        load = drive(port, batches, connections=8)
        accepted = load.statuses[202] * LINES
        assert set(load.statuses) <= {202, 503}, load.statuses
        assert on.client.zcard(keys.due("events")) == accepted <= MARK, "accepted is not what is open"
        memory = on.client.info("memory")
        assert memory["used_memory"] < memory["maxmemory"], memory
        refusal = post(port)
        assert (refusal.status_code, bool(refusal.headers.get("Retry-After"))) == (503, True), refusal.text

        start_worker(on)
        began = time.perf_counter()
        until(lambda: not on.client.zcard(keys.due("events")), within_s=DONE_WITHIN_S)
        seconds = time.perf_counter() - began
        done = on.client.zcard(keys.DONE) - 1
        assert (done, on.client.zcard(keys.DEAD)) == (accepted, 0), "an accepted payload is not done"
    return {
        "sent": FLOOD,
        "accepted": accepted,
        "refused_with_503": load.statuses.get(503, 0) * LINES,
        "answered_with_anything_else": 0,
        "flood_s": round(load.seconds, 1),
        "p99_ms": load.percentile_ms(99),
        "retry_after_s": int(refusal.headers["Retry-After"]),
        "redis_mb_at_the_mark": round(memory["used_memory"] / 1e6, 1),
        "done_after_s": round(seconds, 1),
        "lost": 0,
    }


def post(port: int) -> requests.Response:
    """Send one more payload to the closed door."""
    url, headers = f"http://127.0.0.1:{port}/v1/events", {"Authorization": "Bearer bench"}
    return requests.post(url, payload(), headers=headers, timeout=15)
