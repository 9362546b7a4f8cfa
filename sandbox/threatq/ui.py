"""What a person sees in the browser: the objects that the sandbox holds, and one object's page.

The few pieces of HTML that the pages are made of; everything that comes from outside is escaped.

The panel on the first page: which faults are on, buttons for the usual ones, and the connectors' settings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from html import escape
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.threatq.handlers.connectors import change, definitions
from sandbox.threatq.model import rows
from sandbox.threatq.model.behaviour import Fault
from sandbox.threatq.model.kinds import EVENTS, INDICATORS, KINDS, Kind
from sandbox.threatq.model.relations import kinds_of
from sandbox.threatq.model.state import ThreatQ
from sandbox.threatq.model.store import Row

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


STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d9dde3, #373e47); --soft: light-dark(#f5f6f8, #22272e);
  --ink: light-dark(#1f2430, #dfe4ea); --dim: light-dark(#667085, #8b949e); --accent: light-dark(#1a5fb4, #78aeed);
  --alarm: light-dark(#b3261e, #ff8a80); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink);
  background: light-dark(#fff, #1a1e24); }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.3rem; margin: .3rem 0; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; }
.dim { color: var(--dim); } .alarm { color: var(--alarm); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--dim); font-size: .85rem; }
th, td { padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; border-radius: 6px; }
form { display: inline; }
button { font: inherit; font-size: .9rem; padding: .25rem .7rem; margin: 0 .3rem .3rem 0; border-radius: 6px;
  border: 1px solid var(--line); background: var(--soft); color: inherit; cursor: pointer; }
button:hover { border-color: var(--accent); }
input { font: inherit; padding: .2rem .5rem; border: 1px solid var(--line); border-radius: 6px; background: transparent;
  color: inherit; }
"""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Any value as HTML; what is HTML already stays as it is."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else escape(str(value)))


def join(parts: Iterable[object]) -> Html:
    """Pieces one after another."""
    return Html("".join(text(part) for part in parts))


def tag(name: str, /, *content: object, **attributes: object) -> Html:
    """An element; a trailing underscore in an attribute's name is dropped."""
    return Html(f"<{name}{_attributes(attributes)}>{join(content)}</{name}>")


def void(name: str, /, **attributes: object) -> Html:
    """An element that holds nothing and has no end tag."""
    return Html(f"<{name}{_attributes(attributes)}>")


def link(address: str, label: object) -> Html:
    """A link within the pages."""
    return tag("a", label, href=address)


def table(head: Iterable[str], rows: Iterable[Iterable[object]], empty: str) -> Html:
    """A table, or a sentence when there is nothing to show."""
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    if not body:
        return tag("p", empty, class_="dim")
    top = tag("tr", *(tag("th", cell) for cell in head))
    return tag("div", tag("table", top, *body), class_="wide")


def button(label: str, action: str, **fields: object) -> Html:
    """A button that posts these fields to the pages' own levers."""
    hidden = [void("input", type="hidden", name=name, value=value) for name, value in fields.items()]
    return tag("form", *hidden, tag("button", label), method="post", action=action)


def document(title: str, *content: object) -> Html:
    """A whole page."""
    metas = [void("meta", charset="utf-8"), void("meta", name="viewport", content="width=device-width")]
    head = tag("head", *metas, tag("title", title), tag("style", Html(STYLE)))
    top = tag("header", tag("h1", link("/", "Sandbox ThreatQ")), tag("span", title, class_="dim"))
    return join([Html("<!doctype html>"), tag("html", head, tag("body", top, *content), lang="en")])


def _attributes(given: dict[str, object]) -> str:
    return "".join(f' {name.rstrip("_")}="{escape(str(value))}"' for name, value in given.items())


#: The usual bad days, by the label of their button.
USUAL = {
    "Outage": Fault("drop_before"),
    "Slow: 500 ms": Fault("latency", ms=500, jitter_ms=200),
    "429 for 10 calls": Fault("rate_limit", next=10, retry_after=2),
    "500 for one call in ten": Fault("error", ratio=0.1, status=500),
    "Lose the next answer": Fault("drop_after", next=1),
    "Hang the next call": Fault("hang", next=1),
}


def panel(threatq: ThreatQ) -> Html:
    """Faults, levers and connectors."""
    on = ([_says(fault), _off(fault.id)] for fault in threatq.faults.on.values())
    usual = [button(label, "/panel/fault", usual=label) for label in USUAL]
    levers = [button("Revoke all tokens", "/panel/revoke"), button("Throw everything away", "/panel/reset")]
    connectors = [_connector(row, fields) for row, fields in definitions(threatq.store)]
    calls = sum(threatq.calls.by_route.values())
    return join(
        [
            tag("h2", "Faults", tag("span", f" ({calls:,} calls so far)", class_="dim")),
            table((), on, "Everything works as it should. Break something:"),
            tag("p", *usual, *levers),
            *([tag("h2", "Connectors"), *connectors] if connectors else []),
        ]
    )


def panel_routes(threatq: ThreatQ) -> list[Route]:
    """What the buttons do; each comes back to the first page."""

    async def respond(request: Request) -> Response:
        if _elsewhere(request):
            return Response("This form was sent by another site.", 403)
        _pull(threatq, request.path_params["lever"], dict(parse_qsl((await request.body()).decode())))
        return RedirectResponse("/", 303)

    return [Route("/panel/{lever}", respond, methods=["POST"])]


def _pull(threatq: ThreatQ, lever: str, given: dict[str, str]) -> None:
    if lever == "fault" and given.get("usual") in USUAL:
        threatq.faults.add(msgspec.structs.replace(USUAL[given["usual"]]))
    elif lever == "fault-off" and given.get("id", "").isdigit():
        threatq.faults.remove(int(given["id"]))
    elif lever == "revoke":
        threatq.tokens.revoke()
    elif lever == "reset":
        threatq.reset()
    elif lever == "connector" and given.get("id", "").isdigit():
        fields = {name[6:]: value for name, value in given.items() if name.startswith("field-")}
        change(threatq.store, int(given["id"]), {"is_active": "is_active" in given, "custom_fields": fields})


def _elsewhere(request: Request) -> bool:
    """Whether a form was sent by a page of another origin: any site a user visits could try."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _says(fault: Fault) -> Html:
    words = [f"{fault.method} {fault.path}" if fault.method != "*" else fault.path]
    words += [f"{fault.ratio:.0%} of the calls"] if fault.ratio < 1 else []
    words += [f"{fault.next} more"] if fault.next is not None else []
    return join([tag("strong", fault.kind.replace("_", " "), class_="alarm"), f"  {', '.join(words)}"])


def _off(id: int) -> Html:
    return button("Off", "/panel/fault-off", id=id)


def _connector(row: Row, fields: list[Row]) -> Html:
    labels = {str(field["name"]): field.get("label") or field["name"] for field in fields}
    inputs = [
        _input(labels.get(name, name), f"field-{name}", value) for name, value in row["custom_fields"].items()
    ]
    checked = {"checked": "checked"} if row["is_active"] else {}
    enabled = tag("label", void("input", type="checkbox", name="is_active", **checked), " enabled")
    hidden = void("input", type="hidden", name="id", value=row["id"])
    cells = [[label, field] for label, field in inputs]
    form = [hidden, enabled, table((), cells, "It has no settings."), tag("button", "Save")]
    return join([tag("h3", row["name"]), tag("form", *form, method="post", action="/panel/connector")])


def _input(label: object, name: str, value: object) -> tuple[object, Html]:
    return label, void("input", name=name, value="" if value is None else value, size=50)
