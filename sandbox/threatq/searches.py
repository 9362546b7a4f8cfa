"""Data collections, which are saved searches: seen by their owner, and by others once shared. And keyword search."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from sandbox.threatq import clock
from sandbox.threatq.call import Answer, Call, listing, not_found, refused, single
from sandbox.threatq.kinds import KINDS
from sandbox.threatq.store import Row, Store

_VISIBLE = "(owner_id = ? OR shared)"


def index(call: Call) -> Answer:
    """GET /api/search/query: what the account may see."""
    sql = f"SELECT * FROM searches WHERE {_VISIBLE} ORDER BY id"
    return listing([_row(call, row) for row in call.threatq.store.all(sql, call.account.id)])


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
    sql = f"SELECT * FROM searches WHERE (hash = ? OR id = ?) AND {_VISIBLE}"
    row = call.threatq.store.one(sql, wanted, wanted, call.account.id)
    if row is None:
        raise not_found()
    query = msgspec.json.decode(row["json"])
    if not isinstance(query, dict) or not isinstance(query.get("api_query", {}), dict):
        raise refused("json", "The saved search has no api_query.")
    found: Row = query.get("api_query", {})
    return found


def keywords(call: Call) -> Answer:
    """GET /api/search?query=: a keyword among all kinds."""
    found: list[Row] = []
    limit = call.number("limit", 10)
    for kind in KINDS.values():
        sql = f"SELECT id, key AS value FROM {kind.collection} WHERE key LIKE ? LIMIT ?"
        rows = call.threatq.store.all(sql, f"%{call.query.get('query', '')}%", limit - len(found))
        found += [{**row, "object": kind.code} for row in rows]
    return listing(found)


def _row(call: Call, row: Row) -> Row:
    as_text = call.threatq.behaviour.search_json == "string"
    json: Any = row["json"] if as_text else msgspec.json.decode(row["json"])
    dates = {"created_at": clock.text(row["created_at"])}
    return {"id": row["id"], "hash": row["hash"], "name": row["name"], "json": json, **dates}
