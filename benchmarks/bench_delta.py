"""Delta runs of the list sync beside a full one: nothing changed, and one in a thousand indicators changed.

A full run is also measured against a ThreatQ that takes 200 ms for each page. What runs ask of Redis is counted in
further ones, which are not timed: when nothing, one in a thousand, and when a tenth of the collection has gone.

BENCH_DELTA_SIZES="10000" measures less.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
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
    return {str(size): measure(size) for size in SIZES}


def measure(size: int) -> dict[str, Any]:
    """Measure a full run of what is in step, then deltas."""
    with stage() as on:
        bench = Bench(on, size, days=30)
        bench.sync()
        full = bench.timed(NOT_MEASURED)
        slow = full_listing_at_200_ms_a_page(bench)
        unchanged = [delta(bench) for _ in range(ROUNDS)]
        redis = {
            "idle_second": redis_use(bench, lambda _: time.sleep(1)),
            "unchanged": redis_use(bench, sync_unwatched),
        }
        changed = []
        for number in range(ROUNDS):
            change(bench, number)
            changed.append(delta(bench))
        change(bench, ROUNDS)
        redis["changed"] = redis_use(bench, sync_unwatched)
        on.threatq("POST", "expire", {"every": 10})
        redis["a_tenth_gone"] = redis_use(bench, sync_unwatched)
        return {
            "full": figures(full),
            "full_listing_at_200_ms_a_page": figures(slow),
            "unchanged": middle(unchanged, full),
            "changed": middle(changed, full),
            "redis": redis,
            "worker_peak_mb": bench.peak_mb(),
        }


def change(bench: Bench, number: int) -> None:
    """Let some leave the collection and as many come, other ones for each number: who has left cannot leave again."""
    many = bench.size // EVERY
    bench.on.threatq("POST", "expire", {"every": EVERY + number})
    bench.on.threatq("POST", "seed", {"indicators": many, "start": bench.size + number * many})


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


def redis_use(bench: Bench, act: Callable[[Bench], Any]) -> dict[str, Any]:
    """Return what Redis is asked meanwhile, by a run and by the workers that wait for one."""
    before = redis_totals(bench)
    act(bench)
    commands, sent, received = (after - then for after, then in zip(redis_totals(bench), before, strict=True))
    return {
        "commands": commands,
        "mb_from_redis": round(sent / 1e6, 2),
        "mb_to_redis": round(received / 1e6, 2),
    }


def sync_unwatched(bench: Bench) -> None:
    """Sync once; each look at whether it is done is a command, too."""
    job_id = bench.start("")
    while not bench.is_done(job_id):
        time.sleep(1)


def redis_totals(bench: Bench) -> tuple[int, int, int]:
    """Return the commands that Redis has carried out, those of scripts included, and the bytes sent and received."""
    stats: dict[str, Any] = bench.on.client.info("stats")
    each: dict[str, Any] = bench.on.client.info("commandstats")
    commands = sum(stat["calls"] for stat in each.values())
    return commands, stats["total_net_output_bytes"], stats["total_net_input_bytes"]


def middle(rounds: list[Timed], full: Timed) -> dict[str, Any]:
    """Return the figures of the middle round, and its share of a full run."""
    ordered = sorted(rounds, key=lambda timed: timed.ours.wall_s)
    found = figures(ordered[len(ordered) // 2])
    whole = figures(full)
    return {
        **found,
        "calls": round(median(figures(timed)["calls"] for timed in rounds)),
        "percent_of_full_s": round(100 * found["seconds"] / whole["seconds"], 1),
        # On a machine that others use too, the clock says how busy they are.
        "percent_of_full_cpu_s": round(100 * found["cpu_s"] / whole["cpu_s"], 1),
        "percent_of_full_calls": round(100 * found["calls"] / whole["calls"], 1),
    }


def figures(timed: Timed) -> dict[str, Any]:
    """Return seconds and calls to both services, without the logins."""
    calls = sum(count for route, count in timed.calls.items() if "/token" not in route)
    return {"seconds": round(timed.ours.wall_s, 3), "cpu_s": round(timed.ours.cpu_s, 2), "calls": calls}
