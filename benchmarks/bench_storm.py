"""A storm of one detection through every entry while workers and Redis are killed: one event, exact, few calls."""

from __future__ import annotations

import os
import sys
from typing import Any

from msgspec import structs

from chaos.faults.storm import KILLS_A_KILL_OF_REDIS
from chaos.run import SCENARIOS, play
from chaos.scenario import LONG

#: Firings of the storm, kills of a worker (every seventh with one of Redis), and seconds that each step may take.
FIRINGS = int(os.environ.get("TQ_BENCH_STORM", "100000"))
KILLS = int(os.environ.get("TQ_BENCH_STORM_KILLS", "20"))
PATIENCE_S = 600

#: The seed of the schedule; another one strikes at other times.
SEED = int(os.environ.get("TQ_BENCH_STORM_SEED", "1"))


def run() -> dict[str, Any]:
    """Play the scene of `make chaos FAULT=storm`; raises AssertionError where one of its promises is broken."""
    size = structs.replace(LONG, firings=FIRINGS, kills=KILLS, patience_s=PATIENCE_S)
    account = play(SCENARIOS["storm"], SEED, size, _say)
    assert account.is_good, account
    return {
        "firings": account.accepted,
        "counted": account.done,
        "lost": account.lost,
        "doubled": account.doubled,
        "kills_of_workers": KILLS,
        "kills_of_redis": len(range(KILLS_A_KILL_OF_REDIS // 3, KILLS, KILLS_A_KILL_OF_REDIS)),
        "calls_of_threatq": account.calls,
        "seconds": account.seconds,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
