"""The queue upkeep: once a second, wake the workers for what is due, also where a wake-up was lost."""

from __future__ import annotations

import os
from functools import cache, lru_cache

import structlog
from celery import current_app, shared_task
from msgspec import structs

from workers.core.errors import ConfigError
from workers.core.jobs import QUEUES
from workers.events.update import ask_for_updates
from workers.ledger.connection import now_ms
from workers.ledger.dead_retention import DeadRetention
from workers.ledger.functions import look_after_functions
from workers.ledger.ledger import Ledger, open_ledger
from workers.ledger.orphans import Sweeper
from workers.ledger.packing import Packer
from workers.ledger.quarantine import Quarantine, limits_of
from workers.ledger.spool import Spool
from workers.ledger.spool_flush import flush
from workers.ledger.usage import note_fills
from workers.listsync.run.schedule import tell_setup
from workers.notices.notifier import Notifier, notifier_of
from workers.runtime import runtime
from workers.settings.model import Settings
from workers.tasks.names import ask_for_names
from workers.tasks.schedule import start_due_syncs

log = structlog.get_logger(__name__)

#: Jobs that are delivered from the spool in a second, at most.
SPOOLED = 1_000


# Silent, or its ticks would drown the jobs in Flower.
@shared_task(name="upkeep.work", send_events=False)
def work() -> None:
    """Wake every queue that has ready jobs, forget and pack what has ended, measure what fills Redis.

    Then it sees to notices, and to what producers of this machine kept.
    """
    ledger, settings = runtime().ledger, runtime().settings
    for queue in QUEUES:
        ledger.wake(queue)
    ledger.look_after()
    ask_for_names(ledger)
    look_after_functions(ledger.redis, settings)
    tell_setup(ledger.redis, settings)
    try:
        start_due_syncs(current_app, ledger, settings)
    except ConfigError as error:
        _say_once(str(error))
    ask_for_updates(_unlimited(), runtime().groups)
    _packer().step(now_ms(ledger.redis))
    _sweeper().step()
    _dead_retention().step(now_ms(ledger.redis))
    note_fills(ledger.redis)
    if notifier := _notifier():
        notifier.step()
    if settings.spool_dir:
        _flush_spool(settings)


def _flush_spool(settings: Settings) -> None:
    """Deliver what producers of this machine kept in the folder that the settings name."""
    ledger, spool = runtime().ledger, Spool(os.path.expanduser(settings.spool_dir))
    flushed = flush(spool, ledger, Quarantine(ledger.redis, limits_of(settings)), most=SPOOLED)
    if flushed.delivered:
        log.info("delivered from the spool", jobs=flushed.delivered, waiting=flushed.waiting)
    for refused in flushed.refused:
        _say_refused(refused.file, refused.reason, refused.item)


@lru_cache(maxsize=SPOOLED)
def _say_refused(file: str, reason: str, item: str) -> None:
    """Log once what of the spool is refused: a file that cannot go to the quarantine is met each second."""
    log.warning("refused from the spool", file=file, reason=reason, quarantined=item)


@cache
def _unlimited() -> Ledger:
    """The ledger as it takes updates of events also while a storm fills the queue: they make events for all of it."""
    return open_ledger(runtime().redis, structs.replace(runtime().settings, max_open_jobs=2**31))


@cache
def _sweeper() -> Sweeper:
    return Sweeper(runtime().ledger.redis)


@cache
def _dead_retention() -> DeadRetention:
    return DeadRetention(runtime().ledger.redis, runtime().settings)


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
