"""Beat's ticks: one waits at most, and none expires."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from redis import Redis

from sandbox.launch.processes import ROOT
from workers.ledger import keys

pytestmark = pytest.mark.integration

#: Lets the scheduler's only entry come due three times.
TICK = """
from celeryconfig import beat_schedule
from workers.app import app
app.loader.import_default_modules()
from workers.tasks.beat import Ticks
ticks = Ticks(app)
(entry,) = (ticks.schedule[name] for name in beat_schedule)
for _ in range(3):
    entry = ticks.apply_async(entry) and ticks.schedule[entry.name]
print(entry.total_run_count)
"""


def test_a_tick_that_still_waits_is_not_sent_again_and_never_expires(redis: Redis, redis_url: str) -> None:
    # When beat ticks three times and no worker is there
    ran = subprocess.run(
        [sys.executable, "-c", TICK],
        env={"TQ_REDIS_URL": redis_url, "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    # Then one tick waits, which a worker with another clock takes as well
    (tick,) = redis.lrange(keys.wake_ups("upkeep"), 0, -1)
    assert json.loads(tick)["headers"]["expires"] is None
    assert int(ran.stdout) == 3
