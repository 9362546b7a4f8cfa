"""Delta runs of the list sync beside a full one: nothing changed, and one in a thousand indicators changed.

A full run is also measured against a ThreatQ that takes 200 ms for each page.

BENCH_DELTA_SIZES="10000" measures less.
"""

from __future__ import annotations

import os
from statistics import median
from typing import Any

from benchmarks.bench_sync import Bench, Spent, Timed
from benchmarks.measuring import stage
from workers.ledger.sync_runs import history

SIZES = tuple(map(int, os.environ.get("BENCH_DELTA_SIZES", "1000000").split()))

#: Times that a delta is measured; the middle one counts.
ROUNDS = 3

#: Every so many-th indicator leaves the collection, and as many come: together one in a thousand.
EVERY = 2_000

#: Milliseconds that a page takes where ThreatQ is slow.
PAGE_MS = 200

NOT_MEASURED = Spent(0.0, 0.0)


def run() -> dict[str, Any]:
    """Measure each size with services of its own."""
    return {
        **{str(size): measure(size) for size in SIZES},
        "targets": "unchanged: <= 5 calls and 1 s; 0.1 % changed: <= 2 % of the calls and seconds of a full run; "
        "1,000,000 at 200 ms a page: <= 35 s",
    }


def measure(size: int) -> dict[str, Any]:
    """Measure a full run of what is in step, then deltas."""
    with stage() as on:
        bench = Bench(on, size, days=30)
        bench.sync()
        full = bench.timed(NOT_MEASURED)
        slow = full_listing_at_200_ms_a_page(bench)
        unchanged = [delta(bench) for _ in range(ROUNDS)]
        changed = []
        for number in range(ROUNDS):
            # Other indicators each time: those that have left are not there to leave again.
            on.threatq("POST", "expire", {"every": EVERY + number})
            on.threatq(
                "POST", "seed", {"indicators": size // EVERY, "start": size + number * (size // EVERY)}
            )
            changed.append(delta(bench))
        return {
            "full": figures(full),
            "full_listing_at_200_ms_a_page": figures(slow),
            "unchanged": middle(unchanged, full),
            "changed": middle(changed, full),
            "worker_peak_mb": bench.peak_mb(),
        }


def full_listing_at_200_ms_a_page(bench: Bench) -> Timed:
    """Sync once, in full, while ThreatQ takes its time for each page."""
    fault = {"kind": "latency", "ms": PAGE_MS, "path": "/api/indicators/query"}
    bench.on.threatq("POST", "faults", fault)
    slow = bench.timed(NOT_MEASURED)
    bench.on.threatq("DELETE", "faults")
    return slow


def delta(bench: Bench) -> Timed:
    """Sync once, which must be a delta."""
    timed = bench.timed(NOT_MEASURED, mode="")
    last = history(bench.on.ledger.redis, most=1)[0]
    assert last.kind == "delta", last.why
    return timed


def middle(rounds: list[Timed], full: Timed) -> dict[str, Any]:
    """Return the figures of the middle round, and its share of a full run."""
    ordered = sorted(rounds, key=lambda timed: timed.ours.wall_s)
    found = figures(ordered[len(ordered) // 2])
    whole = figures(full)
    return {
        **found,
        "calls": round(median(figures(timed)["calls"] for timed in rounds)),
        "percent_of_full_s": round(100 * found["seconds"] / whole["seconds"], 1),
        "percent_of_full_calls": round(100 * found["calls"] / whole["calls"], 1),
    }


def figures(timed: Timed) -> dict[str, Any]:
    """Return seconds and calls to both services, without the logins."""
    calls = sum(count for route, count in timed.calls.items() if "/token" not in route)
    return {"seconds": round(timed.ours.wall_s, 3), "cpu_s": round(timed.ours.cpu_s, 2), "calls": calls}
