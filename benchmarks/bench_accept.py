"""Accept (ledger and wake-up) against one bare LPUSH round trip of the same body."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measuring import median_ms, stage
from sandbox.launch.demo import EXAMPLE
from workers.core.jobs import Job

PAYLOAD = json.loads(EXAMPLE.read_text())

#: Round trips in each block; blocks of the two kinds take turns, so that a busy machine slows both.
BLOCK, BLOCKS = 200, 10


def run() -> dict[str, Any]:
    """Measure both in turn and return the ratio of their medians."""
    with stage() as on:
        body = json.dumps(PAYLOAD).encode()
        jobs = [
            Job("events.create", {"payload": PAYLOAD | {"n": number}}, producer="bench")
            for number in range(BLOCK * BLOCKS)
        ]

        def push() -> None:
            on.client.lpush("bare", body)

        def accept() -> None:
            on.ledger.accept([jobs.pop()])

        pushes: list[float] = []
        accepts: list[float] = []
        for _ in range(BLOCKS):
            pushes += _timed(push)
            accepts += _timed(accept)
        assert on.admin.open_jobs()["events"] == BLOCK * BLOCKS, "an accepted job is missing"
        return {
            "lpush_ms": median_ms(pushes),
            "accept_ms": median_ms(accepts),
            "ratio": round(median_ms(accepts) / median_ms(pushes), 2),
        }


def _timed(action: Callable[[], None]) -> list[float]:
    times = []
    for _ in range(BLOCK):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return times
