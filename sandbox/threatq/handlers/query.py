"""The threat library's query language, turned into SQL: conditions on an object and on what hangs on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sandbox.threatq.model import clock
from sandbox.threatq.model.call import Refused
from sandbox.threatq.model.defaults import TLP
from sandbox.threatq.model.kinds import KINDS, Kind
from sandbox.threatq.model.type_rows import table_of

_COMPARE = {"+gt": ">", "+gte": ">=", "+lt": "<", "+lte": "<=", "is": "=", "+is": "=", "+not": "<>"}

_TIMES = frozenset(
    {"created_at", "updated_at", "touched_at", "published_at", "happened_at", "last_detected_at"}
)

_NUMBERS = frozenset({"id", "score", "type_id", "status_id"})

#: What is known by name, with its plural: `type`, `types` and `type_name` are the same.
_NOUNS = {
    "type": "types",
    "status": "statuses",
    "source": "sources",
    "tag": "tags",
    "tlp": "tlps",
    "adversary": "adversaries",
}

_NOUN_OF = {
    spelling: noun for noun, plural in _NOUNS.items() for spelling in (noun, plural, f"{noun}_name")
} | {"tlp_id": "tlp"}

# One for each object: the column that holds its id.
_COLUMN_OF = {
    "type": "type_id IN (SELECT id FROM {types} WHERE name {compare} ?)",
    "status": "status_id IN (SELECT id FROM statuses WHERE name {compare} ?)",
}

# Any number for each object: the ids of the objects that have one.
_HAVING = {
    "source": "SELECT o.object_id FROM object_sources o JOIN sources s ON s.id = o.source_id"
    " WHERE o.kind = {number} AND s.name {compare} ?",
    "tag": "SELECT o.object_id FROM object_tags o JOIN tags t ON t.id = o.tag_id"
    " WHERE o.kind = {number} AND t.name {compare} ?",
    "tlp": "SELECT object_id FROM object_sources WHERE kind = {number} AND tlp_id {compare} ?",
    "adversary": "SELECT r.id FROM related r JOIN adversaries a ON a.id = r.other_id"
    " WHERE r.kind = {number} AND r.other_kind = {adversaries} AND a.key {compare} ?",
}

_ATTRIBUTE = (
    "SELECT a.object_id FROM attributes a JOIN attribute_names n ON n.id = a.attribute_id WHERE a.kind = "
)

_ATTRIBUTE_COLUMNS = {"name": "n.name", "value": "a.value"}

#: Occur in customers' searches; how they are spelled there was not seen.
_GUESSED = frozenset({"tag", "tlp", "adversary"})


class Where(msgspec.Struct, frozen=True):
    """A condition and the values that are bound to it."""

    sql: str
    values: tuple[Any, ...] = ()


class Scope(msgspec.Struct, frozen=True):
    """What a condition is about: a kind, seen at a time, and which parts of the language the server knows."""

    kind: Kind
    now: int
    guesses: bool = True
    inclusive_times: bool = True


def where(scope: Scope, body: dict[str, Any]) -> Where:
    """The condition of a query body; raises Refused for what the language does not know."""
    return _all([_condition(scope, body.get(part) or {}) for part in ("criteria", "filters")])


def _condition(scope: Scope, given: object) -> Where:
    if isinstance(given, list):
        return _all([_condition(scope, item) for item in given])
    if not isinstance(given, dict):
        raise _unknown(f"A condition must be an object, not {given!r}.")
    return _all([_term(scope, name, wanted) for name, wanted in given.items()])


def _term(scope: Scope, name: str, wanted: object) -> Where:
    if name in ("+and", "+or"):
        items = wanted if isinstance(wanted, list) else [wanted]
        return _join(f" {name[1:].upper()} ", [_condition(scope, item) for item in items])
    if isinstance(wanted, list):
        return _join(" OR ", [_term(scope, name, item) for item in wanted])
    if name in ("attributes", "attribute") and scope.guesses:
        return _with_attribute(scope, wanted)
    return _all([_comparison(scope, name, how, value) for how, value in _comparisons(wanted)])


def _comparisons(wanted: object) -> Iterator[tuple[str, object]]:
    """Yield operators and values: of `{"+gte": 5, "+lt": 8}`, of `{"name": "FQDN"}`, or of a plain value."""
    if isinstance(wanted, dict) and wanted.keys() != {"name"}:
        yield from wanted.items()
    else:
        yield "is", wanted["name"] if isinstance(wanted, dict) else wanted


def _comparison(scope: Scope, name: str, how: str, value: object) -> Where:
    if name == "mentions":
        return Where("(key LIKE ? OR description LIKE ?)", (f"%{value}%", f"%{value}%"))
    if name in _TIMES:
        if how in ("+gte", "+lte") and not scope.inclusive_times:
            raise _unknown(f"The operator {how} is not known for {name}.")
        return _compared(name, how, _moment(scope, str(value)))
    if name in _NUMBERS:
        return _compared(name, how, _number(name, value))
    if name == scope.kind.key:
        return _compared("key", how, value)
    noun = _NOUN_OF.get(name, "")
    if (
        not noun
        or (noun == "type" and table_of(scope.kind) is None)
        or (noun in _GUESSED and not scope.guesses)
    ):
        raise _unknown(f"The field {name} is not known.")
    return _by_name(scope.kind, noun, how, _tlp_id(value) if noun == "tlp" else value)


def _by_name(kind: Kind, noun: str, how: str, value: object) -> Where:
    if noun in _COLUMN_OF:
        compare, bound = _operator(how, value)
        return Where(_COLUMN_OF[noun].format(types=table_of(kind), compare=compare), (bound,))
    # Without a thing is not the same as with another one.
    among, how = ("NOT IN", "is") if how == "+not" else ("IN", how)
    compare, bound = _operator(how, value)
    numbers = {"number": kind.number, "adversaries": KINDS["adversaries"].number}
    return Where(f"id {among} ({_HAVING[noun].format(compare=compare, **numbers)})", (bound,))


def _with_attribute(scope: Scope, wanted: object) -> Where:
    """The objects that have an attribute of this name, of this value, or of both."""
    if not isinstance(wanted, dict) or not wanted or wanted.keys() - _ATTRIBUTE_COLUMNS.keys():
        raise _unknown(f"An attribute has a name and a value, not {wanted!r}.")
    parts = [
        _compared(_ATTRIBUTE_COLUMNS[field], how, value)
        for field, given in wanted.items()
        for how, value in _comparisons(given)
    ]
    matching = _all(parts)
    return Where(f"id IN ({_ATTRIBUTE}{scope.kind.number} AND {matching.sql})", matching.values)


def _compared(column: str, how: str, value: object) -> Where:
    compare, bound = _operator(how, value)
    return Where(f"{column} {compare} ?", (bound,))


def _operator(how: str, value: object) -> tuple[str, object]:
    """SQL's operator and what is bound to it."""
    if how == "+contains":
        return "LIKE", f"%{value}%"
    if how not in _COMPARE:
        raise _unknown(f"The operator {how} is not known.")
    return _COMPARE[how], value


def _moment(scope: Scope, text: str) -> int:
    try:
        return clock.moment(text, scope.now, words=scope.guesses)
    except ValueError:
        raise _unknown(f"The time {text} cannot be read.") from None


def _number(name: str, value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise _unknown(f"The {name} must be a number, not {value!r}.") from None


def _tlp_id(value: object) -> int:
    text = str(value).upper()
    if text not in TLP and not text.isdigit():
        raise _unknown(f"The TLP {value!r} is not known.")
    return TLP[text] if text in TLP else int(text)


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
