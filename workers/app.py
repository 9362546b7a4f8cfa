"""The Celery app: what `celery -A workers.app worker` and `celery -A workers.app beat` run."""

from __future__ import annotations

import threading
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_shutting_down

from workers import logs

app = Celery(
    "workers",
    include=[f"workers.tasks.{name}" for name in ("accept", "events", "enrichment", "sync", "upkeep")],
)
app.config_from_object("celeryconfig")


#: Set when this worker was told to stop: what it holds is finished, nothing more is claimed.
stopping = threading.Event()


@worker_shutting_down.connect
def _stop_claiming(**_: Any) -> None:
    stopping.set()


@setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    logs.set_up()
