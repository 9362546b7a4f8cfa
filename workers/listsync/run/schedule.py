"""When the next sync is due: decided in the ledger, so that two beats start one run and a restart misses none."""

from __future__ import annotations

from contextlib import suppress

import structlog

from workers.core.errors import ConfigError
from workers.core.jobs import Job
from workers.core.urls import service_url
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.locks import is_open
from workers.ledger.small_writes import write
from workers.ledger.status import tell
from workers.listsync.plan.settings import NEEDED
from workers.settings.model import Settings, not_set, threatq_needs
from workers.threatq.service import object_page

log = structlog.get_logger(__name__)

#: Under which name the ledger remembers when the last scheduled sync was started, in ms of Redis' clock, and its job.
LAST = keys.value("sync:last")


def interval_s(settings: Settings) -> float:
    """Return the seconds between two scheduled syncs, 0 for none; raises ConfigError below the floor."""
    wanted, floor = settings.sync_interval_s, settings.sync_interval_floor_s
    if wanted and wanted < floor:
        raise ConfigError(
            f"{wanted:g} s is less than {floor:g} s; LogRhythm's lists are not to be synced more than once an hour",
            field="sync_interval_s",
        )
    return wanted


def start_if_due(ledger: Ledger, settings: Settings) -> str | None:
    """Start the scheduled sync of every collection if its time has come; return the job's id then.

    While the last one still waits for a service or a setting, none is added to it.
    """
    interval = interval_s(settings)
    if not interval or (settings.settings_from == "local" and not settings.sync_collections):
        return None
    now, (last, last_job) = now_ms(ledger.redis), _last(ledger.redis)
    if last is not None and (now - last < interval * 1000 or is_open(ledger.redis, last_job)):
        return None
    # Two beats at the same moment find the same last time, and so make the same key and the same job.
    job = Job(
        "lists.sync",
        {"collection": "", "dry_run": False},
        producer="beat",
        title="scheduled sync",
        key=f"sync:{last}",
    )
    (answer,) = ledger.accept([job])
    ledger.redis.set(LAST, f"{now} {answer.id}")
    return answer.id


def _last(redis: RedisClient) -> tuple[int | None, str]:
    """Return when the last scheduled sync was started, and its job."""
    text = redis.get(LAST)
    started, _, job_id = (text or b"").decode().partition(" ")
    return (int(started) if started else None), job_id


def tell_setup(redis: RedisClient, settings: Settings) -> None:
    """Tell what is known without a call; what ThreatQ's page says of LogRhythm is told by the next run."""
    tell(redis, "threatq", not_set(settings, threatq_needs(settings)))
    with suppress(ConfigError):
        # What is wrong with the address is said where it is called.
        base = service_url(settings.threatq_url, setting="threatq_url")
        write(redis, ("SET", keys.EVENT_LINK, object_page(base, "events", "{id}")))
    if settings.settings_from == "local":
        tell(redis, "logrhythm", not_set(settings, NEEDED))
