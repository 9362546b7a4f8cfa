"""The threat library's query language, turned into SQL, and its pages: by offset, or by a cursor that stays fast.

GET /api/{collection}?field=… has a smaller language: commas are OR-lists, `%` is a wildcard.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import msgspec

from sandbox.threatq.model import clock
from sandbox.threatq.model.call import Call, Refused, refused
from sandbox.threatq.model.kinds import Kind
from sandbox.threatq.model.store import Row

_COMPARE = {"+gt": ">", "+gte": ">=", "+lt": "<", "+lte": "<=", "is": "=", "+is": "=", "+not": "<>"}

_TIMES = frozenset(
    {"created_at", "updated_at", "touched_at", "published_at", "happened_at", "last_detected_at"}
)

_NUMBERS = frozenset({"id", "score", "type_id", "status_id"})

_RELATIVE = re.compile(r"^NOW(?:-(\d+)(SECOND|MINUTE|HOUR|DAY|WEEK)S?)?$")

_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": 604_800}

# What is known by name: the column that holds its id, or the id of the object that carries it.
_BY_NAME = {
    "type": "type_id IN (SELECT id FROM {types} WHERE name {compare} ?)",
    "status": "status_id IN (SELECT id FROM statuses WHERE name {compare} ?)",
    "source": "id IN (SELECT object_id FROM object_sources o JOIN sources s ON s.id = o.source_id"
    " WHERE o.kind = {number} AND s.name {compare} ?)",
    "tag": "id IN (SELECT object_id FROM object_tags o JOIN tags t ON t.id = o.tag_id"
    " WHERE o.kind = {number} AND t.name {compare} ?)",
}

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

_FIND_SORTABLE = ("id", "created_at", "updated_at", "touched_at", "happened_at", "type_id", "status_id")

#: Rows of a page where the request does not say how many, and the most that one gives.
DEFAULT_LIMIT = 100

MAX_LIMIT = 1000

_SORTABLE = ("id", "created_at", "updated_at", "touched_at", "published_at", "happened_at", "score")


class Where(msgspec.Struct, frozen=True):
    """A condition and the values that are bound to it."""

    sql: str
    values: tuple[Any, ...] = ()


def where(kind: Kind, body: dict[str, Any], now: int) -> Where:
    """The condition of a query body; raises Refused for what the language does not know."""
    return _all([_condition(kind, body.get(part) or {}, now) for part in ("criteria", "filters")])


def _condition(kind: Kind, given: object, now: int) -> Where:
    if isinstance(given, list):
        return _all([_condition(kind, item, now) for item in given])
    if not isinstance(given, dict):
        raise _unknown(f"A condition must be an object, not {given!r}.")
    return _all([_term(kind, name, wanted, now) for name, wanted in given.items()])


def _term(kind: Kind, name: str, wanted: object, now: int) -> Where:
    if name in ("+and", "+or"):
        items = wanted if isinstance(wanted, list) else [wanted]
        return _join(f" {name[1:].upper()} ", [_condition(kind, item, now) for item in items])
    if isinstance(wanted, list):
        return _join(" OR ", [_term(kind, name, item, now) for item in wanted])
    if isinstance(wanted, dict) and not ("name" in wanted and len(wanted) == 1):
        return _all([_comparison(kind, name, how, value, now) for how, value in wanted.items()])
    return _comparison(kind, name, "is", wanted, now)


def _comparison(kind: Kind, name: str, how: str, wanted: object, now: int) -> Where:
    value = wanted["name"] if isinstance(wanted, dict) and "name" in wanted else wanted
    if how == "+contains":
        compare, value = "LIKE", f"%{value}%"
    elif how in _COMPARE:
        compare = _COMPARE[how]
    else:
        raise _unknown(f"The operator {how} is not known.")
    if name == "mentions":
        return Where("(key LIKE ? OR description LIKE ?)", (f"%{wanted}%", f"%{wanted}%"))
    if name in _TIMES:
        return Where(f"{name} {compare} ?", (_moment(str(value), now),))
    if name in _NUMBERS:
        return Where(f"{name} {compare} ?", (_number(name, value),))
    if name == kind.key:
        return Where(f"key {compare} ?", (value,))
    return _by_name(kind, name, compare, value)


def _by_name(kind: Kind, name: str, compare: str, value: object) -> Where:
    noun = name.removesuffix("_name").removesuffix("s") if name != "status" else name
    sql = _BY_NAME.get("status" if name == "status_name" else noun)
    if sql is None or (noun == "type" and not (kind.is_indicator or kind.is_event)):
        raise _unknown(f"The field {name} is not known.")
    types = "event_types" if kind.is_event else "indicator_types"
    return Where(sql.format(types=types, number=kind.number, compare=compare), (value,))


def _moment(text: str, now: int) -> int:
    relative = _RELATIVE.match(text.upper())
    if relative:
        return now - (int(relative[1]) * _SECONDS[relative[2]] if relative[1] else 0)
    try:
        return clock.parse(text)
    except ValueError:
        raise _unknown(f"The time {text} cannot be read.") from None


def _number(name: str, value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise _unknown(f"The {name} must be a number, not {value!r}.") from None


def _all(parts: list[Where]) -> Where:
    return _join(" AND ", parts)


def _join(how: str, parts: list[Where]) -> Where:
    parts = [part for part in parts if part.sql]
    sql = how.join(part.sql for part in parts)
    return Where(
        f"({sql})" if len(parts) > 1 else sql, tuple(value for part in parts for value in part.values)
    )


def _unknown(message: str) -> Refused:
    return Refused(400, {"errors": [message]})


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
        column = "key" if field == kind.key else field
        if column != "key" and column not in _FIND_SORTABLE:
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


class Page(msgspec.Struct, frozen=True):
    """Which rows a request wants, in which order; `cursor` None pages by offset."""

    limit: int
    offset: int
    columns: tuple[str, ...]
    descending: bool
    cursor: str | None

    @property
    def order(self) -> str:
        """The ORDER BY, which ends in the id and so is total."""
        return ", ".join(f"{column} {'DESC' if self.descending else 'ASC'}" for column in self.columns)

    def after(self) -> Where:
        """The condition that skips what the cursor has passed."""
        if self.cursor in (None, "*"):
            return Where("")
        values = _decode(str(self.cursor))
        if len(values) != len(self.columns):
            raise _bad_cursor()
        marks = ", ".join("?" * len(values))
        return Where(
            f"({', '.join(self.columns)}) {'<' if self.descending else '>'} ({marks})", tuple(values)
        )

    def next_cursor(self, last: tuple[Any, ...] | None) -> str:
        """The mark after the last row; without one the mark stays as it is, which ends the paging."""
        return str(self.cursor) if last is None else _encode(last)


def page(call: Call) -> Page:
    """Read a request's paging; raises Refused for a sort that a cursor cannot follow."""
    names = [name.strip() for name in call.query.get("sort", "id").split(",") if name.strip()]
    directions = {name.startswith("-") for name in names}
    if len(directions) > 1:
        raise Refused(400, {"errors": ["Sort fields must all go in the same direction."]})
    limit = max(0, min(call.number("limit", DEFAULT_LIMIT), MAX_LIMIT))
    offset = max(0, call.number("offset", 0))
    return Page(limit, offset, _columns(call.kind, names), directions == {True}, call.query.get("cursorMark"))


def _columns(kind: Kind, names: list[str]) -> tuple[str, ...]:
    fields = [name.lstrip("+-") for name in names]
    columns = ["key" if field == kind.key else field for field in fields]
    for column in columns:
        if column != "key" and column not in _SORTABLE:
            raise Refused(400, {"errors": [f"The sort field {column} is not known."]})
    # Without the unique id at its end an order is not total, and a cursor would skip or repeat rows.
    kept = columns[: columns.index("id")] if "id" in columns else columns
    return (*(f"COALESCE({name}, -1)" if name in ("score", "happened_at") else name for name in kept), "id")


def _encode(values: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode()


def _decode(mark: str) -> list[Any]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(mark), type=list[Any])
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise _bad_cursor() from None


def _bad_cursor() -> Refused:
    return Refused(400, {"errors": ["The cursorMark cannot be read."]})
