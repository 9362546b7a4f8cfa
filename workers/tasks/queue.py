"""The task that a queue's bell starts."""

from __future__ import annotations

from celery import Task

from workers.app import app, stopping
from workers.drain import Bench, drain, observe_nothing
from workers.ledger.bell import task_name
from workers.runtime import runtime


def works_on(bench: Bench) -> Task:
    """Register the Celery task that works on the bench's queue; its result, the count of jobs, is what Flower shows."""

    @app.task(name=task_name(bench.queue))
    def work() -> int:
        here = runtime()
        # Measuring costs as much as a tenth of a small job, so it is done where somebody looks.
        observe = here.telemetry.worked if here.settings.metrics_port >= 0 else observe_nothing
        return drain(bench, here.ledger, here.leases, stopping=stopping.is_set, observe=observe)

    return work
