"""Which row of a bulk answer belongs to which item of the request.

ThreatQ may store another spelling than it was sent (a URL without its scheme), and may leave rows out,
so a row is matched by its key first, and by its place only where the counts agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workers.threatq.client import Json

#: The field that names an object, for the kinds that do not call it `value` (Siemplify, SPL2).
KEY_FIELDS = {
    "events": "title",
    "attachments": "title",
    "adversaries": "name",
    "signatures": "name",
    "tasks": "name",
}


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
    free = dict(enumerate(answer))
    found: list[Json | None] = [None] * len(items)
    for same in (_equal, _alike):
        _take(items, found, free, field, same)
    if len(items) == len(answer):
        for place, row in enumerate(found):
            if row is None:
                found[place] = free.pop(place, None)
    return found


def _take(
    items: Sequence[Json],
    found: list[Json | None],
    free: dict[int, Json],
    field: str,
    same: Callable[[Any], Any],
) -> None:
    """Give each item that has no row yet the first free row of the same key and type."""
    places: dict[Any, list[int]] = {}
    for place, row in free.items():
        places.setdefault(same(row.get(field)), []).append(place)
    for at, item in enumerate(items):
        if found[at] is not None:
            continue
        fitting = [p for p in places.get(same(item.get(field)), ()) if p in free and _fits(item, free[p])]
        if fitting:
            # Its own place first: with equal keys the order of the answer is the best there is to go by.
            found[at] = free.pop(at if at in fitting else fitting[0])


def _fits(item: Json, row: Json) -> bool:
    """Whether the types agree, as far as the row shows its own."""
    wanted, shown = type_name(item), type_name(row)
    return not wanted or not shown or wanted.casefold() == shown.casefold()


def _equal(value: Any) -> Any:
    return value


def _alike(value: Any) -> Any:
    return value.strip().casefold() if isinstance(value, str) else value
