"""The levers under /sandbox: behaviour, faults, tokens, counters, reset, seeding. They need no token.

Seeding fills the library with up to a million indicators in seconds; their values follow from their number.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.threatq.handlers.connectors import change
from sandbox.threatq.handlers.library import save
from sandbox.threatq.handlers.lookups import resolve
from sandbox.threatq.model import clock
from sandbox.threatq.model.behaviour import Behaviour, Fault, changed
from sandbox.threatq.model.call import Answer
from sandbox.threatq.model.defaults import ANALYST
from sandbox.threatq.model.state import ThreatQ
from sandbox.threatq.model.store import Store
from sandbox.threatq.serving import Endpoint, respond_with

Lever = Callable[[ThreatQ, Any, dict[str, Any]], Any]

_FIRST_IPV4 = int(ipaddress.IPv4Address("11.0.0.0"))

_FIRST_IPV6 = int(ipaddress.IPv6Address("2a00::"))


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


def _hash(name: str) -> Callable[[int], str]:
    return lambda number: hashlib.new(name, str(number).encode(), usedforsecurity=False).hexdigest()


_VALUES: dict[str, Callable[[int], str]] = {
    "IP Address": lambda number: str(ipaddress.IPv4Address(_FIRST_IPV4 + number)),
    "IPv6 Address": lambda number: str(ipaddress.IPv6Address(_FIRST_IPV6 + number)),
    "CIDR Block": lambda number: f"{ipaddress.IPv4Address(_FIRST_IPV4 + number * 256)}/24",
    "FQDN": lambda number: f"host-{number}.example",
    "URL": lambda number: f"host-{number}.example/path",
    "Email Address": lambda number: f"sender-{number}@mail.example",
    "MD5": _hash("md5"),
    "SHA-1": _hash("sha1"),
    "SHA-256": _hash("sha256"),
    "SHA-512": _hash("sha512"),
}


class SeedPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to fill in.

    Number n, from `start` on, is of type `types[n % len(types)]` and has score n % 11, or none where n is a multiple
    of `unscored_every`; so a caller knows each value beforehand and the next plan can go on where this one ended.
    They were made one after the other over the last `days`, or now.
    """

    indicators: int
    start: int = 0
    types: tuple[str, ...] = ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")
    status: str = "Active"
    unscored_every: int = 0
    days: float = 0


def value_of(type: str, number: int) -> str:
    """The value of indicator `number`; LookupError for a type that is not seeded."""
    return _VALUES[type](number)


def seed(store: Store, plan: SeedPlan) -> int:
    """Insert the indicators of a plan; the number of indicators afterwards."""
    with store.transaction():
        store.many(
            "INSERT INTO indicators (key, type_id, status_id, generated_score, score, published_at, created_at,"
            " updated_at, touched_at) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?5, ?5, ?5)",
            _rows(store, plan),
        )
    return store.count("SELECT COUNT(*) FROM indicators")


def expire(store: Store, every: int) -> int:
    """Set each `every`-th indicator to Expired; how many those were."""
    sql = "UPDATE indicators SET status_id = 2, updated_at = ?1, touched_at = ?1 WHERE id % ?2 = 0 AND status_id <> 2"
    return store.db.execute(sql, (clock.now(), every)).rowcount


def _rows(store: Store, plan: SeedPlan) -> Iterator[tuple[Any, ...]]:
    now = clock.now()
    status = _id(store, "statuses", plan.status)
    types = [(_id(store, "indicator_types", name), _VALUES[name]) for name in plan.types]
    for number in range(plan.start, plan.start + plan.indicators):
        type_id, value = types[number % len(types)]
        unscored = plan.unscored_every and number % plan.unscored_every == 0
        age = plan.days * 86_400 * (plan.start + plan.indicators - number) / plan.indicators
        yield value(number), type_id, status, None if unscored else number % 11, now - int(age)


def _id(store: Store, table: str, name: str) -> int:
    row = resolve(store, table, {"name": name})
    if row is None:
        raise LookupError(f"{name} is not known here.")
    return int(row["id"])
