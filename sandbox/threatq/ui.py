"""What a person sees in the browser: the objects that the sandbox holds, one object's page, and the panel's buttons."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.pages import is_from_other_site, page
from sandbox.threatq.handlers.connectors import change, definitions
from sandbox.threatq.model import rows
from sandbox.threatq.model.behaviour import Fault
from sandbox.threatq.model.defaults import CLIENT_ID
from sandbox.threatq.model.kinds import EVENTS, INDICATORS, KINDS, Kind
from sandbox.threatq.model.relations import kinds_of
from sandbox.threatq.model.state import ThreatQ
from sandbox.threatq.model.store import Row

#: How many objects of a kind the first page lists.
LATEST = 25

#: How many related objects of a kind one object's page lists.
RELATED = 200

#: The usual bad days, by the label of their button.
USUAL = {
    "Outage": Fault("drop_before"),
    "Slow: 500 ms": Fault("latency", ms=500, jitter_ms=200),
    "429 for 10 calls": Fault("rate_limit", next=10, retry_after=2),
    "500 for one call in ten": Fault("error", ratio=0.1, status=500),
    "Lose the next answer": Fault("drop_after", next=1),
    "Hang the next call": Fault("hang", next=1),
}

Page = Callable[[Request], Awaitable[Response]]


def routes(threatq: ThreatQ) -> list[Route]:
    """The pages; an object's address is the one that it has in ThreatQ's own interface."""
    objects = [
        Route(f"/{kind.collection}/{{id:int}}/details", _object_page(threatq, kind))
        for kind in KINDS.values()
    ]
    panel = Route("/panel/{lever}", _panel(threatq), methods=["POST"])
    config = Route("/assets/js/config.js", _client_config)
    return [Route("/", _front_page(threatq)), config, *objects, panel]


async def _client_config(_request: Request) -> Response:
    """Return the script of the real interface in which clients look for the client id before they log in."""
    script = f"angular.module('config', []).constant('ClientId','{CLIENT_ID}').constant('Edition', null);\n"
    return Response(script, media_type="text/javascript")


def _front_page(threatq: ThreatQ) -> Page:
    async def respond(request: Request) -> Response:
        kinds = [kind for kind in KINDS.values() if kind in (EVENTS, INDICATORS) or _count(threatq, kind)]
        kinds.sort(key=lambda kind: (not kind.is_event, not kind.is_indicator))
        return page(
            request,
            "threatq_home.html",
            calls=sum(threatq.calls.by_route.values()),
            faults=threatq.faults.on.values(),
            usual=USUAL,
            connectors=[
                (row, {str(field["name"]): field for field in fields})
                for row, fields in definitions(threatq.store)
            ],
            kinds=[(kind, _count(threatq, kind), _latest(threatq, kind)) for kind in kinds],
        )

    return respond


def _object_page(threatq: ThreatQ, kind: Kind) -> Page:
    async def respond(request: Request) -> Response:
        store, id = threatq.store, request.path_params["id"]
        row = rows.load(threatq, kind, id)
        if row is None:
            return PlainTextResponse(f"There is no such {kind.display}.", 404)
        related = [
            (other, rows.relation_rows(threatq, kind, id, other)) for other in kinds_of(store, (kind, id))
        ]
        return page(
            request,
            "threatq_object.html",
            kind=kind,
            object=_shown(threatq, kind, row),
            sources=rows.sources(store, kind, id),
            tags=rows.tags(store, kind, id),
            attributes=rows.attributes(store, kind, id),
            comments=rows.comments(store, kind, id),
            related=[
                (other, len(items), [_shown(threatq, other, row) for row in items[:RELATED]])
                for other, items in related
            ],
        )

    return respond


def _latest(threatq: ThreatQ, kind: Kind) -> list[Row]:
    newest = threatq.store.all(f"SELECT id FROM {kind.collection} ORDER BY id DESC LIMIT ?", LATEST)
    loaded = (rows.load(threatq, kind, item["id"]) for item in newest)
    return [_shown(threatq, kind, row) for row in loaded if row]


def _shown(threatq: ThreatQ, kind: Kind, row: Row) -> Row:
    """Return an object with what only its page says of an indicator: the name of its status and its score."""
    row = rows.typed(threatq.store, kind, row)
    if not kind.is_indicator:
        return row
    status = rows.status(threatq.store, kind, row["id"])
    score = rows.score(threatq.store, kind, row["id"]) or {}
    points = score.get("manual_score") or score.get("generated_score") or ""
    return {**row, "status": status["name"] if status else "", "score": points}


def _count(threatq: ThreatQ, kind: Kind) -> int:
    return threatq.store.count(f"SELECT COUNT(*) FROM {kind.collection}")


def _panel(threatq: ThreatQ) -> Page:
    async def respond(request: Request) -> Response:
        if is_from_other_site(request):
            return Response("This form was sent by another site.", 403)
        _pull(
            threatq,
            request.path_params["lever"],
            dict(parse_qsl((await request.body()).decode(), keep_blank_values=True)),
        )
        return RedirectResponse("/", 303)

    return respond


def _pull(threatq: ThreatQ, lever: str, form: dict[str, str]) -> None:
    if lever == "fault" and form.get("usual") in USUAL:
        threatq.faults.add(msgspec.structs.replace(USUAL[form["usual"]]))
    elif lever == "fault-off" and form.get("id", "").isdigit():
        threatq.faults.remove(int(form["id"]))
    elif lever == "revoke":
        threatq.tokens.revoke()
    elif lever == "reset":
        threatq.reset()
    elif lever == "connector" and form.get("id", "").isdigit():
        fields = {name[6:]: value for name, value in form.items() if name.startswith("field-")}
        change(threatq.store, int(form["id"]), {"is_active": "is_active" in form, "custom_fields": fields})
