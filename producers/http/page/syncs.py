"""The list sync: its last runs, and held deletes that somebody may let through."""

from __future__ import annotations

import structlog
from starlette.responses import Response

from producers.http.page.visit import Visit
from producers.http.page.words import count
from workers.sync.held import HeldDeletes
from workers.sync.journal import history, now_ms
from workers.sync.waiting import waiting_runs

log = structlog.get_logger("tq.http.page")

#: Runs on the page.
SHOWN = 50


def listing(visit: Visit) -> Response:
    """Answer what is held and the last runs, list by list."""
    redis = visit.door.desk.redis
    return visit.html(
        "syncs.html",
        waits=waiting_runs(redis),
        holds=HeldDeletes(redis).every(),
        runs=history(redis, most=SHOWN),
    )


def approve(visit: Visit) -> Response:
    """Let the next run carry out held deletes; raises InputError when they are no longer held."""
    redis, caller = visit.door.desk.redis, visit.session.caller.name
    hold = HeldDeletes(redis).approve(visit.request.path_params["id"], by=caller, now_ms=now_ms(redis))
    log.info("approved held deletes", caller=caller, hold=hold.id, list=hold.list, count=hold.count)
    said = f"{count(hold.count, 'delete')} of {hold.list} approved; the next run carries them out."
    return visit.done(said, "/" if visit.field("from") == "home" else "/syncs")
