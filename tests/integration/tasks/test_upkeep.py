"""Upkeep: what is looked at once a second."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sandbox.launch.processes import ROOT

pytestmark = pytest.mark.integration

THREE_TICKS = """
from workers.app import app
app.loader.import_default_modules()
from workers.tasks.upkeep import work
for _ in range(3):
    work()
"""


def test_an_interval_below_the_floor_is_told_once_and_not_every_second(redis_url: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", THREE_TICKS],
        env={"TQ_REDIS_URL": redis_url, "TQ_SYNC_INTERVAL_S": "60", "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (ran.stdout + ran.stderr).count("no sync is scheduled") == 1
