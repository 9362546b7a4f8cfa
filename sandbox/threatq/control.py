"""The levers under /sandbox: behaviour, faults, tokens, counters, reset. They need no token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.threatq.accounts import ANALYST
from sandbox.threatq.behaviour import Behaviour, changed
from sandbox.threatq.call import Answer
from sandbox.threatq.connectors import change
from sandbox.threatq.endpoint import Endpoint, respond_with
from sandbox.threatq.faults import Fault
from sandbox.threatq.searches import save
from sandbox.threatq.seed import SeedPlan, expire, seed
from sandbox.threatq.state import ThreatQ

Lever = Callable[[ThreatQ, Any, dict[str, Any]], Any]


def routes(threatq: ThreatQ) -> list[Route]:
    """Every lever as a route."""
    return [
        Route(f"/sandbox/{path}", _endpoint(threatq, pull), methods=[verb]) for verb, path, pull in _LEVERS
    ]


def _endpoint(threatq: ThreatQ, lever: Lever) -> Endpoint:
    async def respond(request: Request) -> Response:
        raw = await request.body()
        try:
            body = msgspec.json.decode(raw) if raw else {}
            return respond_with(Answer(lever(threatq, body, request.path_params)))
        except (msgspec.MsgspecError, LookupError) as error:
            return respond_with(Answer({"error": str(error)}, 400))

    return respond


def _behaviour(threatq: ThreatQ, _body: Any, _path: Any) -> Behaviour:
    return threatq.behaviour


def _behave(threatq: ThreatQ, body: Any, _path: Any) -> Behaviour:
    threatq.behaviour = changed(threatq.behaviour, body)
    return threatq.behaviour


def _faults(threatq: ThreatQ, _body: Any, _path: Any) -> list[Fault]:
    return list(threatq.faults.on.values())


def _add_fault(threatq: ThreatQ, body: Any, _path: Any) -> Fault:
    return threatq.faults.add(msgspec.convert(body, Fault))


def _remove_fault(threatq: ThreatQ, _body: Any, path: dict[str, Any]) -> list[Fault]:
    threatq.faults.remove(path.get("id"))
    return list(threatq.faults.on.values())


def _release(threatq: ThreatQ, _body: Any, _path: Any) -> dict[str, bool]:
    threatq.faults.release()
    return {"released": True}


def _revoke(threatq: ThreatQ, _body: Any, _path: Any) -> dict[str, bool]:
    threatq.tokens.revoke()
    return {"revoked": True}


def _password(threatq: ThreatQ, body: Any, _path: Any) -> dict[str, Any]:
    """Set anew the secret of one login: `{"login", "secret"}`."""
    threatq.tokens.secrets[body["login"]] = body["secret"]
    return {"login": body["login"]}


def _calls(threatq: ThreatQ, _body: Any, _path: Any) -> dict[str, Any]:
    return threatq.calls.report()


def _forget_calls(threatq: ThreatQ, _body: Any, _path: Any) -> dict[str, Any]:
    threatq.calls.reset()
    return threatq.calls.report()


def _reset(threatq: ThreatQ, body: Any, _path: Any) -> Behaviour:
    """Start over; the body may hold the behaviour to start with."""
    threatq.reset(changed(threatq.first_behaviour, body))
    return threatq.behaviour


def _seed(threatq: ThreatQ, body: Any, _path: Any) -> dict[str, int]:
    """Fill in indicators: see SeedPlan."""
    return {"indicators": seed(threatq.store, msgspec.convert(body, SeedPlan))}


def _expire(threatq: ThreatQ, body: Any, _path: Any) -> dict[str, int]:
    """Let each n-th indicator expire: `{"every": n}`."""
    return {"expired": expire(threatq.store, int(body["every"]))}


def _collection(threatq: ThreatQ, body: Any, _path: Any) -> dict[str, int]:
    """Save a data collection as the analyst: `{"name", "query": {"criteria", "filters"}, "shared": true}`."""
    json = msgspec.json.encode({"ui_query": {}, "api_query": body.get("query", {})}).decode()
    return {"id": save(threatq.store, body["name"], json, ANALYST.id, bool(body.get("shared", True)))}


def _share(threatq: ThreatQ, body: Any, _path: Any) -> dict[str, Any]:
    """Share a data collection or take it back: `{"name", "shared"}`."""
    threatq.store.run("UPDATE searches SET shared = ? WHERE name = ?", int(body["shared"]), body["name"])
    return {"name": body["name"]}


def _connector(threatq: ThreatQ, body: Any, _path: Any) -> dict[str, Any]:
    """Do as a person in the UI does: `{"name", "is_active", "custom_fields"}`."""
    row = threatq.store.one("SELECT id FROM connectors WHERE name = ?", body["name"])
    if row is None:
        raise LookupError(f"No connector {body['name']} is registered.")
    change(threatq.store, row["id"], body)
    return {"name": body["name"]}


_LEVERS: list[tuple[str, str, Lever]] = [
    ("GET", "behaviour", _behaviour),
    ("POST", "behaviour", _behave),
    ("GET", "faults", _faults),
    ("POST", "faults", _add_fault),
    ("DELETE", "faults", _remove_fault),
    ("DELETE", "faults/{id:int}", _remove_fault),
    ("POST", "release", _release),
    ("POST", "tokens/revoke", _revoke),
    ("POST", "password", _password),
    ("GET", "calls", _calls),
    ("DELETE", "calls", _forget_calls),
    ("POST", "seed", _seed),
    ("POST", "expire", _expire),
    ("POST", "collections", _collection),
    ("POST", "collections/share", _share),
    ("POST", "connector", _connector),
    ("POST", "reset", _reset),
]
