"""The promises under fire: the short form of `make chaos`, always the same schedule."""

from __future__ import annotations

import pytest

from chaos.run import SCENARIOS, play
from chaos.scenario import SHORT

pytestmark = pytest.mark.acceptance

#: One of each kind, so that the suite stays below two minutes here; `make chaos` plays all.
FAULTS = (
    "worker-killed",
    "killed-before-answer",
    "worker-stands-still",
    "redis-killed",
    "redis-full",
    "redis-full-of-jobs",
    "redis-tail-cut",
    "redis-disk-full",
    "threatq-away",
    "threatq-flaky",
    "two-beats",
    "all-bad",
    "stopped-in-hang",
    "sentinel-failover",
    "failover-behind",
    "clock-jump",
    "clock-fast",
    "storm",
    "everything",
)

#: The seed of the suite; `make chaos` takes another one each time.
SEED = 1


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost_doubled_or_incomplete(name: str) -> None:
    told: list[str] = []
    account = play(SCENARIOS[name], SEED, SHORT, told.append)
    assert account.is_good, (account, told)
    assert account.accepted > 0
