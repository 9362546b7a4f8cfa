"""Bulk creation: many objects in one call, the bad ones among them told apart, and each row given to its item.

Calls POST /api/{collection}/consume (SPL2: at most 500 items). ThreatQ refuses a bulk as a whole when
one item is bad, so a refused bulk is halved until exactly the bad items stand alone.

ThreatQ may store another spelling than it was sent (a URL without its scheme), and may leave rows out,
so a row is matched by its key first, and by its place only where the counts agree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from workers.core.errors import MissingRights
from workers.threatq.client import Caller, Json, rows
from workers.threatq.errors import ServerFault, ServiceRefusal, item_error

#: Items in one call, as the vendor's own client sends them.
MAX_ITEMS = 500

#: Internal errors (500) in a row after which ThreatQ as a whole is taken to be broken, not one object.
MAX_FAULTS = 8

Sender = Callable[[Sequence[Json]], list[Json]]

#: What became of one item: its row, its refusal, or None where the answer does not tell.
Fate = Json | ServiceRefusal | None

#: The field that names an object, for the kinds that do not call it `value` (Siemplify, SPL2).
KEY_FIELDS = {
    "events": "title",
    "attachments": "title",
    "adversaries": "name",
    "signatures": "name",
    "tasks": "name",
}


def consume(
    caller: Caller, collection: str, items: Sequence[Json], *, blame_item: bool = False
) -> list[Fate]:
    """Create `items` in bulk and return the fate of each, in their order; like `send_all`."""
    return send_all(items, partial(post, caller, collection), key_field(collection), blame_item=blame_item)


def post(caller: Caller, collection: str, items: Sequence[Json]) -> list[Json]:
    """Send one bulk call and return its rows; raises MissingRights for a bare answer, which means that."""
    body = caller.call("POST", f"/api/{collection}/consume", json=list(items))
    if items and not body:
        raise MissingRights(
            f"ThreatQ makes no {collection} for this account; give it the right to create them"
        )
    return rows(body)


def send_all(
    items: Sequence[Json], send: Sender, field: str, *, size: int = MAX_ITEMS, blame_item: bool = False
) -> list[Fate]:
    """Send `items` in chunks, halving refused ones; raises Refusal if the call itself does not exist.

    Raises ServerFault where ThreatQ fails on all of them, unless it is known that they are `blame_item` for it.
    """
    fates: list[Fate] = [None] * len(items)
    parts = deque(range(start, min(start + size, len(items))) for start in range(0, len(items), size))
    faults = 0
    while parts:
        part = parts.popleft()
        sent = [items[index] for index in part]
        try:
            answer = send(sent)
        except ServiceRefusal as error:
            if error.is_absent:
                raise
            _halve(part, parts, fates, error)
        except ServerFault as error:
            faults += 1
            if faults >= MAX_FAULTS or (len(items) == 1 and not blame_item):
                raise
            _halve(part, parts, fates, Poison(error))
        else:
            faults = 0
            for index, fate in zip(part, _fates(sent, answer, field), strict=True):
                fates[index] = fate
    return fates if blame_item else _unless_all_fault(fates)


def _halve(part: range, parts: deque[range], fates: list[Fate], error: ServiceRefusal) -> None:
    """Put both halves at the end of the line, or blame the one item that is left."""
    if len(part) == 1:
        fates[part[0]] = error
    else:
        middle = len(part) // 2
        parts.extend((part[:middle], part[middle:]))


def _fates(sent: Sequence[Json], answer: Sequence[Json], field: str) -> list[Fate]:
    """Return each item's row, or the refusal that its row carries (Polarity checks `data[0].error`)."""
    return [row if row is None else _judged(row) for row in match(sent, answer, field)]


def _judged(row: Json) -> Fate:
    if reason := item_error(row):
        return ServiceRefusal(f"ThreatQ refuses this item: {reason}", status=200)
    return row if "id" in row else None


class Poison(ServiceRefusal):
    """ThreatQ fails inside (500) on this object each time, while it takes others."""

    def __init__(self, fault: ServerFault) -> None:
        super().__init__(f"ThreatQ takes others but fails on this one: {fault}", status=500)
        self.fault = fault


def _unless_all_fault(fates: list[Fate]) -> list[Fate]:
    """Return the fates; if every item met an internal error, it is ThreatQ that is away."""
    blamed = [fate for fate in fates if isinstance(fate, Poison)]
    if blamed and len(blamed) == len(fates):
        raise blamed[0].fault
    return fates


def key_field(collection: str) -> str:
    """Return the field by which objects of this collection are known."""
    return KEY_FIELDS.get(collection, "value")


def type_name(row: Json) -> str:
    """Return the type's name of a row or an item, whose `type` is a name or an object, or ""."""
    kind = row.get("type")
    if isinstance(kind, dict):
        kind = kind.get("name")
    return kind if isinstance(kind, str) else ""


def match(items: Sequence[Json], answer: Sequence[Json], field: str) -> list[Json | None]:
    """Return for each item its row, or None where no row can be told to be its own."""
    if len(items) == len(answer) and all(map(partial(_is_its_own, field), items, answer)):
        return list(answer)
    free = dict(enumerate(answer))
    matches: list[Json | None] = [None] * len(items)
    for same in (_equal, _alike):
        _take(items, matches, free, field, same)
    if len(items) == len(answer):
        for place, row in enumerate(matches):
            if row is None:
                matches[place] = free.pop(place, None)
    return matches


def _is_its_own(field: str, item: Json, row: Json) -> bool:
    """Tell whether the row in an item's place has its key, and no other type."""
    return bool(_equal(item.get(field)) == _equal(row.get(field))) and _fits(item, row)


def _take(
    items: Sequence[Json],
    matches: list[Json | None],
    free: dict[int, Json],
    field: str,
    same: Callable[[Any], Any],
) -> None:
    """Give each item that has no row yet the first free row of the same key and type."""
    places: dict[Any, list[int]] = {}
    for place, row in free.items():
        places.setdefault(same(row.get(field)), []).append(place)
    for index, item in enumerate(items):
        if matches[index] is not None:
            continue
        fitting = [p for p in places.get(same(item.get(field)), ()) if p in free and _fits(item, free[p])]
        if fitting:
            # Its own place first: with equal keys the order of the answer is the best there is to go by.
            matches[index] = free.pop(index if index in fitting else fitting[0])


def _fits(item: Json, row: Json) -> bool:
    """Whether the types agree, as far as the row shows its own."""
    wanted, shown = type_name(item), type_name(row)
    return not wanted or not shown or wanted.casefold() == shown.casefold()


def _equal(value: Any) -> Any:
    return str(value) if isinstance(value, dict | list) else value


def _alike(value: Any) -> Any:
    return value.strip().casefold() if isinstance(value, str) else _equal(value)
