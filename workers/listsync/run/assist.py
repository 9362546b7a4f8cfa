"""Assisting runs that other workers have in hand: their lists are read and planned side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import structlog

from workers.core.errors import TqError
from workers.ledger.sync_owners import other_host
from workers.listsync.run.context import SyncContext
from workers.listsync.run.planning import do_a_list_task, list_tasks
from workers.listsync.run.run import Run, rules_digest
from workers.listsync.run.run_folder import RunFolder, base_folder, host_of
from workers.listsync.run.time_slice import Preempted, TimeSlice

log = structlog.get_logger(__name__)


def assist(context: SyncContext, stopping: Callable[[], bool]) -> int:
    """Do list tasks of the runs in this machine's folder until none is free; return how many were done.

    One thread of a process assists, and none while the process plans or writes a run of its own, which needs its
    time. What hinders it hinders the run's own worker too, which then says so.
    """
    if not context.sync_helper.acquire(blocking=False):
        return 0
    done = 0
    try:
        while not (stopping() or context.own_syncs) and any(
            do_a_list_task(run, is_helper=True) for run in _runs(context, stopping)
        ):
            done += 1
    except (TqError, Preempted, FileNotFoundError) as error:
        log.info("assists no more", reason=str(error))
    finally:
        context.sync_helper.release()
    return done


def _runs(context: SyncContext, stopping: Callable[[], bool]) -> Iterator[Run]:
    """Yield the runs that have a list task, as they are now, each with the settings of its own."""
    base = base_folder(context.settings)
    host = host_of(base)
    for path in sorted(base.iterdir()):
        folder = RunFolder(base, path.name)
        state = folder.load()
        if state is None or not list_tasks(state, folder) or other_host(context.redis, path.name, host):
            continue
        settings = context.sync_settings()
        if settings is None:
            continue
        if state.rules == rules_digest(settings, state.decisions, state.collection):
            settings = state.decisions.over(settings)
            yield Run(context, settings, state, folder, TimeSlice(stopping, folder.is_under_way))
