"""The queue upkeep: once a second, ring for what is due, whoever forgot it."""

from __future__ import annotations

from workers.app import app
from workers.jobs import QUEUES
from workers.runtime import runtime


# Silent, or its ticks would drown the jobs in Flower.
@app.task(name="upkeep.work", send_events=False)
def work() -> None:
    """Ring for every queue that has ready jobs, forget the done jobs that have expired, and leave a sign of life."""
    ledger = runtime().ledger
    for queue in QUEUES:
        ledger.ring(queue)
    ledger.look_after()
