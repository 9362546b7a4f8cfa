"""The Celery app: what `celery -A workers.app worker` and `celery -A workers.app beat` run."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from functools import partial
from importlib.util import find_spec
from typing import Any

import structlog
from celery import Celery
from celery.signals import (
    after_task_publish,
    celeryd_init,
    heartbeat_sent,
    setup_logging,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from workers.core.errors import ConfigError, ServiceAway, end_with
from workers.core.files import show_life
from workers.core.interpreter import keep_pauses_short
from workers.ledger.audit_settings import SettingsTrail, values_of
from workers.ledger.functions import look_after_functions
from workers.runtime import runtime, stopping
from workers.settings.loading import load
from workers.telemetry import logs

log = structlog.get_logger(__name__)

#: What Celery says of each wake-up and each tick of beat, at the level of what is done; they are not what is done.
_WAKE_UPS = ("celery.worker.strategy", "celery.app.trace", "celery.beat")

app = Celery(
    "workers",
    include=[
        f"workers.tasks.{name}" for name in ("accept", "events", "enrichment", "sync", "schedule", "upkeep")
    ],
)

# A wheel has it in here, out of the sight of other Celery applications; a checkout at its top level.
app.config_from_object("workers.celeryconfig" if find_spec("workers.celeryconfig") else "celeryconfig")


@worker_shutting_down.connect
def _stop_claiming(sender: str, **_: Any) -> None:
    stopping.set()
    threading.Thread(target=_end_in_time, args=[sender], name="stopping", daemon=True).start()


def _end_in_time(name: str) -> None:
    """Give back what is still running when the time for it is over, and end.

    Celery's pool of threads waits for its tasks without a limit, and a worker that is killed in the end would keep its
    jobs until their leases run out. A service may still be doing what it was asked last, so the jobs may be claimed
    only after its read timeout.
    """
    process = runtime()
    time.sleep(process.settings.stop_within_s)
    try:
        jobs = process.leases.give_back("its worker was stopped", process.settings.threatq_read_timeout_s)
        log.warning("stopped in the middle of work", released=jobs)
    except ServiceAway as error:
        log.warning("stopped in the middle of work, its leases run out", reason=str(error))
    process.sign_of_life.end(name)
    os._exit(0)


@celeryd_init.connect
def _log_as_worker(sender: str, **_: Any) -> None:
    _set_up_logging(f"tq-worker-{sender.partition('@')[0]}")


# Celery sets up no logging of its own where this signal has a receiver.
@setup_logging.connect
def _log_as_beat(**_: Any) -> None:
    if not logging.getLogger().handlers:
        _set_up_logging("tq-beat")


def _set_up_logging(name: str) -> None:
    try:
        loaded = load()
        settings = loaded.settings
        level = logs.LEVELS[settings.log_verbosity]
        logs.set_up(level, location=settings.log_location, name=name)
        for logger in _WAKE_UPS:
            logging.getLogger(logger).setLevel(level if level == logging.DEBUG else logging.WARNING)
        for warning in loaded.warnings:
            log.warning(warning)
    except ConfigError as error:
        end_with(error)


@worker_ready.connect
def _tell_metrics(sender: Any, **_: Any) -> None:
    process = runtime()
    process.telemetry.serve(process.settings)
    _give_sign(sender)
    heartbeat_sent.connect(partial(_give_sign, sender), weak=False)
    loaded = load()
    SettingsTrail(process.audit).note(f"worker on {socket.gethostname()}, {loaded.path}", values_of(loaded))
    if process.spans:
        process.spans.start()
    keep_pauses_short()


def _give_sign(consumer: Any, **_: Any) -> None:
    """Give a sign of life for Celery's consumer of wake-ups, from its own loop; one that hangs gives none."""
    queues = consumer.app.amqp.queues.consume_from
    runtime().sign_of_life.give(consumer.hostname, queues, int(consumer.pool.limit or 1))


@worker_shutdown.connect
def _end_signs(sender: Any, **_: Any) -> None:
    runtime().sign_of_life.end(sender.hostname)


# Upkeep does so too, but a sender may be there before its first tick.
@worker_ready.connect
def _load_functions(**_: Any) -> None:
    process = runtime()
    try:
        look_after_functions(process.redis, process.settings)
    except ServiceAway as error:
        log.warning("functions not loaded yet", reason=str(error))


# A worker sends its heartbeat from the loop that takes wake-ups, beat publishes its tick each second: where either
# is stuck, or Redis is away, the file grows old. Asking with `inspect ping` would start a Python and a broadcast.
@heartbeat_sent.connect
@after_task_publish.connect
def _show_life(**_: Any) -> None:
    process = runtime()
    show_life(process.settings.heartbeat_file)
    process.job_log.end_minute()
    logs.say_repeats()


@worker_shutdown.connect
def _say_the_rest(**_: Any) -> None:
    process = runtime()
    process.job_log.end_minute(now=True)
    if process.spans:
        process.spans.close()
    logs.say_repeats(now=True)
