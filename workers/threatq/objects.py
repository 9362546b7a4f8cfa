"""Making sure that objects exist: indicators, identities, malware, assets, many in one call."""

from __future__ import annotations

from collections.abc import Sequence

from workers.threatq.bulk import Fate, Poison, consume
from workers.threatq.client import Caller, Json, rows
from workers.threatq.exact import find_exact, spellings
from workers.threatq.failure import Refusal, ServerFault, item_error
from workers.threatq.matching import key_field, type_name
from workers.threatq.outcome import Made


def ensure(
    caller: Caller, collection: str, items: Sequence[Json], *, to_blame: bool = False
) -> list[Made | Refusal]:
    """Create what is missing and return each object, or why ThreatQ does not take it; `to_blame` as for `send_all`.

    One bulk call; an item that the answer leaves out is looked up. A kind that has no bulk call gets
    one look-up and one creation each (SPL2 saw `consume` for all kinds, others only single calls).
    """
    if not items:
        return []
    try:
        fates = consume(caller, collection, items, to_blame=to_blame)
    except Refusal as error:
        if not error.is_absent:
            raise
        fates = [_one_by_one(caller, collection, item, to_blame) for item in items]
    return [_settled(caller, collection, item, fate) for item, fate in zip(items, fates, strict=True)]


def made(collection: str, item: Json, row: Json) -> Made:
    """Return what a row says about the object that `item` asked for."""
    value = row.get(key_field(collection)) or item[key_field(collection)]
    kind = type_name(row) or type_name(item)
    return Made(collection, int(row["id"]), str(value), kind, existing(row))


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


def _settled(caller: Caller, collection: str, item: Json, fate: Fate) -> Made | Refusal:
    if isinstance(fate, Refusal):
        return fate
    row = fate or find(caller, collection, item)
    if row is None:
        return Refusal(f"ThreatQ took {item[key_field(collection)]!r} but does not show it", status=200)
    return made(collection, item, row)


def _one_by_one(caller: Caller, collection: str, item: Json, to_blame: bool) -> Fate:
    """Look an object up, else create it with the single call."""
    try:
        row = find(caller, collection, item)
        if row is not None:
            return {**row, "existing": "Y"}
        created = rows(caller.call("POST", f"/api/{collection}", json=item))
    except Refusal as error:
        return error
    except ServerFault as error:
        if not to_blame:
            raise
        return Poison(error)
    if created and item_error(created[0]):
        return Refusal(item_error(created[0]), status=200)
    return next((row for row in created if "id" in row), None)
