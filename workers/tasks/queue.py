"""The task that a queue's wake-up starts."""

from __future__ import annotations

from collections.abc import Callable

from celery import Task, shared_task

from workers.consumer import QueueHandler, consume, observe_nothing
from workers.ledger.accept import task_name
from workers.runtime import runtime, stopping


def task_for(consumer: QueueHandler, *, afterwards: Callable[[], object] = lambda: None) -> Task:
    """Register the Celery task that works on the queue; its result, the count of jobs, is what Flower shows.

    `afterwards` is done once no job is ready.
    """

    @shared_task(name=task_name(consumer.queue))
    def work() -> int:
        process = runtime()
        # Measuring costs as much as a tenth of a small job, so it is done only where metrics are served.
        observe = process.telemetry.worked if process.settings.metrics_port >= 0 else observe_nothing
        settled = consume(consumer, process.ledger, process.leases, stopping=stopping.is_set, observe=observe)
        afterwards()
        return settled

    return work
