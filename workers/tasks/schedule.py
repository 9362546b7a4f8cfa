"""The recurring syncs: which are due is read from `beat_schedule`, and decided by what the ledger remembers.

Beat sends an entry like any other. Upkeep looks each second too, so that a beat that was away misses none; and two of
them start one sync.
"""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime
from functools import partial
from typing import Any

from celery import Celery, Task, shared_task
from celery.schedules import BaseSchedule, maybe_schedule

from workers.core.jobs import Job
from workers.ledger.celery_results import CeleryResults
from workers.ledger.ledger import Ledger
from workers.listsync.run.schedule import start_if_due
from workers.runtime import runtime
from workers.settings.model import Settings

#: The task of the entries, named like the kind of job that it starts.
SYNC = "lists.sync"


# Silent, as the job of the same name tells of itself.
@shared_task(name=SYNC, bind=True, send_events=False)
def sync_lists(
    self: Task, collection: str = "", *, dry_run: bool = False, scheduled: bool = False, mode: str = ""
) -> list[str]:
    """Start a sync of one collection, or of all; a scheduled one only if the ledger says that it is due.

    With the mode "full" everything is read; "delta" follows what has changed, where that can be done.
    """
    process = runtime()
    if scheduled:
        return start_due_syncs(self.app, process.ledger, process.settings)
    arguments = {"collection": str(collection), "dry_run": bool(dry_run), "mode": str(mode)}
    title = f"sync {collection or 'all collections'}"
    (answer,) = process.ledger.accept([Job(SYNC, arguments, producer="celery", title=title)])
    if not self.request.ignore_result:
        CeleryResults(process.redis).await_job(str(self.request.id), answer)
    return [answer.id]


def start_due_syncs(app: Celery, ledger: Ledger, settings: Settings) -> list[str]:
    """Start each sync of `beat_schedule` whose time has come; return the jobs' ids.

    Raises ConfigError where the settings ask for syncs more often than is allowed.
    """
    entries = [entry for entry in app.conf.beat_schedule.values() if _is_sync(entry)]
    started = [
        start_if_due(
            ledger,
            settings,
            partial(is_due, maybe_schedule(entry["schedule"], app=app)),
            collection=entry["kwargs"].get("collection", ""),
            mode=entry["kwargs"].get("mode", ""),
        )
        for entry in entries
    ]
    return [job_id for job_id in started if job_id]


def _is_sync(entry: dict[str, Any]) -> bool:
    return entry["task"] == SYNC and bool(entry.get("kwargs", {}).get("scheduled"))


def is_due(schedule: BaseSchedule, last_ms: int, now_ms: int) -> bool:
    """Tell whether a run is due by any schedule of Celery's, both times by Redis' clock."""
    # A copy, since the schedule may be beat's own in this process.
    schedule = copy(schedule)
    schedule.nowfun = partial(_utc, now_ms)
    return bool(schedule.is_due(_utc(last_ms)).is_due)


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
