"""Our worker with a handler that does nothing: `celery -A benchmarks.noop_worker worker -Q events`.

It writes when each job was begun, by a clock that all processes share, into the file that NOOP_STARTS names.
"""

from __future__ import annotations

import os
import time

from workers.app import app
from workers.consumer import QueueHandler
from workers.core.results import EventResult
from workers.leases import Attempt
from workers.ledger.records import Settlement, done
from workers.tasks.queue import task_for

# The tasks of the other queues are not needed, and that of the events would do the work.
app.conf.include = []

_starts = os.open(os.environ["NOOP_STARTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def begin(attempt: Attempt) -> list[Settlement]:
    """Note that these jobs are begun, and settle them."""
    now = time.monotonic()
    os.write(_starts, "".join(f"{claim.id} {now}\n" for claim in attempt.claims).encode())
    return [done(claim, EventResult(1)) for claim in attempt.claims]


work = task_for(QueueHandler("events", begin, 100), lingers=True)
