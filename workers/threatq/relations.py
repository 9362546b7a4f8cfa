"""What hangs on an event: related objects, attributes, comments; adding it twice is harmless (§4, §5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workers.plan import Attribute
from workers.threatq.client import Caller, Json, pages, rows

#: Rows asked for at once; ThreatQ's limit on relations (Siemplify).
PAGE_SIZE = 1_000
#: Ids in one call.
MAX_IDS = 500


def relate(caller: Caller, event_id: int, collection: str, ids: Sequence[int]) -> None:
    """Relate objects to an event; raises Refusal."""
    for at in range(0, len(ids), MAX_IDS):
        body = [{"id": id_} for id_ in ids[at : at + MAX_IDS]]
        caller.call("POST", f"/api/events/{event_id}/{collection}", json=body)


def related_ids(caller: Caller, event_id: int, collection: str) -> set[int]:
    """Return the ids of the objects of one kind that are related to an event."""
    path = f"/api/events/{event_id}/{collection}"
    return {int(row["id"]) for page in pages(caller, path, {}, size=PAGE_SIZE) for row in page}


def attribute_items(attributes: Iterable[Attribute], source: str) -> list[Json]:
    """Return attributes as requests carry them, each with its source."""
    sources = [{"name": source}] if source else []
    # An empty value says nothing, and would cost the whole object: ThreatQ requires one.
    return [{"name": a.name, "value": a.value, "sources": sources} for a in attributes if a.value.strip()]


def attributes_in(row: Json) -> set[tuple[str, str]]:
    """Return name and value of the attributes in a row; older answers keep the name under `attribute`."""
    found = row.get("attributes")
    return {_pair(entry) for entry in found if isinstance(entry, dict)} if isinstance(found, list) else set()


def attributes_of(caller: Caller, event_id: int) -> set[tuple[str, str]]:
    """Return name and value of every attribute of an event."""
    path = f"/api/events/{event_id}/attributes"
    found = pages(caller, path, {"with": "attribute"}, size=PAGE_SIZE)
    return {_pair(row) for page in found for row in page}


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
