"""Making sure that objects exist, and that they hang on an event; doing it twice is harmless (§4, §5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from workers.indicators.model import Attribute
from workers.indicators.parse import spellings
from workers.threatq.bulk import Fate, Poison, consume, key_field, type_name
from workers.threatq.client import Caller, Json, pages, row_id, rows
from workers.threatq.errors import ServerFault, ServiceRefusal, item_error
from workers.threatq.search import find_exact

#: Rows asked for at once; ThreatQ's limit on relations (Siemplify).
PAGE_SIZE = 1_000

#: Ids in one call.
MAX_IDS = 500


def ensure(
    caller: Caller, collection: str, items: Sequence[Json], *, blame_item: bool = False
) -> list[Made | ServiceRefusal]:
    """Create what is missing and return each object, or why ThreatQ does not take it; `blame_item` as for `send_all`.

    One bulk call; an item that the answer leaves out is looked up. A kind that has no bulk call gets
    one look-up and one creation each (SPL2 saw `consume` for all kinds, others only single calls).
    """
    if not items:
        return []
    try:
        fates = consume(caller, collection, items, blame_item=blame_item)
    except ServiceRefusal as error:
        if not error.is_absent:
            raise
        fates = [_one_by_one(caller, collection, item, blame_item) for item in items]
    return [_settled(caller, collection, item, fate) for item, fate in zip(items, fates, strict=True)]


def made(collection: str, item: Json, row: Json) -> Made:
    """Return what a row says about the object that `item` asked for."""
    value = row.get(key_field(collection)) or item[key_field(collection)]
    kind = type_name(row) or type_name(item)
    return Made(collection, row_id(row), str(value), kind, existing(row))


def existing(row: Json) -> bool | None:
    """Return the `existing` flag, "Y" or "N" on objects and a number on sources (XSOAR, Siemplify)."""
    flag = row.get("existing")
    return None if flag is None else flag in ("Y", "y", 1, "1", True)


def find(caller: Caller, collection: str, item: Json) -> Json | None:
    """Return the object that `item` describes, by its key and its type, or None."""
    field = key_field(collection)
    wanted = type_name(item).casefold()
    for spelling in spellings(wanted, str(item[field])):
        for row in find_exact(caller, collection, field, spelling, {"with": "type"} if wanted else {}):
            if type_name(row).casefold() in (wanted, ""):
                return row
    return None


def _settled(caller: Caller, collection: str, item: Json, fate: Fate) -> Made | ServiceRefusal:
    if isinstance(fate, ServiceRefusal):
        return fate
    row = fate or find(caller, collection, item)
    if row is None:
        return ServiceRefusal(
            f"ThreatQ took {item[key_field(collection)]!r} but does not show it", status=200
        )
    return made(collection, item, row)


def _one_by_one(caller: Caller, collection: str, item: Json, blame_item: bool) -> Fate:
    """Look an object up, else create it with the single call."""
    try:
        row = find(caller, collection, item)
        if row is not None:
            return {**row, "existing": "Y"}
        created = rows(caller.call("POST", f"/api/{collection}", json=item))
    except ServiceRefusal as error:
        return error
    except ServerFault as error:
        if not blame_item:
            raise
        return Poison(error)
    if created and item_error(created[0]):
        return ServiceRefusal(item_error(created[0]), status=200)
    return next((row for row in created if "id" in row), None)


def relate(caller: Caller, event_id: int, collection: str, ids: Sequence[int]) -> None:
    """Relate objects to an event; raises Refusal."""
    for start in range(0, len(ids), MAX_IDS):
        body = [{"id": id_} for id_ in ids[start : start + MAX_IDS]]
        caller.call("POST", f"/api/events/{event_id}/{collection}", json=body)


def related_ids(caller: Caller, event_id: int, collection: str) -> set[int]:
    """Return the ids of the objects of one kind that are related to an event."""
    path = f"/api/events/{event_id}/{collection}"
    return {row_id(row) for page in pages(caller, path, {}, size=PAGE_SIZE) for row in page}


def attribute_items(attributes: Iterable[Attribute], source: str) -> list[Json]:
    """Return attributes as requests carry them, each with its source."""
    sources = [{"name": source}] if source else []
    # An empty value says nothing, and would cost the whole object: ThreatQ requires one.
    return [{"name": a.name, "value": a.value, "sources": sources} for a in attributes if a.value.strip()]


def attributes_in(row: Json) -> set[tuple[str, str]]:
    """Return name and value of the attributes in a row; older answers keep the name under `attribute`."""
    entries = row.get("attributes")
    return (
        {_pair(entry) for entry in entries if isinstance(entry, dict)} if isinstance(entries, list) else set()
    )


def attributes_of(caller: Caller, event_id: int) -> set[tuple[str, str]]:
    """Return name and value of every attribute of an event."""
    path = f"/api/events/{event_id}/attributes"
    answers = pages(caller, path, {"with": "attribute"}, size=PAGE_SIZE)
    return {_pair(row) for page in answers for row in page}


def add_attributes(
    caller: Caller, collection: str, id_: int, attributes: Sequence[Attribute], source: str
) -> None:
    """Add attributes to an object of any kind; an equal one is touched, not doubled."""
    if items := attribute_items(attributes, source):
        caller.call("POST", f"/api/{collection}/{id_}/attributes", json=items)


def add_comment(caller: Caller, event_id: int, text: str) -> None:
    """Add a comment to an event unless it has it already."""
    path = f"/api/events/{event_id}/comments"
    if all(row.get("value") != text for row in rows(caller.call("GET", path))):
        caller.call("POST", path, json={"value": text})


def _pair(row: Json) -> tuple[str, str]:
    nested = row.get("attribute")
    name = row.get("name") or (nested.get("name") if isinstance(nested, dict) else "")
    return str(name).strip(), str(row.get("value", "")).strip()


class Made(Struct, frozen=True):
    """An object that ThreatQ now holds; `existing` tells whether it did before, None if it does not say."""

    collection: str
    id: int
    value: str
    type: str = ""
    existing: bool | None = None
