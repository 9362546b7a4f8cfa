"""GET /api/{collection}?field=…: exact values, commas for OR-lists, `%` as a wildcard."""

from __future__ import annotations

from typing import Any

from sandbox.threatq.model.call import Call, refused
from sandbox.threatq.model.kinds import SHORT, Kind
from sandbox.threatq.model.store import Row

#: Rows of a page where the request does not say how many.
FIND_LIMIT = 1000

_COLUMNS = (
    "id",
    "type_id",
    "status_id",
    "description",
    "created_at",
    "updated_at",
    "touched_at",
    "happened_at",
)

_SORTABLE = ("id", "created_at", "updated_at", "touched_at", "happened_at", "type_id", "status_id")


def find(call: Call) -> tuple[list[Row], int]:
    """The rows of one page and the total."""
    kind, store = call.kind, call.threatq.store
    where, values = _where(kind, call.query, comma_is_or=call.threatq.behaviour.comma_is_or)
    total = store.count(f"SELECT COUNT(*) FROM {kind.collection} {where}", *values)
    page = f"SELECT * FROM {kind.collection} {where} ORDER BY {order_by(kind, call.query)} LIMIT ? OFFSET ?"
    return store.all(page, *values, call.number("limit", FIND_LIMIT), call.number("offset", 0)), total


def order_by(kind: Kind, query: dict[str, str]) -> str:
    """The ORDER BY of a `sort` parameter such as `-created_at,id`."""
    terms = []
    for name in query.get("sort", "id").split(","):
        field = name.strip().lstrip("-+")
        column = "key" if field == kind.key else SHORT.get(field, field)
        if column != "key" and column not in _SORTABLE:
            raise refused("sort", f"The sort field {field} is invalid.")
        terms.append(f"{column} {'DESC' if name.strip().startswith('-') else 'ASC'}")
    return ", ".join([*terms, "id ASC"])


def _where(kind: Kind, query: dict[str, str], *, comma_is_or: bool) -> tuple[str, list[Any]]:
    terms, values = [], []
    for name, given in query.items():
        column = "key" if name == kind.key else name
        if column != "key" and column not in _COLUMNS:
            continue
        wanted = [value for value in (given.split(",") if comma_is_or else [given]) if value]
        terms.append("(" + " OR ".join(_match(column, value) for value in wanted) + ")" if wanted else "0")
        values += wanted
    return ("WHERE " + " AND ".join(terms) if terms else ""), values


def _match(column: str, value: str) -> str:
    return f"{column} LIKE ?" if "%" in value else f"{column} = ?"
