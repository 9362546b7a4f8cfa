"""Celery, acknowledging late so that a killed worker loses little (its guide, Optimizing)."""

from __future__ import annotations

from celery import Celery

from benchmarks.peers.noop import URL, begin

app = Celery("noop", broker=URL)
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=4)
noop = app.task(name="noop")(begin)


async def send(number: str) -> None:
    """Enqueue one job."""
    noop.apply_async((number,), retry=False)
