"""The threat library's query language, turned into SQL: criteria, filters, +and, +or, comparisons."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sandbox.threatq import clock
from sandbox.threatq.call import Refused
from sandbox.threatq.kinds import Kind

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
