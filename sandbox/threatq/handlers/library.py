"""The threat library: POST /api/{collection}/query, saved searches run by their hash, and keyword search.

A data collection is a saved search: seen by its owner, and by others once it is shared.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from sandbox.threatq.handlers.paging import Page, page
from sandbox.threatq.handlers.query import Scope, Where, where
from sandbox.threatq.model import clock, rows
from sandbox.threatq.model.call import Answer, Call, listing, not_found, refused, single
from sandbox.threatq.model.defaults import TLP_NAMES
from sandbox.threatq.model.kinds import KINDS, Kind
from sandbox.threatq.model.store import Row, Store
from sandbox.threatq.model.type_rows import table_of

_DATES = ("created_at", "updated_at", "touched_at", "published_at", "last_detected_at")

_CHILDREN = ("attributes", "sources", "tags", "comments", "adversaries")

#: What the 2026 rows leave out unless it is asked for.
_ON_REQUEST = ("attributes", "sources")

#: Rows up to which a query is answered by an index on what it asks for, as a database with statistics does.
FEW = 5_000

_VISIBLE = "(owner_id = ? OR shared)"


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
    behaviour = call.threatq.behaviour
    scope = Scope(kind, now, behaviour.guessed_filters, behaviour.inclusive_times)
    matching = _and(where(scope, body), _indexed(call, now))
    total = store.count(f"SELECT COUNT(*) FROM {kind.collection} {_sql(matching)}", *matching.values)
    shown = _shown(kind, fields, call.threatq.behaviour.rows_2026)
    tuples = _read(store, kind, wanted, matching, shown, is_few=total <= FEW)
    plain = bool(fields) and "*" not in fields
    data: Any = _build(store, kind, shown, [row[len(wanted.columns) :] for row in tuples], plain)
    if not data and call.threatq.behaviour.empty_page_object:
        data = {}
    envelope = {"total": total, "data": data, "limit": wanted.limit}
    if wanted.cursor is None:
        return Answer({**envelope, "offset": wanted.offset})
    last = tuples[-1][: len(wanted.columns)] if tuples else None
    return Answer({**envelope, "nextCursorMark": wanted.next_cursor(last)})


def _indexed(call: Call, now: int) -> Where:
    lag = call.threatq.behaviour.index_lag_s
    return Where("created_at <= ?", (now - lag,)) if lag else Where("")


def _read(
    store: Store, kind: Kind, wanted: Page, matching: Where, shown: list[str], *, is_few: bool
) -> list[tuple[Any, ...]]:
    """The page's rows: first the columns of the order, then one column a field."""
    condition = _and(matching, wanted.after(is_few=is_few))
    columns = ", ".join([*wanted.columns, *(_column(kind, field) for field in shown)])
    # With a plus SQLite looks a few rows up and sorts them; without, it walks along the ids until it has a page. The
    # condition of the cursor needs it too: on each page but the first it walked through all ids that follow.
    order = f"+{wanted.order}" if is_few else wanted.order
    sql = f"SELECT {columns} FROM {kind.collection} {_sql(condition)} ORDER BY {order} LIMIT ? OFFSET ?"
    return store.tuples(sql, *condition.values, wanted.limit, 0 if wanted.cursor else wanted.offset)


def _build(
    store: Store, kind: Kind, shown: list[str], tuples: list[tuple[Any, ...]], plain: bool
) -> list[Row]:
    """Rows in index shape; what is empty is left out."""
    if not tuples:
        return []
    convert = _converters(store, kind, plain)
    columns = [
        list(map(convert[field], values)) if field in convert else values
        for field, values in zip(shown, zip(*tuples, strict=True), strict=True)
    ]
    return [
        {field: value for field, value in zip(shown, values, strict=True) if value is not None}
        for values in zip(*columns, strict=True)
    ]


def _shown(kind: Kind, fields: list[str], rows_2026: bool) -> list[str]:
    known = ["id", kind.key, "description", "hash", *_DATES, *_CHILDREN]
    known += ["class", "type_id", "status_id", "type", "status", "score"] if kind.is_indicator else []
    known += ["type_id", "type"] if table_of(kind) and not kind.is_indicator else []
    known += ["happened_at"] if kind.is_event else []
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
    types = store.all(f"SELECT * FROM {table_of(kind) or 'indicator_types'}")
    statuses = store.all("SELECT id, name, name || ' indicators.' AS description FROM statuses")
    type_by_id = {row["id"]: row["name"] if plain else row for row in types}
    status_by_id = {row["id"]: row["name"] if plain else row for row in statuses}
    class_by_id = {row["id"]: row.get("class") for row in types}
    return {
        **dict.fromkeys((*_DATES, "happened_at"), clock.text),
        "type": type_by_id.get,
        "status": status_by_id.get,
        "class": class_by_id.get,
        "tags": lambda id: [tag["name"] for tag in rows.tags(store, kind, id)] or None,
        "comments": lambda id: _comments(store, kind, id),
        "adversaries": lambda id: [{"id": row["other"]} for row in rows.adversaries(store, kind, id)],
        "attributes": lambda id: _attributes(store, kind, id),
        "sources": lambda id: _sources(store, kind, id),
    }


def _attributes(store: Store, kind: Kind, id: int) -> list[Row] | None:
    kept = ("id", "attribute_id", f"{kind.code}_id", "name", "value", "created_at", "updated_at")
    return [{name: row[name] for name in kept} for row in rows.attributes(store, kind, id)] or None


def _comments(store: Store, kind: Kind, id: int) -> list[Row] | None:
    return [
        {**row, "source_name": row["sources"][0]["name"] if row["sources"] else ""}
        for row in rows.comments(store, kind, id)
    ] or None


def _sources(store: Store, kind: Kind, id: int) -> list[Row] | None:
    indicator = store.one("SELECT type_id, status_id FROM indicators WHERE id = ?", id)
    of_indicator = {f"indicator_{name}": value for name, value in (indicator or {}).items()}
    return [
        {
            "id": row["pivot"]["id"],
            "source_id": row["id"],
            "source_type": row["type"],
            "name": row["name"],
            f"{kind.code}_id": id,
            "creator_source_id": row["pivot"]["creator_source_id"],
            "reference_id": row["reference_id"],
            **{name: row[name] for name in ("published_at", "created_at", "updated_at")},
            **({"tlp_name": TLP_NAMES[row["tlp_id"]]} if row["tlp_id"] in TLP_NAMES else {}),
            **(of_indicator if kind.is_indicator else {}),
        }
        for row in rows.sources(store, kind, id)
    ] or None


def _and(condition: Where, other: Where) -> Where:
    sql = " AND ".join(part for part in (condition.sql, other.sql) if part)
    return Where(sql, condition.values + other.values)


def _sql(matching: Where) -> str:
    return f"WHERE {matching.sql}" if matching.sql else ""


def index(call: Call) -> Answer:
    """GET /api/search/query: what the account may see."""
    sql = f"SELECT * FROM searches WHERE {_VISIBLE} ORDER BY id"
    return listing([_row(call, row) for row in call.threatq.store.all(sql, call.account.id)])


def show(call: Call) -> Answer:
    """GET /api/search/query/{hash}[?fields=name]: one saved search."""
    row = _row(call, _visible(call, call.path["hash"]))
    fields = _fields(call, None)
    return single({field: row[field] for field in fields if field in row} if fields else row)


def create(call: Call) -> Answer:
    """POST /api/search/query: `{"name", "json": {"ui_query", "api_query"}}`; the account owns it."""
    query = call.fields.get("json")
    query = query if isinstance(query, str) else msgspec.json.encode(query or {}).decode()
    id = save(call.threatq.store, call.fields.get("name"), query, call.account.id, shared=False)
    return single(_row(call, call.threatq.store.need("SELECT * FROM searches WHERE id = ?", id)), 201)


def save(store: Store, name: str | None, json: str, owner_id: int, shared: bool) -> int:
    """Keep a search; its id."""
    return store.run(
        "INSERT INTO searches (hash, name, json, owner_id, shared, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        *(secrets.token_hex(16), name, json, owner_id, int(shared), clock.now()),
    )


def api_query(call: Call, wanted: str) -> Row:
    """The query of a saved search by hash or id; 404 if there is none that the account may see."""
    query = msgspec.json.decode(_visible(call, wanted)["json"])
    if not isinstance(query, dict) or not isinstance(query.get("api_query", {}), dict):
        raise refused("json", "The saved search has no api_query.")
    search: Row = query.get("api_query", {})
    return search


def _visible(call: Call, wanted: str) -> Row:
    sql = f"SELECT * FROM searches WHERE (hash = ? OR id = ?) AND {_VISIBLE}"
    row = call.threatq.store.one(sql, wanted, wanted, call.account.id)
    if row is None:
        raise not_found()
    return row


def keywords(call: Call) -> Answer:
    """GET /api/search?query=: a keyword among all kinds."""
    hits: list[Row] = []
    limit = call.number("limit", 10)
    for kind in KINDS.values():
        sql = f"SELECT id, key AS value FROM {kind.collection} WHERE key LIKE ? LIMIT ?"
        rows = call.threatq.store.all(sql, f"%{call.query.get('query', '')}%", limit - len(hits))
        hits += [{**row, "value": _found_as(call, kind, row), "object": kind.code} for row in rows]
    return listing(hits)


def _found_as(call: Call, kind: Kind, row: Row) -> str:
    """What a keyword search shows: of a file its title in quotes and its name."""
    file = (
        call.threatq.store.one("SELECT name FROM files WHERE id = ?", row["id"])
        if kind.is_attachment
        else None
    )
    return f'"{row["value"]}" {file["name"]}' if file else str(row["value"])


def _row(call: Call, row: Row) -> Row:
    as_text = call.threatq.behaviour.search_json == "string"
    json: Any = row["json"] if as_text else msgspec.json.decode(row["json"])
    dates = {"created_at": clock.text(row["created_at"])}
    return {"id": row["id"], "hash": row["hash"], "name": row["name"], "json": json, **dates}
