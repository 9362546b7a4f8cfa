"""The page at `/`: the panel's buttons, and the lists, as LogRhythm's own console would show them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.logrhythm.faults import Faults
from sandbox.logrhythm.store import StoredList, World, world_of
from sandbox.pages import is_from_other_site, page

#: Values shown of each list.
SAMPLES = 3

#: The usual bad days, by the label of their button.
USUAL: Mapping[str, Mapping[str, Any]] = {
    "Outage": {"drop_before": 1_000_000},
    "Slow: 500 ms": {"latency_ms": 500.0},
    "429 for 10 calls": {"too_many": 10, "retry_after": 2.0},
    "503 for 10 calls": {"errors": 10},
    "Deadlock for 5 writes": {"deadlocks": 5, "items_only": True},
    "Lose the next answer": {"drop_after": 1},
    "Refuse the token for 3 calls": {"unauthorized": 3},
}


async def home(request: Request) -> Response:
    """Return the page."""
    world = world_of(request)
    lists = sorted(world.store.lists.values(), key=lambda stored: str(stored.name))
    return page(
        request,
        "logrhythm.html",
        mode=world.config.mode,
        calls=sum(world.calls.values()),
        faults=_on(world.faults),
        usual=USUAL,
        lists=[_shown(stored, world) for stored in lists],
        items=sum(len(stored.values) for stored in lists),
    )


async def pull(request: Request) -> Response:
    """Do what a button of the page says: switch a usual fault on, or all faults off."""
    if is_from_other_site(request):
        return Response("This form was sent by another site.", 403)
    form = dict(parse_qsl((await request.body()).decode()))
    lever = request.path_params["lever"]
    changes = USUAL.get(form.get("usual", ""), {}) if lever == "fault" else msgspec.to_builtins(Faults())
    for name, value in changes.items():
        setattr(world_of(request).faults, name, value)
    return RedirectResponse("/", 303)


ROUTES = [Route("/", home), Route("/panel/{lever}", pull, methods=["POST"])]


def _on(faults: Faults) -> dict[str, object]:
    """Return the faults that the next calls meet."""
    usual = msgspec.to_builtins(Faults())
    return {name: value for name, value in msgspec.to_builtins(faults).items() if value != usual[name]}


def _shown(stored: StoredList, world: World) -> dict[str, object]:
    return {
        "summary": stored.summary,
        "owner": world.owner_name(stored.summary.get("owner")),
        "count": len(stored.values),
        "samples": list(islice(stored.values, SAMPLES)),
    }
