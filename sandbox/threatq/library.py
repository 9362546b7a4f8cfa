"""The threat library: POST /api/{collection}/query and saved searches run by their hash, in index shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.threatq import clock, rows
from sandbox.threatq.call import Answer, Call, refused
from sandbox.threatq.kinds import Kind
from sandbox.threatq.paging import Page, page
from sandbox.threatq.query import Where, where
from sandbox.threatq.searches import api_query
from sandbox.threatq.store import Row, Store

_DATES = ("created_at", "updated_at", "touched_at", "published_at", "last_detected_at")
_CHILDREN = ("attributes", "sources", "tags", "comments", "adversaries")
#: What the 2026 rows leave out unless it is asked for.
_ON_REQUEST = ("attributes", "sources")


def query(call: Call) -> Answer:
    """POST /api/{collection}/query."""
    if not isinstance(call.body, dict | None):
        raise refused("body", "The query must be a JSON object.")
    return _run(call, call.body or {}, _fields(call, (call.body or {}).get("fields")))


def by_hash(call: Call) -> Answer:
    """GET /api/{collection}/query/hash/{hash}: a saved search by its hash or id."""
    return _run(call, api_query(call, call.path["hash"]), _fields(call, None))


def _fields(call: Call, given: object) -> list[str]:
    """The fields asked for, in the body or in the query string; an empty list is the default row."""
    given = call.query.get("fields") if given is None else given
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, list | None):
        raise refused("fields", "The fields must be an array.")
    return [str(field) for field in given or []]


def _run(call: Call, body: Row, fields: list[str]) -> Answer:
    store, kind, now = call.threatq.store, call.kind, clock.now()
    wanted = page(call)
    matching = _and(where(kind, body, now), _indexed(call, now))
    total = store.count(f"SELECT COUNT(*) FROM {kind.collection} {_sql(matching)}", *matching.values)
    shown = _shown(kind, fields, call.threatq.behaviour.rows_2026)
    found = _read(store, kind, wanted, matching, shown)
    plain = bool(fields) and "*" not in fields
    data: Any = _build(store, kind, shown, [row[len(wanted.columns) :] for row in found], plain)
    if not data and call.threatq.behaviour.empty_page_object:
        data = {}
    envelope = {"total": total, "data": data, "limit": wanted.limit}
    if wanted.cursor is None:
        return Answer({**envelope, "offset": wanted.offset})
    last = found[-1][: len(wanted.columns)] if found else None
    return Answer({**envelope, "nextCursorMark": wanted.next_cursor(last)})


def _indexed(call: Call, now: int) -> Where:
    lag = call.threatq.behaviour.index_lag_s
    return Where("created_at <= ?", (now - lag,)) if lag else Where("")


def _read(store: Store, kind: Kind, wanted: Page, matching: Where, shown: list[str]) -> list[tuple[Any, ...]]:
    """The page's rows: first the columns of the order, then one column a field."""
    here = _and(matching, wanted.after())
    columns = ", ".join([*wanted.columns, *(_column(kind, field) for field in shown)])
    sql = f"SELECT {columns} FROM {kind.collection} {_sql(here)} ORDER BY {wanted.order} LIMIT ? OFFSET ?"
    return store.tuples(sql, *here.values, wanted.limit, 0 if wanted.cursor else wanted.offset)


def _build(
    store: Store, kind: Kind, shown: list[str], found: list[tuple[Any, ...]], plain: bool
) -> list[Row]:
    """Rows in index shape; what is empty is left out."""
    if not found:
        return []
    convert = _converters(store, kind, plain)
    columns = [
        list(map(convert[field], values)) if field in convert else values
        for field, values in zip(shown, zip(*found, strict=True), strict=True)
    ]
    return [
        {field: value for field, value in zip(shown, values, strict=True) if value is not None}
        for values in zip(*columns, strict=True)
    ]


def _shown(kind: Kind, fields: list[str], rows_2026: bool) -> list[str]:
    known = ["id", kind.key, "description", "hash", *_DATES, *_CHILDREN]
    known += ["class", "type_id", "status_id", "type", "status", "score"] if kind.is_indicator else []
    known += ["type_id", "type", "happened_at"] if kind.is_event else []
    default = [field for field in known if not (rows_2026 and field in _ON_REQUEST)]
    if not fields:
        return default
    asked = [field for field in fields if field in known]
    return list(dict.fromkeys([*default, *asked])) if "*" in fields else asked or ["id"]


def _column(kind: Kind, field: str) -> str:
    if field == kind.key:
        return "key"
    if field == "hash":
        return "digest(key, type_id, happened_at)"
    if field in _CHILDREN:
        return "id"
    return {"type": "type_id", "class": "type_id", "status": "status_id"}.get(field, field)


def _converters(store: Store, kind: Kind, plain: bool) -> dict[str, Callable[[Any], Any]]:
    """How a field's column becomes its value."""
    types = store.all("SELECT * FROM event_types" if kind.is_event else "SELECT * FROM indicator_types")
    statuses = store.all("SELECT id, name, name || ' indicators.' AS description FROM statuses")
    type_by_id = {row["id"]: row["name"] if plain else row for row in types}
    status_by_id = {row["id"]: row["name"] if plain else row for row in statuses}
    class_by_id = {row["id"]: row.get("class") for row in types}
    return {
        **dict.fromkeys((*_DATES, "happened_at"), clock.text),
        "type": type_by_id.get,
        "status": status_by_id.get,
        "class": class_by_id.get,
        "tags": lambda id: [tag["name"] for tag in rows.tags(store, kind, id)],
        "comments": lambda id: rows.comments(store, kind, id) or None,
        "adversaries": lambda id: [{"id": row["other"]} for row in rows.adversaries(store, kind, id)],
        "attributes": lambda id: _attributes(store, kind, id),
        "sources": lambda id: _sources(store, kind, id),
    }


def _attributes(store: Store, kind: Kind, id: int) -> list[Row] | None:
    kept = ("id", "attribute_id", f"{kind.code}_id", "name", "value", "created_at", "updated_at")
    return [{name: row[name] for name in kept} for row in rows.attributes(store, kind, id)] or None


def _sources(store: Store, kind: Kind, id: int) -> list[Row] | None:
    return [
        {
            "id": row["pivot"]["id"],
            "source_id": row["id"],
            "source_type": row["type"],
            "name": row["name"],
            f"{kind.code}_id": id,
            "creator_source_id": row["pivot"]["creator_source_id"],
            "reference_id": row["reference_id"],
            "published_at": row["published_at"],
        }
        for row in rows.sources(store, kind, id)
    ] or None


def _and(one: Where, other: Where) -> Where:
    sql = " AND ".join(part for part in (one.sql, other.sql) if part)
    return Where(sql, one.values + other.values)


def _sql(matching: Where) -> str:
    return f"WHERE {matching.sql}" if matching.sql else ""
