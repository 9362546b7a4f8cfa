"""Plain Celery with every setting that is said to lose nothing: one job that waits 30 ms and notes its number."""

from __future__ import annotations

import os
import sys
import time

import redis
from celery import Celery

client = redis.Redis.from_url(os.environ["TQ_REDIS_URL"])

app = Celery("crash", broker=os.environ["TQ_REDIS_URL"])
app.conf.update(
    task_ignore_result=True,
    task_default_queue="crash",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # Short, so that what a killed worker had taken comes back while the benchmark waits.
    broker_transport_options={
        "visibility_timeout": 10,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    },
)


@app.task(name="crash")
def crash(number: int) -> None:
    """Take 30 ms and count this run of job `number`."""
    time.sleep(0.03)
    client.hincrby("crash-done", str(number), 1)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        crash.apply_async((number,), retry=False)
