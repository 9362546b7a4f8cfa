"""An analyst's lookup while a sync of 1,000,000 indicators runs on the same machine."""

from __future__ import annotations

import os
import statistics
from typing import Any

from benchmarks.bench_stub import CALLS, LATENCY_MS, LOOKUP, timed
from benchmarks.bench_sync import Bench
from benchmarks.measuring import stage

#: Indicators of the sync, and lookups during it.
SIZE = int(os.environ.get("BENCH_BUSY_SIZE", "1000000"))
LOOKUPS = 40


def run() -> dict[str, Any]:
    """Return the percentiles of the lookups' whole round trips; the sync is at work from the first to the last."""
    with stage() as on:
        bench = Bench(on, SIZE)
        on.processes.worker("enrichment", "enrichment")
        log = on.processes.folder / "enrichment.log"
        on.processes.wait_until(lambda: " ready." in log.read_text(), "the worker")
        timed(on, LOOKUP, "FQDN", "first.example")
        on.threatq("POST", "faults", {"kind": "latency", "ms": LATENCY_MS, "path": "/api/indicators"})
        job_id = bench.start()
        times: list[float] = []
        while len(times) < LOOKUPS:
            if bench.is_done(job_id):
                # A sync that ended is followed by another, so that every lookup has one beside it.
                job_id = bench.start()
            took = timed(on, LOOKUP, "FQDN", f"busy{len(times)}.example") - CALLS * LATENCY_MS
            if not bench.is_done(job_id):
                times.append(took)
        times.sort()
        return {
            "indicators": SIZE,
            "round_trip_p50_ms": round(statistics.median(times), 1),
            "round_trip_p95_ms": round(times[int(0.95 * len(times))], 1),
        }
