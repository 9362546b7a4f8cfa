"""The task that a queue's wake-up starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from celery import Celery, Task, shared_task
from celery.signals import heartbeat_sent, worker_ready, worker_shutdown, worker_shutting_down

from workers.consumer import Observer, QueueHandler, consume
from workers.core.errors import BadCredentials, ConfigError, MissingRights, QueueBlocked
from workers.ledger import celery_transport
from workers.ledger.wake_up import task_name
from workers.runtime import runtime, stopping
from workers.tasks.job_events import JobEvents
from workers.tasks.lingering import Lingering


@contextmanager
def needed_by_all() -> Iterator[None]:
    """Raise as QueueBlocked what is wrong with a setting that every job of the queue needs.

    A login that is refused is the service's breaker's, and a right that is missing concerns the jobs that need it.
    """
    try:
        yield
    except (BadCredentials, MissingRights):
        raise
    except ConfigError as error:
        raise QueueBlocked(str(error)) from error


def task_for(
    consumer: QueueHandler, *, afterwards: Callable[[], object] = lambda: None, lingers: bool = False
) -> Task:
    """Register the Celery task that works on the queue; its result is the count of jobs.

    It sends no events of its own: those of its jobs stand for it. `afterwards` is done once no job is ready. One that
    `lingers` waits for further jobs for some seconds.
    """
    lingering = _lingering(consumer) if lingers else None

    @shared_task(name=task_name(consumer.queue), bind=True, send_events=False)
    def work(self: Task) -> int:
        process = runtime()
        go_on = partial(
            consume,
            consumer,
            process.ledger,
            process.leases,
            stopping=stopping.is_set,
            observers=(
                *observers(self.app, str(self.request.hostname)),
                *((lingering,) if lingering else ()),
            ),
            tracer=process.tracer,
        )
        settled = lingering.repeat(go_on) if lingering else go_on()
        afterwards()
        return settled

    return work


def _lingering(consumer: QueueHandler) -> Lingering:
    """Return the loops of a queue that linger, which take its wake-ups while a worker of this process runs."""
    lingering = Lingering(consumer.batch)

    def begin(sender: Any, **_: Any) -> None:
        lingering.begin(int(sender.pool.limit or 1))

    def end(**_: Any) -> None:
        lingering.end()

    worker_ready.connect(begin, weak=False)
    worker_shutting_down.connect(end, weak=False)
    celery_transport.WAKE_UP_TAKERS[consumer.queue] = lingering.take
    return lingering


@cache
def observers(app: Celery, hostname: str) -> tuple[Observer, ...]:
    """Return what sees the work of the worker `hostname`: its log, its metrics if they are served, and its events."""
    process = runtime()
    wanted: list[Observer] = [process.job_log]
    # Measuring costs as much as a tenth of a small job, so it is done only where metrics are served.
    if process.settings.metrics_port >= 0:
        wanted.append(process.telemetry)
    if process.settings.job_events != "off":
        events = JobEvents(app, hostname, process.settings.job_events)
        heartbeat_sent.connect(events.send, weak=False)
        worker_shutdown.connect(events.send, weak=False)
        wanted.append(events)
    return tuple(wanted)
