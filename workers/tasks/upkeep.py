"""The queue upkeep: once a second, wake the workers for what is due, also where a wake-up was lost."""

from __future__ import annotations

from functools import cache

import structlog
from celery import shared_task

from workers.core.errors import ConfigError
from workers.core.jobs import QUEUES
from workers.ledger.connection import now_ms
from workers.ledger.packing import Packer
from workers.ledger.usage import note_fills
from workers.listsync.run.schedule import start_if_due, tell_setup
from workers.notices.notifier import Notifier, notifier_of
from workers.runtime import runtime

log = structlog.get_logger(__name__)


# Silent, or its ticks would drown the jobs in Flower.
@shared_task(name="upkeep.work", send_events=False)
def work() -> None:
    """Wake every queue that has ready jobs, forget and pack done jobs, measure what fills Redis, and see to notices."""
    ledger, settings = runtime().ledger, runtime().settings
    for queue in QUEUES:
        ledger.wake(queue)
    ledger.look_after()
    tell_setup(ledger.redis, settings)
    try:
        start_if_due(ledger, settings)
    except ConfigError as error:
        _say_once(str(error))
    _packer().step(now_ms(ledger.redis))
    note_fills(ledger.redis)
    if notifier := _notifier():
        notifier.step()


@cache
def _packer() -> Packer:
    return Packer(runtime().ledger.redis)


@cache
def _notifier() -> Notifier | None:
    return notifier_of(runtime().ledger.redis, runtime().settings)


@cache
def _say_once(reason: str) -> None:
    """Log why no sync is scheduled: a process reads its settings once, so the next second brings nothing new."""
    log.error("no sync is scheduled", reason=reason)
