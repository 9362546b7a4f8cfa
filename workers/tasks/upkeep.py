"""The queue upkeep: once a second, ring for what is due, whoever forgot it."""

from __future__ import annotations

from workers.app import app
from workers.jobs import QUEUES
from workers.runtime import runtime


@app.task(name="upkeep.work")
def work() -> None:
    """Ring for every queue that has ready jobs, and forget the done jobs that have expired."""
    ledger = runtime().ledger
    for queue in QUEUES:
        ledger.ring(queue)
    ledger.forget_done()
