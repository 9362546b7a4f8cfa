"""Helping with runs that other workers have in hand: their lists are read and planned side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import structlog

from workers.errors import TqError
from workers.runtime import Runtime
from workers.sync.planning import do_a_piece, pieces
from workers.sync.run import Run, deciding
from workers.sync.slices import Preempted, Slice
from workers.sync.state import RunFolder, base_folder

log = structlog.get_logger(__name__)


def help_out(here: Runtime, stopping: Callable[[], bool]) -> int:
    """Do pieces of the runs in this machine's folder until none is free; return how many were done.

    One thread of a process helps, and none while the process plans or writes a run of its own, which needs its
    time. What hinders a helper hinders the run's own worker too, who then says so.
    """
    if not here.sync_helper.acquire(blocking=False):
        return 0
    done = 0
    try:
        while not (stopping() or here.own_syncs) and any(do_a_piece(run) for run in _runs(here, stopping)):
            done += 1
    except (TqError, Preempted, FileNotFoundError) as error:
        log.info("helps no more", reason=str(error))
    finally:
        here.sync_helper.release()
    return done


def _runs(here: Runtime, stopping: Callable[[], bool]) -> Iterator[Run]:
    """Yield the runs that have a piece to do, as they are now."""
    base = base_folder(here.settings)
    for path in sorted(base.iterdir()):
        folder = RunFolder(base, path.name)
        state = folder.load()
        settings = here.sync_settings() if state and pieces(state, folder) else None
        if state and settings and state.rules == deciding(settings, state.collection):
            yield Run(here, settings, state, folder, Slice(stopping, folder.is_under_way))
