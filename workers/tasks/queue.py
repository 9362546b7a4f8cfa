"""The task that a queue's bell starts."""

from __future__ import annotations

from collections.abc import Callable

from celery import Task

from workers.app import app, stopping
from workers.drain import Consumer, drain, observe_nothing
from workers.ledger.bell import task_name
from workers.runtime import runtime


def task_for(consumer: Consumer, *, afterwards: Callable[[], object] = lambda: None) -> Task:
    """Register the Celery task that works on the queue; its result, the count of jobs, is what Flower shows.

    `afterwards` is done once no job is ready.
    """

    @app.task(name=task_name(consumer.queue))
    def work() -> int:
        here = runtime()
        # Measuring costs as much as a tenth of a small job, so it is done where somebody looks.
        observe = here.telemetry.worked if here.settings.metrics_port >= 0 else observe_nothing
        settled = drain(consumer, here.ledger, here.leases, stopping=stopping.is_set, observe=observe)
        afterwards()
        return settled

    return work
