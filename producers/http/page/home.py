"""The first page: queues, services, the last hour, and what waits for somebody."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from starlette.responses import Response

from producers.http.page.chart import HEIGHT, WIDTH, chart
from producers.http.page.visit import Visit
from producers.http.problems import Problem
from workers.jobs import QUEUES
from workers.ledger.ledger import Ledger
from workers.ledger.overview import SERVICES, Overview, overview
from workers.ledger.quarantine import Quarantine
from workers.ledger.throughput import last_minutes
from workers.sync.held import HeldDeletes
from workers.sync.journal import history
from workers.sync.waiting import waiting_runs

#: Jobs and items of each kind on the first page; the lists show more.
SHOWN = 8

#: Seconds of silence after which beat or the worker of upkeep is taken for dead: it is due every second.
SILENT_S = 30.0

#: The queues that can be paused. Without upkeep nothing would be rung for again.
PAUSABLE = tuple(queue for queue in QUEUES if queue != "upkeep")

#: The dot before a service: it is well, it is not, or there is nothing to say of it.
Dot = Literal["good", "bad", "none"]


class Service(Struct, frozen=True):
    """How something is that we depend on: a word, the dot before it, and the reason."""

    name: str
    state: str
    dot: Dot
    detail: str


def home(visit: Visit) -> Response:
    """Answer the state of the whole system."""
    desk, quarantine = visit.door.desk, Quarantine(visit.door.desk.redis)
    now = overview(desk.redis)
    latest = [*desk.ids("accepted", most=SHOWN), *desk.ids("done", most=SHOWN)]
    items = [quarantine.item(item_id) for item_id in quarantine.ids(SHOWN)]
    return visit.html(
        "home.html",
        now=now,
        services=services(now),
        pausable=PAUSABLE,
        chart=chart(last_minutes(desk.redis)),
        chart_size=(WIDTH, HEIGHT),
        latest=list(desk.records(latest))[: 2 * SHOWN],
        dead=list(desk.records(desk.ids("dead", most=SHOWN))),
        waits=waiting_runs(desk.redis),
        holds=HeldDeletes(desk.redis).every(),
        runs=history(desk.redis, most=SHOWN),
        quarantined=quarantine.count(),
        kept=[item for item in items if item],
    )


def services(now: Overview) -> list[Service]:
    """Return how the services are, and whether upkeep lives."""
    found = [_service(now, service, name) for service, name in SERVICES.items()]
    silent = now.upkeep_s is None or now.upkeep_s > SILENT_S
    if silent:
        advice = "start celery beat and a worker for the queue upkeep"
        return [*found, Service("Upkeep", "silent", "bad", advice)]
    return [*found, Service("Upkeep", "well", "good", "beat and a worker are alive")]


def _service(now: Overview, service: str, name: str) -> Service:
    reason = next((one.reason for one in now.away if one.service == service), None)
    if reason is not None:
        return Service(name, "away", "bad", reason)
    lacking = now.lacking.get(service)
    if lacking is None:
        return Service(name, "not known", "none", "no worker has told yet whether it is configured")
    if lacking:
        return Service(name, "not configured", "none", lacking)
    return Service(name, "well", "good", "no call has failed")


def pause(visit: Visit) -> Response:
    """Let nobody claim from a queue."""
    queue = _queue(visit)
    visit.door.desk.pause(queue)
    return visit.done(f"The queue {queue} is paused: jobs are accepted and wait.", "/")


def resume(visit: Visit) -> Response:
    """Let workers claim from a queue again."""
    queue, desk = _queue(visit), visit.door.desk
    if desk.stopped_workers(queue):
        # `tqctl pause` made these workers stop consuming; only `tqctl resume` makes them start again.
        raise Problem(
            409, "paused_by_tqctl", f"this queue was paused by tqctl; tqctl resume {queue} goes on with it"
        )
    desk.resume(queue)
    Ledger(visit.door.desk.redis).ring(queue)
    return visit.done(f"The queue {queue} goes on.", "/")


def _queue(visit: Visit) -> str:
    queue: str = visit.request.path_params["queue"]
    if queue not in PAUSABLE:
        raise Problem(404, "not_found", f"there is no such queue; there are {', '.join(PAUSABLE)}")
    return queue
