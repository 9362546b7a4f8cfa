"""When the next sync is due: decided in the ledger, so that two beats start one run and a restart misses none."""

from __future__ import annotations

from typing import cast

import structlog
from redis import Redis

from workers.config import Settings
from workers.errors import ConfigError
from workers.jobs import Job
from workers.ledger import keys
from workers.ledger.ledger import Ledger, answering
from workers.sync.journal import now_ms

log = structlog.get_logger(__name__)

#: Under which name the ledger remembers when the last scheduled sync was started, in ms of Redis' clock.
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
    """Start the scheduled sync of every collection if its time has come; return the job's id then."""
    interval = interval_s(settings)
    if not interval or (settings.settings_from == "local" and not settings.sync_collections):
        return None
    now, last = now_ms(ledger.redis), _last(ledger.redis)
    if last is not None and now - last < interval * 1000:
        return None
    # Whoever comes at the same moment finds the same last time, and so the same key and the same job.
    job = Job(
        "lists.sync",
        {"collection": "", "dry_run": False},
        door="beat",
        title="scheduled sync",
        key=f"sync:{last}",
    )
    (answer,) = ledger.accept([job])
    with answering():
        ledger.redis.set(LAST, now)
    return answer.id


def _last(redis: Redis) -> int | None:
    with answering():
        text = cast("bytes | None", redis.get(LAST))
    return int(text) if text else None
