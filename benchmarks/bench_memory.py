"""The worker's memory, idle and after 10,000 payloads."""

from __future__ import annotations

from typing import Any

from benchmarks.bench_events import payload, start_worker, warm_up
from benchmarks.measuring import resident_mb, stage, until
from workers.core.jobs import Job
from workers.ledger import keys

ROUNDS, PAYLOADS_A_ROUND = 5, 2_000


def run() -> dict[str, Any]:
    """Return the resident memory in MB after the first payload and after each round."""
    with stage() as on:
        start_worker(on)
        warm_up(on)
        pid = on.processes.running["worker"].pid
        resident = [resident_mb(pid)]
        for first in range(0, ROUNDS * PAYLOADS_A_ROUND, PAYLOADS_A_ROUND):
            for start in range(first, first + PAYLOADS_A_ROUND, 500):
                batch = range(start, start + 500)
                on.ledger.accept(
                    [Job("events.create", {"payload": payload(n)}, producer="bench") for n in batch]
                )
            until(lambda: not on.client.zcard(keys.due("events")))
            resident.append(resident_mb(pid))
        assert on.client.zcard(keys.DONE) == ROUNDS * PAYLOADS_A_ROUND + 1, "not every payload is done"
        return {
            "idle_mb": resident[0],
            "after_each_2000_mb": resident[1:],
        }
