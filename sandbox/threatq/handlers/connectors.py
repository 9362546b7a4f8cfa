"""/api/connectors: a connector's settings as people make them in the UI. How one registers is our guess."""

from __future__ import annotations

from typing import Any

import msgspec

from sandbox.threatq.model import clock
from sandbox.threatq.model.call import Answer, Call, listing, not_found, refused, single
from sandbox.threatq.model.store import Row, Store

#: What counts as switched off beside false, as the vendor's own SDK reads it.
_OFF = ("", "False", "false", "0", 0, None, False)


def index(call: Call) -> Answer:
    """GET /api/connectors[?name=]."""
    where, values = ("WHERE name = ?", [call.query["name"]]) if "name" in call.query else ("", [])
    rows = call.threatq.store.all(f"SELECT * FROM connectors {where} ORDER BY id", *values)
    return listing([_row(call, row) for row in rows])


def show(call: Call) -> Answer:
    """GET /api/connectors/{id}."""
    return single(_row(call, _load(call)))


def register(call: Call) -> Answer:
    """POST /api/connectors: name, category, custom_fields; a known name answers the row that is there."""
    name = str(call.fields.get("name") or "").strip()
    if not name:
        raise refused("name", "The name field is required.")
    store, now = call.threatq.store, clock.now()
    known = store.one("SELECT * FROM connectors WHERE name = ?", name)
    if known:
        return single(_row(call, known))
    definitions, values = _fields(call.fields.get("custom_fields"))
    id = store.run(
        "INSERT INTO connectors (name, custom_fields, definitions, is_active, created_at, updated_at)"
        " VALUES (?1, ?2, ?3, 0, ?4, ?4)",
        *(name, _text(values), _text(definitions), now),
    )
    store.run(
        "INSERT OR IGNORE INTO sources (name, type, reference_id) VALUES (?, 'connectors', ?)", name, id
    )
    return single(_row(call, store.need("SELECT * FROM connectors WHERE id = ?", id)), 201)


def update(call: Call) -> Answer:
    """PUT /api/connectors/{id}: is_active, custom_fields, last_import_at, last_import_count."""
    row = _load(call)
    change(call.threatq.store, row["id"], call.fields)
    return show(call)


def change(store: Store, id: int, changes: dict[str, Any]) -> None:
    """Set fields of a connector; custom fields that are not named stay."""
    row = store.need("SELECT * FROM connectors WHERE id = ?", id)
    values = {**msgspec.json.decode(row["custom_fields"]), **(changes.get("custom_fields") or {})}
    active = changes["is_active"] not in _OFF if "is_active" in changes else row["is_active"]
    store.run(
        "UPDATE connectors SET custom_fields = ?, is_active = ?, last_import_at = ?, last_import_count = ?,"
        " updated_at = ? WHERE id = ?",
        *(_text(values), int(active), changes.get("last_import_at", row["last_import_at"])),
        *(changes.get("last_import_count", row["last_import_count"]), clock.now(), id),
    )


def definitions(store: Store) -> list[tuple[Row, list[Row]]]:
    """Every connector with the definitions of its fields, for the page that shows them."""
    rows = store.all("SELECT * FROM connectors ORDER BY name")
    return [(shown(row), msgspec.json.decode(row["definitions"], type=list[Row])) for row in rows]


def _row(call: Call, row: Row) -> Row:
    behaviour = call.threatq.behaviour
    return shown(row, behaviour.connector_flags, behaviour.connector_fields)


def _load(call: Call) -> Row:
    row = call.threatq.store.one("SELECT * FROM connectors WHERE id = ?", call.path["id"])
    if row is None:
        raise not_found()
    return row


def _fields(given: object) -> tuple[list[Row], Row]:
    """Definitions of fields and their first values, from a list of definitions or a plain map."""
    if isinstance(given, dict):
        given = [{"name": name, "default": value} for name, value in given.items()]
    defined = [field for field in given if isinstance(field, dict)] if isinstance(given, list) else []
    for field in defined:
        field.setdefault("name", field.get("key", field.get("label")))
    return defined, {str(field["name"]): field.get("default", "") for field in defined}


def shown(row: Row, flags: str = "json", fields: str = "names") -> Row:
    """A connector as the API shows it."""
    kept = {name: row[name] for name in ("id", "name", "last_import_at", "last_import_count")}
    unset = dict.fromkeys(("indicator_status_id", "tlp_id", "gate_oauth2_client_id", "frequency"))
    return {
        **kept,
        "namespace": "labs",
        "custom_fields": _custom_fields(row, fields),
        "category_id": 1,
        "category": {"id": 1, "name": "Labs"},
        **unset,
        "is_active": bool(row["is_active"]) if flags == "json" else ("1" if row["is_active"] else ""),
        "created_at": clock.text(row["created_at"]),
        "updated_at": clock.text(row["updated_at"]),
    }


def _custom_fields(row: Row, form: str) -> Any:
    values: Row = msgspec.json.decode(row["custom_fields"])
    if form == "names":
        return values
    defined = {field["name"]: field for field in msgspec.json.decode(row["definitions"], type=list[Row])}
    labels = {name: defined.get(name, {}).get("label") or name for name in values}
    if form == "labels":
        return {labels[name]: value for name, value in values.items()}
    return [{"label": labels[name], "value": value} for name, value in values.items()]


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
