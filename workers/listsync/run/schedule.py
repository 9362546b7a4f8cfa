"""When the next sync is due: decided in the ledger, so that two beats start one run and a restart misses none."""

from __future__ import annotations

from collections.abc import Callable
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

#: Tells by the times of the last start and of now, in ms of Redis' clock, whether a sync is due.
IsDue = Callable[[int, int], bool]


def last_start(collection: str, mode: str = "") -> str:
    """Return the key of the last start of a collection's own schedule; "" are all collections."""
    last = f"{LAST}-{mode}" if mode else LAST
    return f"{last}:{collection}" if collection else last


def interval_s(settings: Settings) -> float:
    """Return the seconds between two scheduled syncs, 0 for none; raises ConfigError below the floor."""
    wanted, floor = settings.sync_interval_s, settings.sync_interval_floor_s
    if wanted and wanted < floor:
        raise ConfigError(
            f"{wanted:g} s is less than {floor:g} s; LogRhythm's lists are not to be synced more than once an hour",
            field="sync_interval_s",
        )
    return wanted


def start_if_due(
    ledger: Ledger, settings: Settings, is_due: IsDue, *, collection: str = "", mode: str = ""
) -> str | None:
    """Start the scheduled sync of a collection, or of all, if its time has come; return the job's id then.

    While the last one still waits for a service or a setting, none is added to it; nor before `sync_interval_floor_s`
    are over, whatever the schedule says. One of the mode "delta" comes as often as it likes, once there was another.
    Raises ConfigError for an interval below that.
    """
    interval_s(settings)
    if settings.settings_from == "local" and not settings.sync_collections:
        return None
    key, now = last_start(collection, mode), now_ms(ledger.redis)
    last, last_job = _last(ledger.redis, key)
    if last is None and mode:
        # Nothing to go on from yet: it begins one interval after the first run.
        last, last_job = _last(ledger.redis, last_start(collection))
        if last is None:
            return None
    floor_s = 0 if mode else settings.sync_interval_floor_s
    if last is not None and not (
        now - last >= floor_s * 1000 and is_due(last, now) and not is_open(ledger.redis, last_job)
    ):
        return None
    # Two beats at the same moment find the same last time, and so make the same key and the same job.
    job = Job(
        "lists.sync",
        {"collection": collection, "dry_run": False, **({"mode": mode} if mode else {})},
        producer="beat",
        title=f"scheduled sync {collection}".strip(),
        key=":".join(filter(None, ("sync", mode, collection, str(last)))),
    )
    (answer,) = ledger.accept([job])
    ledger.redis.set(key, f"{now} {answer.id}")
    log.info("scheduled sync started", job=answer.id, collection=collection)
    return answer.id


def _last(redis: RedisClient, key: str) -> tuple[int | None, str]:
    """Return when the last scheduled sync was started, and its job."""
    text = redis.get(key)
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
