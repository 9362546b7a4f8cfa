"""Types, statuses and kinds: the lookups that turn names into this installation's ids."""

from __future__ import annotations

from typing import Any

from sandbox.threatq.model import clock
from sandbox.threatq.model.call import Answer, Call, listing, not_found, refused, single
from sandbox.threatq.model.kinds import KINDS, Kind
from sandbox.threatq.model.store import Row, Store
from sandbox.threatq.model.type_rows import DATES, indicator_type, plain_type, table_of


def resolve(store: Store, table: str, wanted: object) -> Row | None:
    """The type or status that an id, a name, {"id"} or {"name"} means."""
    is_name = isinstance(wanted, dict) and "id" not in wanted
    if isinstance(wanted, dict):
        wanted = wanted.get("id", wanted.get("name"))
    if isinstance(wanted, int) or (isinstance(wanted, str) and wanted.isdigit() and not is_name):
        return store.recall(f"SELECT * FROM {table} WHERE id = ?", int(wanted))
    if isinstance(wanted, str):
        return store.recall(f"SELECT * FROM {table} WHERE name = ?", wanted)
    return None


def status(row: Row) -> Row:
    """A status as the lookup answers it."""
    kept = row["protected"]
    flags = {
        "user_editable": "N" if kept == "Y" else "Y",
        "visible": "Y",
        "include_in_export": "Y",
        "protected": kept,
    }
    return {
        "id": row["id"],
        "name": row["name"],
        "description": f"{row['name']} indicators.",
        **flags,
        **DATES,
    }


_LOOKUPS = {
    ("indicator", "types"): ("indicator_types", indicator_type),
    ("indicator", "statuses"): ("statuses", status),
    ("event", "types"): ("event_types", plain_type),
    ("attachments", "types"): ("attachment_types", plain_type),
}


def index(call: Call) -> Answer:
    """GET /api/indicator/types, /api/indicator/statuses, /api/event/types, /api/attachments/types."""
    table, shape = _lookup(call)
    where, values = ("WHERE name = ?", [call.query["name"]]) if "name" in call.query else ("", [])
    total = call.threatq.store.count(f"SELECT COUNT(*) FROM {table} {where}", *values)
    page = f"SELECT * FROM {table} {where} ORDER BY id LIMIT ? OFFSET ?"
    rows = call.threatq.store.all(page, *values, call.number("limit", 1000), call.number("offset", 0))
    return listing([shape(row) for row in rows], total)


def show(call: Call) -> Answer:
    """GET one of them by id."""
    table, shape = _lookup(call)
    row = call.threatq.store.one(f"SELECT * FROM {table} WHERE id = ?", call.path["id"])
    if row is None:
        raise not_found()
    return single(shape(row))


def create_event_type(call: Call) -> Answer:
    """POST /api/event/types."""
    name = str(call.fields.get("name") or "").strip()
    if not name:
        raise refused("name", "The name field is required.")
    if resolve(call.threatq.store, "event_types", {"name": name}):
        raise refused("name", "The name has already been taken.")
    id = call.threatq.store.run("INSERT INTO event_types (name) VALUES (?)", name)
    return single({**plain_type({"id": id, "name": name}), "user_editable": "Y", **_dates_now()}, 201)


def kinds(call: Call) -> Answer:
    """GET /api/objects: every kind with its endpoint, types and statuses."""
    return listing([_kind(call.threatq.store, kind) for kind in KINDS.values()])


def current_user(call: Call) -> Answer:
    """GET /api/users/current."""
    return single(_user(call.account.id, call.account.login, call.account.name, call.account.source_id))


def users(call: Call) -> Answer:
    """GET /api/users."""
    return listing([_user(call.account.id, call.account.login, call.account.name, call.account.source_id)])


def proxy(_call: Call) -> Answer:
    """GET /api/configuration/proxy: none is set."""
    return single({"enabled": False, "host": None, "port": None})


def none(_call: Call) -> Answer:
    """GET /api/plugins, /api/investigations: there are none here."""
    return listing([])


def tags(call: Call) -> Answer:
    """GET /api/tags[?name=]: every tag that something has had."""
    where, values = ("WHERE name = ?", [call.query["name"]]) if "name" in call.query else ("", [])
    return listing(call.threatq.store.all(f"SELECT id, name FROM tags {where} ORDER BY id", *values))


def _lookup(call: Call) -> Any:
    return _LOOKUPS[call.path["noun"], call.path["lookup"]]


def _kind(store: Store, kind: Kind) -> Row:
    table = table_of(kind)
    types = store.all(f"SELECT id, name FROM {table} ORDER BY id") if table else []
    statuses = store.all("SELECT id, name FROM statuses ORDER BY id") if kind.is_indicator else []
    names = {"name": kind.code, "display_name": kind.display, "display_name_plural": kind.plural}
    return {"id": kind.number, **names, "collection": kind.collection, "types": types, "statuses": statuses}


def _user(id: int, email: str, name: str, source_id: int) -> Row:
    source = {"id": source_id, "type": "users", "reference_id": id, "name": name}
    return {"id": id, "email": email, "display_name": name, "source": source}


def _dates_now() -> Row:
    moment = clock.text(clock.now())
    return {"created_at": moment, "updated_at": moment}
