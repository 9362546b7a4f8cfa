"""The panel on the first page: which faults are on, buttons for the usual ones, and the connectors' settings."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.threatq.connectors import change, definitions
from sandbox.threatq.faults import Fault
from sandbox.threatq.html import Html, button, join, table, tag, void
from sandbox.threatq.state import ThreatQ
from sandbox.threatq.store import Row

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
