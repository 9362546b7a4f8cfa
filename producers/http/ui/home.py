"""The first page (queues, services, the last hour, what waits for an operator) and the page of the list sync."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from starlette.responses import Response

from producers.http.problems import Problem
from producers.http.ui.latency_chart import HEIGHT as LATENCY_HEIGHT
from producers.http.ui.latency_chart import WIDTH as LATENCY_WIDTH
from producers.http.ui.latency_chart import latency_chart
from producers.http.ui.session import PageRequest
from workers.core.jobs import PAUSABLE
from workers.core.sync_report import columns
from workers.core.text import counted
from workers.ledger.breakers import SERVICES
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.overview import Overview, overview
from workers.ledger.quarantine import Quarantine
from workers.ledger.signs import shared_names
from workers.ledger.sync_approvals import PendingDeletes
from workers.ledger.sync_cancels import cancel as cancel_run
from workers.ledger.sync_runs import abandoned_lists, history, open_runs, waiting_runs
from workers.ledger.throughput import Minute, last_minutes

#: Jobs and items of each kind on the first page; the lists show more.
SHOWN = 8

#: Seconds of silence after which beat or the worker of upkeep is taken for dead: it is due every second.
SILENT_S = 30.0

#: The dot before a service: it is well, it is not, or there is nothing to say of it.
Dot = Literal["good", "bad", "none"]

#: The drawing's units; the browser scales it to the width that there is.
WIDTH, HEIGHT = 720, 150

#: Units between two bars.
_GAP = 2

#: Runs on the page.
RUNS_SHOWN = 50


class Service(Struct, frozen=True):
    """How something is that we depend on: a word, the dot before it, and the reason."""

    name: str
    state: str
    dot: Dot
    detail: str


def home(page_request: PageRequest) -> Response:
    """Answer the state of the whole system."""
    admin, quarantine = page_request.context.admin, Quarantine(page_request.context.admin.redis)
    now, minutes = overview(admin.redis), last_minutes(admin.redis)
    latest = [*admin.ids("accepted", most=SHOWN), *admin.ids("done", most=SHOWN)]
    items = [quarantine.item(item_id) for item_id in quarantine.ids(SHOWN)]
    return page_request.html(
        "home.html",
        now=now,
        shared_names=shared_names(now.alive),
        services=services(now),
        pausable=PAUSABLE,
        chart=chart(minutes),
        latency=latency_chart(minutes),
        latency_size=(LATENCY_WIDTH, LATENCY_HEIGHT),
        chart_size=(WIDTH, HEIGHT),
        latest=list(admin.records(latest))[: 2 * SHOWN],
        dead=list(admin.records(admin.ids("dead", most=SHOWN))),
        waits=waiting_runs(admin.redis),
        pending=PendingDeletes(admin.redis).every(),
        runs=history(admin.redis, most=SHOWN),
        quarantined=quarantine.count(),
        kept=[item for item in items if item],
    )


def services(now: Overview) -> list[Service]:
    """Return how the services are, what waits and what is limited, and whether upkeep lives."""
    rows = [_service(now, service, name) for service, name in SERVICES.items()]
    rows += [Service(f"Queue {pause.queue}", "paused", "bad", pause.said) for pause in now.pauses]
    rows += [Service(f"Queue {wait.queue}", "waits", "bad", wait.said) for wait in now.waits]
    rows += [Service(f"Source {group.source}", "limited", "bad", group.said) for group in now.limited]
    silent = now.upkeep_s is None or now.upkeep_s > SILENT_S
    if silent:
        advice = "start celery beat and a worker for the queue upkeep"
        return [*rows, Service("Upkeep", "silent", "bad", advice)]
    return [*rows, Service("Upkeep", "well", "good", "beat and a worker are alive")]


def _service(now: Overview, service: str, name: str) -> Service:
    reason = next((breaker.reason for breaker in now.away if breaker.service == service), None)
    if reason is not None:
        return Service(name, "away", "bad", reason)
    lacking = now.lacking.get(service)
    if lacking is None:
        return Service(name, "not known", "none", "no worker has told yet whether it is configured")
    if lacking:
        return Service(name, "not configured", "none", lacking)
    return Service(name, "well", "good", "no call has failed")


def pause(page_request: PageRequest) -> Response:
    """Stop the claiming from a queue."""
    queue = _queue(page_request)
    page_request.admin.pause(queue, reason=page_request.field("reason").strip())
    return page_request.done(f"The queue {queue} is paused: jobs are accepted and wait.", "/")


def resume(page_request: PageRequest) -> Response:
    """Let workers claim from a queue again."""
    queue, admin = _queue(page_request), page_request.admin
    if admin.stopped_workers(queue):
        # `tqctl pause` made these workers stop consuming; only `tqctl resume` makes them start again.
        raise Problem(
            409, "paused_by_tqctl", f"this queue was paused by tqctl; tqctl resume {queue} goes on with it"
        )
    admin.resume(queue)
    Ledger(page_request.context.admin.redis).wake(queue)
    return page_request.done(f"The queue {queue} goes on.", "/")


def _queue(page_request: PageRequest) -> str:
    queue: str = page_request.request.path_params["queue"]
    if queue not in PAUSABLE:
        raise Problem(404, "not_found", f"there is no such queue; there are {', '.join(PAUSABLE)}")
    return queue


class Bar(Struct, frozen=True):
    """A minute: where its bar stands and how high the done and, on top, the dead ones are."""

    x: float
    width: float
    done_y: float
    done_height: float
    dead_y: float
    dead_height: float
    minute: Minute


class Chart(Struct, frozen=True):
    """The bars, the count that the full height stands for, and the sums."""

    bars: list[Bar]
    top: int
    done: int
    dead: int
    busiest: int

    @property
    def lines(self) -> list[tuple[float, int]]:
        """Where the horizontal lines are, and the counts that they stand for."""
        return [(0.0, self.top), (HEIGHT / 2, self.top // 2)]


def chart(minutes: Sequence[Minute]) -> Chart:
    """Return the drawing of `minutes`, the oldest at the left."""
    busiest = max((minute.done + minute.dead for minute in minutes), default=0)
    top = round_up(busiest)
    step = WIDTH / max(len(minutes), 1)
    return Chart(
        bars=[_bar(minute, index * step, step, top) for index, minute in enumerate(minutes)],
        top=top,
        done=sum(minute.done for minute in minutes),
        dead=sum(minute.dead for minute in minutes),
        busiest=busiest,
    )


def round_up(count: int) -> int:
    """Return the next even number of the form 2, 4, 10, 20, 40, 100 …, so that half of it is whole."""
    power = 1
    while 20 * power < count:
        power *= 10
    return next(step * power for step in (2, 4, 10, 20) if step * power >= count)


def _bar(minute: Minute, x: float, step: float, top: int) -> Bar:
    done, dead = minute.done * HEIGHT / top, minute.dead * HEIGHT / top
    return Bar(
        x=round(x + _GAP / 2, 2),
        width=round(step - _GAP, 2),
        done_y=round(HEIGHT - done, 2),
        done_height=round(done, 2),
        dead_y=round(HEIGHT - done - dead, 2),
        dead_height=round(dead, 2),
        minute=minute,
    )


def listing(page_request: PageRequest) -> Response:
    """Answer the runs under way, the pending deletes, and the last runs, list by list."""
    redis = page_request.context.admin.redis
    return page_request.html(
        "syncs.html",
        under_way_now=open_runs(redis),
        waits=waiting_runs(redis),
        pending=PendingDeletes(redis).every(),
        abandoned=abandoned_lists(redis),
        runs=history(redis, most=RUNS_SHOWN),
        columns=columns,
    )


def approve(page_request: PageRequest) -> Response:
    """Let the next run carry out pending deletes; raises InputError when they are no longer pending."""
    redis, pending_id = page_request.context.admin.redis, page_request.request.path_params["id"]
    pending = PendingDeletes(redis).approve(pending_id, page_request.audit, now_ms=now_ms(redis))
    sentence = (
        f"{counted(pending.count, 'delete')} of {pending.list} approved; the next run carries them out."
    )
    return page_request.done(sentence, "/" if page_request.field("from") == "home" else "/syncs")


def cancel(page_request: PageRequest) -> Response:
    """Let a run end at its next safe point."""
    redis, job_id = page_request.context.admin.redis, page_request.request.path_params["id"]
    run = next((run for run in open_runs(redis) if run.job == job_id), None)
    if run is None:
        raise Problem(404, "not_found", "this run is not under way any more")
    cancel_run(redis, run.job, run.collection, page_request.audit)
    name = run.collection or "all collections"
    return page_request.done(f"The run of {name} ends at its next safe point.", "/syncs")
