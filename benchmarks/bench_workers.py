"""Events with 1, 2 and 4 worker processes on one machine, ThreatQ answering in 10 ms.

ThreatQ is one that only answers: the simulated one would share the cores and be the limit from one process on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import requests
from msgspec import structs

from benchmarks.answering import MADE
from benchmarks.bench_events import (
    LATENCY_MS,
    THREADS,
    let_wait,
    payload,
    seconds_to_finish,
    start_worker,
    warm_up,
)
from benchmarks.measuring import Stage, cpu_s, stage
from sandbox.launch.system import enable_connector, write_settings
from workers.ledger import keys

PAYLOADS = 8_000

PROCESSES = (1, 2, 4)


def run() -> dict[str, Any]:
    """Measure each number of processes on a fresh system."""
    measured = {count: with_workers(count) for count in PROCESSES}
    return {
        "payloads": PAYLOADS,
        "threads_each": THREADS,
        "threatq_latency_ms": LATENCY_MS,
        **{f"workers_{count}": figures for count, figures in measured.items()},
        "times_two": round(measured[2]["payloads_per_s"] / measured[1]["payloads_per_s"], 2),
    }


def with_workers(count: int) -> dict[str, Any]:
    """Let `count` processes work off payloads that wait, and check that each has become one event."""
    names = [f"worker-{number}" for number in range(count)]
    with stage() as on:
        url = answer_only(on)
        for name in names:
            start_worker(on, name)
        warm_up(on)
        let_wait(on, PAYLOADS)
        pids = [on.processes.running[name].pid for name in (*names, "answering")]
        before = [cpu_s(pid) for pid in pids]
        seconds = seconds_to_finish(on)
        *workers, threatq = [cpu_s(pid) - was for pid, was in zip(pids, before, strict=True)]
        check_account(on, url)
        return {
            "payloads_per_s": round(PAYLOADS / seconds),
            "cpu_ms_per_payload": round(sum(workers) / PAYLOADS * 1000, 2),
            "workers_busy_cores": round(sum(workers) / seconds, 2),
            "threatq_busy_cores": round(threatq / seconds, 2),
        }


def answer_only(on: Stage) -> str:
    """Put a ThreatQ that only answers in the place of the simulated one; return its address."""
    ready = on.processes.folder / "answering"
    on.processes.start("answering", sys.executable, "-m", "benchmarks.answering", ready, str(LATENCY_MS))
    on.processes.wait_until(
        lambda: ready.exists() and bool(ready.read_text()), "the ThreatQ that only answers"
    )
    url = ready.read_text()
    settings = structs.replace(on.settings, threatq_url=url)
    write_settings(Path(on.processes.environ["TQ_CONFIG"]), settings)
    enable_connector(settings)
    return url


def check_account(on: Stage, url: str) -> None:
    """Assert that nothing was lost or doubled."""
    assert on.client.zcard(keys.DONE) == PAYLOADS + 1, "not every payload is done"
    assert on.client.zcard(keys.DEAD) == 0, "a payload died"
    wanted = sorted(payload(number)["event_name"] for number in (*range(PAYLOADS), 10**6))
    assert requests.get(url + MADE, timeout=60).json() == wanted, "an event is missing or doubled"
