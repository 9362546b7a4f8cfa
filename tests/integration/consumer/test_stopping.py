"""A worker that was told to stop and still has work when its time is over."""

from __future__ import annotations

import subprocess
import sys

import pytest
from redis import Redis

from sandbox.launch.processes import ROOT
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration

#: Claims a job, is told to stop, and would work on it for a minute.
STOP = """
import time
from celery.signals import worker_shutting_down
import workers.app
from workers.ledger.connection import connect
from workers.runtime import runtime
ledger, leases = runtime().ledger, runtime().leases
with leases.renewing(ledger.claim("events", 10)):
    {meanwhile}
    worker_shutting_down.send(sender="test")
    time.sleep(60)
"""

REDIS_GOES_AWAY = 'ledger.redis = connect("redis://127.0.0.1:1", retries=0)'


@pytest.mark.parametrize(("meanwhile", "state"), [("pass", "waiting"), (REDIS_GOES_AWAY, "running")])
def test_it_gives_back_what_it_holds_and_ends_even_while_redis_is_away(
    redis: Redis, redis_url: str, ledger: Ledger, admin: LedgerAdmin, meanwhile: str, state: str
) -> None:
    # Given a job in the hands of a worker
    (accepted,) = ledger.accept([Job("events.create", {"payload": {}}, producer="cli")])
    # When the worker is told to stop
    ended = subprocess.run(
        [sys.executable, "-c", STOP.format(meanwhile=meanwhile)],
        env={"TQ_REDIS_URL": redis_url, "TQ_STOP_WITHIN_S": "0.1", "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    # Then it ends; what it could not give back is claimed anew once its lease is over
    assert ended.returncode == 0
    record = admin.record(accepted.id)
    assert record is not None
    assert record.state == state
