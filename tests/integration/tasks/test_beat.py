"""Beat's ticks: one waits at most, and none expires. Its syncs: the ledger decides what is due."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
from celery.schedules import crontab, maybe_schedule
from redis import Redis

from sandbox.launch.processes import ROOT
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.tasks.schedule import is_due

pytestmark = pytest.mark.integration

#: Lets the entry of upkeep come due three times.
TICK = """
from workers.app import app
app.loader.import_default_modules()
from workers.tasks.beat import Ticks
ticks = Ticks(app)
entry = ticks.schedule["look at what is due"]
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


#: Beat as it runs, with one tick.
APPLY = """
from workers.app import app
app.loader.import_default_modules()
from workers.tasks.beat import Ticks
ticks = Ticks(app)
ticks.apply_entry(ticks.schedule["look at what is due"])
"""


def test_a_tick_while_redis_is_away_is_one_line_in_the_log_and_no_traceback() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", APPLY],
        env={"TQ_REDIS_URL": "redis://127.0.0.1:1/0", "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    printed = ran.stdout + ran.stderr
    assert "no tick is sent" in printed
    assert "Redis cannot be reached" in printed
    assert "Traceback" not in printed


#: Prints the entries of the sync as beat has them, and what two beats and a tick of upkeep start.
SYNCS = """
from workers.app import app
app.loader.import_default_modules()
from workers.tasks.beat import Ticks
from workers.tasks.schedule import sync_lists
from workers.tasks.upkeep import work
print([(e.task, str(e.schedule)) for e in Ticks(app).schedule.values() if e.task == "lists.sync"])
print([sync_lists(scheduled=True), sync_lists(scheduled=True), work(), sync_lists("one"), sync_lists("one")])
"""


def test_the_sync_is_an_entry_that_two_beats_start_once_and_that_is_moved_by_its_setting(
    redis: Redis, redis_url: str, admin: LedgerAdmin
) -> None:
    environ = {
        "TQ_REDIS_URL": redis_url,
        "TQ_SYNC_INTERVAL_S": "7200",
        "TQ_SETTINGS_FROM": "local",
        "TQ_SYNC_COLLECTIONS": "one: {baseName: One}",
        "PATH": "",
    }
    ran = subprocess.run(
        [sys.executable, "-c", SYNCS],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    entries, started = map(ast.literal_eval, filter(re.compile(r"\[").match, ran.stdout.splitlines()))
    # Beat has it as entries of Celery's: what reads all as it is set, and what follows changes
    assert sorted(entries) == [("lists.sync", "<freq: 2.00 hours>"), ("lists.sync", "<freq: 5.00 minutes>")]
    # The first that asks starts it, and what is asked for by hand starts at once, a double click once
    (job_id,), again, _, (by_hand,), (repeated,) = started
    assert again == []
    assert by_hand == repeated != job_id
    assert sorted(admin.ids("accepted", queue="sync")) == sorted([job_id, by_hand])


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("schedule", "last", "now", "due"),
    [
        # an hour that is not over, and one that is
        (3600.0, "2026-11-27T10:00:00+00:00", "2026-11-27T10:59:59+00:00", False),
        (3600.0, "2026-11-27T10:00:00+00:00", "2026-11-27T11:00:00+00:00", True),
        # seven minutes past each hour: not yet, now, and after beat was away for a day
        (crontab(minute="7"), "2026-11-27T10:07:00+00:00", "2026-11-27T11:06:59+00:00", False),
        (crontab(minute="7"), "2026-11-27T10:07:00+00:00", "2026-11-27T11:07:00+00:00", True),
        (crontab(minute="7"), "2026-11-26T10:07:00+00:00", "2026-11-27T10:30:00+00:00", True),
    ],
)
def test_any_schedule_of_celerys_is_decided_by_the_last_start(
    schedule: Any, last: str, now: str, due: bool
) -> None:
    assert is_due(maybe_schedule(schedule), ms(last), ms(now)) is due
