"""Two processes that deliver from one spool at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from workers.core.jobs import Job
from workers.ledger.spool import Spool

pytestmark = pytest.mark.integration

JOBS = 600

#: Waits for the other one, then delivers, writing down each id that it was asked to accept.
DELIVERER = """
import os, sys, time
from workers.ledger.spool import Spool
from workers.ledger.accept import Accepted

folder, mine, other = sys.argv[1:]
log = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
deadline = time.monotonic() + 30
while not os.path.exists(other) and time.monotonic() < deadline:
    time.sleep(0.001)

def accept(jobs):
    os.write(log, "".join(job.id + "\\n" for job in jobs).encode())
    return [Accepted(job.id, created=True) for job in jobs]

Spool(folder).deliver(accept)
"""


def test_each_job_is_delivered_by_one_of_them(tmp_path: Path) -> None:
    # given
    spool = Spool(str(tmp_path / "spool"))
    jobs = [Job("events.create", {"payload": {"event_name": str(n)}}, producer="cli") for n in range(JOBS)]
    spool.keep(jobs)

    # when
    logs = [tmp_path / "one", tmp_path / "two"]
    running = [
        subprocess.Popen([sys.executable, "-c", DELIVERER, spool.folder, str(mine), str(other)])
        for mine, other in (logs, reversed(logs))
    ]
    codes = [process.wait(timeout=60) for process in running]

    # then
    assert codes == [0, 0]
    delivered = Counter(line for log in logs for line in log.read_text().split())
    assert delivered == Counter(job.id for job in jobs)
    assert spool.waiting() == 0
