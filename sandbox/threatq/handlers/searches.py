"""Older ways to search, and what is done to all that a search finds: search/advanced, bulk/status, bulk-delete."""

from __future__ import annotations

from typing import Any

from sandbox.threatq.handlers.lookups import resolve
from sandbox.threatq.handlers.objects import erase
from sandbox.threatq.handlers.query import Scope, Where, where
from sandbox.threatq.model import clock, rows
from sandbox.threatq.model.call import Answer, Call, listing, refused, single
from sandbox.threatq.model.kinds import BY_CODE, INDICATORS, Kind

_FIELDS = {
    "indicator_type": "type_id",
    "indicator_status": "status_id",
    "indicator_value": "key",
    "indicator_score": "score",
}

_OPERATORS = {"is": "=", "is not": "<>", "like": "LIKE", "not like": "NOT LIKE", ">=": ">=", "<=": "<="}


def advanced(call: Call) -> Answer:
    """POST /api/search/advanced: `{"indicators": [[{"field", "operator", "value"}, …], …]}`, any of which all hold."""
    groups = call.fields.get("indicators")
    if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
        raise refused("indicators", "The indicators must be a list of lists of conditions.")
    alternatives = [[_condition(call, item) for item in group] for group in groups if group]
    sql = " OR ".join(f"({' AND '.join(part.sql for part in parts)})" for parts in alternatives) or "1"
    values = [value for parts in alternatives for part in parts for value in part.values]
    store = call.threatq.store
    total = store.count(f"SELECT COUNT(*) FROM indicators WHERE {sql}", *values)
    page = f"SELECT * FROM indicators WHERE {sql} ORDER BY id LIMIT ? OFFSET ?"
    matches = store.all(page, *values, call.number("limit", 10), call.number("offset", 0))
    shown = [rows.typed(store, INDICATORS, rows.shape(store, INDICATORS, row)) for row in matches]
    return listing([rows.expand(call.threatq, INDICATORS, row, "status") for row in shown], total)


def set_status(call: Call) -> Answer:
    """POST /api/bulk/status: `{"query": {"indicator": {"criteria", "filters"}}, "statuses": {"indicator": 1}}`."""
    queries, statuses = call.fields.get("query") or {}, call.fields.get("statuses") or {}
    changed = 0
    for code, query in queries.items():
        kind = BY_CODE.get(code)
        status = resolve(call.threatq.store, "statuses", statuses.get(code))
        if kind is None or status is None:
            raise refused("statuses", "The selected status is invalid.")
        matching, now = _matching(call, kind, query), clock.now()
        sql = f"UPDATE {kind.collection} SET status_id = ?, updated_at = ?, touched_at = ? WHERE {matching.sql or 1}"
        changed += call.threatq.store.db.execute(sql, (status["id"], now, now, *matching.values)).rowcount
    return single({"total": changed})


def delete(call: Call) -> Answer:
    """POST /api/{collection}/bulk-delete: `[{"criteria", "filters"}]`."""
    deleted = 0
    for query in call.items:
        matching = _matching(call, call.kind, query)
        sql = f"SELECT id FROM {call.kind.collection} WHERE {matching.sql or 1}"
        for row in call.threatq.store.all(sql, *matching.values):
            erase(call.threatq.store, call.kind, row["id"])
            deleted += 1
    return single({"total": deleted})


def _matching(call: Call, kind: Kind, query: object) -> Where:
    if not isinstance(query, dict):
        raise refused("query", "The query must be a JSON object.")
    return where(Scope(kind, clock.now(), call.threatq.behaviour.guessed_filters), query)


def _condition(call: Call, given: Any) -> Where:
    if not isinstance(given, dict) or given.get("field") not in _FIELDS:
        raise refused("indicators", "The field of a condition is not known.")
    operator = _OPERATORS.get(str(given.get("operator")))
    if operator is None:
        raise refused("indicators", "The operator of a condition is not known.")
    column, value = _FIELDS[given["field"]], given.get("value")
    tables = {"type_id": "indicator_types", "status_id": "statuses"}
    if column in tables:
        named = resolve(call.threatq.store, tables[column], value)
        value = named["id"] if named else 0
    return Where(f"{column} {operator} ?", (f"%{value}%" if "LIKE" in operator else value,))
