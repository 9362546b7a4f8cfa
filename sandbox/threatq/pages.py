"""What a person sees in the browser: the objects that the sandbox holds, and one object's page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sandbox.threatq import rows
from sandbox.threatq.html import Html, document, join, link, table, tag
from sandbox.threatq.kinds import EVENTS, INDICATORS, KINDS, Kind
from sandbox.threatq.panel import panel, panel_routes
from sandbox.threatq.relations import kinds_of
from sandbox.threatq.state import ThreatQ
from sandbox.threatq.store import Row

#: How many objects of a kind the first page lists.
LATEST = 25
#: How many related objects of a kind one object's page lists.
RELATED = 200

Page = Callable[[Request], Awaitable[Response]]


def routes(threatq: ThreatQ) -> list[Route]:
    """The pages; an object's address is the one that it has in ThreatQ's own interface."""
    shown = [
        Route(f"/{kind.collection}/{{id:int}}/details", _object_page(threatq, kind))
        for kind in KINDS.values()
    ]
    return [Route("/", _front_page(threatq)), *shown, *panel_routes(threatq)]


def _front_page(threatq: ThreatQ) -> Page:
    async def respond(_request: Request) -> Response:
        kinds = [kind for kind in KINDS.values() if kind in (EVENTS, INDICATORS) or _count(threatq, kind)]
        kinds.sort(key=lambda kind: (not kind.is_event, not kind.is_indicator))
        return HTMLResponse(
            document("what it holds", panel(threatq), *(_latest(threatq, kind) for kind in kinds))
        )

    return respond


def _object_page(threatq: ThreatQ, kind: Kind) -> Page:
    async def respond(request: Request) -> Response:
        row = rows.load(threatq, kind, request.path_params["id"])
        if row is None:
            return HTMLResponse(document("not found", tag("p", f"There is no such {kind.display}.")), 404)
        return HTMLResponse(document(f"{kind.display} {row['id']}", _object(threatq, kind, row)))

    return respond


def _latest(threatq: ThreatQ, kind: Kind) -> Html:
    total = _count(threatq, kind)
    found = threatq.store.all(f"SELECT id FROM {kind.collection} ORDER BY id DESC LIMIT ?", LATEST)
    shaped = [row for row in (rows.load(threatq, kind, item["id"]) for item in found) if row]
    more = f" (the latest {LATEST} of {total:,})" if total > LATEST else f" ({total})"
    return join([tag("h2", kind.plural, tag("span", more, class_="dim")), _listing(threatq, kind, shaped)])


def _listing(threatq: ThreatQ, kind: Kind, shaped: list[Row]) -> Html:
    empty = f"No {kind.plural.lower()} yet."
    if kind.is_event:
        cells = ([_name(kind, row), _type(row), row["happened_at"], row["created_at"]] for row in shaped)
        return table(("Title", "Type", "Happened", "Created"), cells, empty)
    if kind.is_indicator:
        cells = ([_name(kind, row), _type(row), *_standing(threatq, row)] for row in shaped)
        return table(("Value", "Type", "Status", "Score"), cells, empty)
    return table(
        (kind.key.title(), "Created"), ([_name(kind, row), row["created_at"]] for row in shaped), empty
    )


def _object(threatq: ThreatQ, kind: Kind, row: Row) -> Html:
    store, id = threatq.store, row["id"]
    said = (
        [item["name"], item["value"], _names(item["sources"])] for item in rows.attributes(store, kind, id)
    )
    comments = [tag("pre", item["value"]) for item in rows.comments(store, kind, id)]
    return join(
        [
            tag("h1", row[kind.key]),
            _facts(threatq, kind, row),
            tag("h2", "Attributes"),
            table(("Name", "Value", "Said by"), said, "No attributes."),
            *(_related(threatq, kind, row, other) for other in kinds_of(store, (kind, id))),
            tag("h2", "Description"),
            tag("pre", row["description"]) if row["description"] else tag("p", "None.", class_="dim"),
            *([tag("h2", "Comments"), *comments] if comments else []),
        ]
    )


def _facts(threatq: ThreatQ, kind: Kind, row: Row) -> Html:
    store, id = threatq.store, row["id"]
    facts: list[tuple[str, object]] = [("Type", _type(row))] if "type" in row else []
    facts += [("Happened", row["happened_at"])] if kind.is_event else []
    facts += list(zip(("Status", "Score"), _standing(threatq, row), strict=True)) if kind.is_indicator else []
    facts += [
        ("Sources", _names(rows.sources(store, kind, id))),
        ("Tags", _names(rows.tags(store, kind, id))),
    ]
    facts += [("Created", row["created_at"]), ("Changed", row["updated_at"])]
    return table((), facts, "")


def _related(threatq: ThreatQ, kind: Kind, row: Row, other: Kind) -> Html:
    found = rows.relation_rows(threatq, kind, row["id"], other)
    count = tag("span", f" ({len(found):,})", class_="dim")
    return join([tag("h2", other.plural, count), _listing(threatq, other, found[:RELATED])])


def _name(kind: Kind, row: Row) -> Html:
    return link(f"/{kind.collection}/{row['id']}/details", row[kind.key])


def _type(row: Row) -> object:
    return (row["type"] or {}).get("name")


def _standing(threatq: ThreatQ, row: Row) -> tuple[object, object]:
    status = rows.status(threatq.store, INDICATORS, row["id"])
    score = rows.score(threatq.store, INDICATORS, row["id"]) or {}
    return status["name"] if status else "", score.get("manual_score") or score.get("generated_score")


def _names(items: list[Row]) -> str:
    return ", ".join(item["name"] for item in items)


def _count(threatq: ThreatQ, kind: Kind) -> int:
    return threatq.store.count(f"SELECT COUNT(*) FROM {kind.collection}")
