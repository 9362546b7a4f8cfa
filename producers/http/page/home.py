"""The first page: queues, services, the last hour, and what waits for somebody."""

from __future__ import annotations

from msgspec import Struct
from starlette.responses import Response

from producers.http.page.chart import HEIGHT, WIDTH, chart
from producers.http.page.visit import Visit
from producers.http.problems import Problem
from workers.jobs import QUEUES
from workers.ledger.ledger import Ledger
from workers.ledger.overview import Overview, overview
from workers.ledger.quarantine import Quarantine
from workers.ledger.throughput import last_minutes
from workers.sync.held import HeldDeletes
from workers.sync.journal import history

#: Jobs and items of each kind on the first page; the lists show more.
SHOWN = 8

#: Seconds of silence after which beat or the worker of upkeep is taken for dead: it is due every second.
SILENT_S = 30.0

#: The queues that can be paused. Without upkeep nothing would be rung for again.
PAUSABLE = tuple(queue for queue in QUEUES if queue != "upkeep")

#: Services by the names that people use.
NAMES = {"threatq": "ThreatQ", "logrhythm": "LogRhythm"}


class Service(Struct, frozen=True):
    """How something is that we depend on: a word, whether that word is a good one, and the reason."""

    name: str
    state: str
    well: bool
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
        holds=HeldDeletes(desk.redis).every(),
        runs=history(desk.redis, most=SHOWN),
        quarantined=quarantine.count(),
        kept=[item for item in items if item],
    )


def services(now: Overview) -> list[Service]:
    """Return how the services are, and whether upkeep lives."""
    away = {one.service: one for one in now.away}
    found = []
    for service, name in NAMES.items():
        one = away.get(service)
        if one is None:
            found.append(Service(name, "well", True, "no call has failed"))
        else:
            found.append(Service(name, "away", False, one.reason))
    silent = now.upkeep_s is None or now.upkeep_s > SILENT_S
    advice = (
        "start celery beat and a worker for the queue upkeep" if silent else "beat and a worker are alive"
    )
    return [*found, Service("Upkeep", "silent" if silent else "well", not silent, advice)]


def pause(visit: Visit) -> Response:
    """Let nobody claim from a queue."""
    queue = _queue(visit)
    visit.door.desk.pause(queue)
    return visit.done(f"The queue {queue} is paused: jobs are accepted and wait.", "/")


def resume(visit: Visit) -> Response:
    """Let workers claim from a queue again."""
    queue, desk = _queue(visit), visit.door.desk
    if desk.stopped_workers(queue):
        # tqctl told these workers to leave the queue alone; only it can tell them to take it up again.
        raise Problem(
            409, "paused_by_tqctl", f"tqctl paused this queue; tqctl resume {queue} goes on with it"
        )
    desk.resume(queue)
    Ledger(visit.door.desk.redis).ring(queue)
    return visit.done(f"The queue {queue} goes on.", "/")


def _queue(visit: Visit) -> str:
    queue: str = visit.request.path_params["queue"]
    if queue not in PAUSABLE:
        raise Problem(404, "not_found", f"there is no such queue; there are {', '.join(PAUSABLE)}")
    return queue
