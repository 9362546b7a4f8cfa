"""A Celery app with one job that only counts itself, as a yardstick."""

from __future__ import annotations

import os
import sys

import redis
from celery import Celery

client = redis.Redis.from_url(os.environ["TQ_REDIS_URL"])

app = Celery("noop", broker=os.environ["TQ_REDIS_URL"])
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4, task_default_queue="noop")


@app.task(name="noop")
def noop() -> None:
    """Count one run."""
    client.incr("noop-done")


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        noop.apply_async(retry=False)
