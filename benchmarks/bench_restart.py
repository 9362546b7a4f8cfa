"""What it costs after a restart of Redis that first attempts look for their event: the same load with and without."""

from __future__ import annotations

from typing import Any

from benchmarks.bench_events import (
    LATENCY_MS,
    PAYLOADS,
    check_account,
    let_wait,
    seconds_to_finish,
    start_worker,
    warm_up,
)
from benchmarks.measuring import stage
from workers.ledger import keys


def run() -> dict[str, Any]:
    """Measure both in one run."""
    usual, restarted = worked_off(is_restarted=False), worked_off(is_restarted=True)
    return {
        "payloads": PAYLOADS,
        "usual": usual,
        "restarted": restarted,
        "times_usual": round(restarted["payloads_per_s"] / usual["payloads_per_s"], 2),
    }


def worked_off(*, is_restarted: bool) -> dict[str, Any]:
    """Let one worker process work off payloads that wait, in a Redis that has run for long or has just restarted."""
    with stage(latency_ms=LATENCY_MS) as on:
        start_worker(on)
        # Two events are there, as in any ThreatQ that is in use: the look-up learns from them.
        warm_up(on, 2)
        let_wait(on, PAYLOADS)
        if is_restarted:
            # A Redis that names no life is taken for one that has just begun.
            on.client.delete(keys.LIFE)
        calls_before = on.threatq("GET", "calls")["total"]
        seconds = seconds_to_finish(on)
        calls = on.threatq("GET", "calls")["total"] - calls_before
        check_account(on, 2)
        return {
            "payloads_per_s": round(PAYLOADS / seconds),
            "calls_per_payload": round(calls / PAYLOADS, 4),
        }
