"""Upkeep: what is looked at once a second."""

from __future__ import annotations

import subprocess
import sys

import pytest
from redis import Redis

from sandbox.launch.processes import ROOT
from tests.support.notices import running_hook
from workers.ledger import keys

pytestmark = pytest.mark.integration

THREE_TICKS = """
from workers.app import app
app.loader.import_default_modules()
from workers.tasks.upkeep import work
for _ in range(3):
    work()
"""


WAIT_FOR_NOTICES = """
import threading
for thread in threading.enumerate():
    if thread.name == "notices":
        thread.join()
"""


def ticks(script: str, **environ: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": "", **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ran.stdout + ran.stderr


def test_an_interval_below_the_floor_is_told_once_and_not_every_second(redis_url: str) -> None:
    log = ticks(THREE_TICKS, TQ_REDIS_URL=redis_url, TQ_SYNC_INTERVAL_S="60")

    assert log.count("no sync is scheduled") == 1


def test_upkeep_tells_operators_of_dead_letters(redis: Redis, redis_url: str) -> None:
    redis.zadd(keys.DEAD, {"job": 1})

    with running_hook() as hook:
        ticks(THREE_TICKS + WAIT_FOR_NOTICES, TQ_REDIS_URL=redis_url, TQ_NOTICES_WEBHOOK_URL=hook.url)

    assert [post["title"] for post in hook.posts] == ["1 dead letter"]


def test_notices_that_are_set_wrong_are_logged_once_and_stop_no_upkeep(redis_url: str) -> None:
    log = ticks(THREE_TICKS, TQ_REDIS_URL=redis_url, TQ_NOTICES_WEBHOOK_URL="http://hooks.example.com/T0")

    assert log.count("no notices are sent") == 1
    assert "T0" not in log
