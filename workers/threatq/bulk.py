"""Bulk creation: many objects in one call, and the bad ones among them told apart.

Calls POST /api/{collection}/consume (SPL2: at most 500 items). ThreatQ refuses a bulk as a whole when
one item is bad, so a refused bulk is halved until exactly the bad items stand alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from workers.errors import MissingRights
from workers.threatq.client import Caller, Json, rows
from workers.threatq.failure import Refusal, ServerFault, item_error
from workers.threatq.matching import key_field, match

#: Items in one call, as the vendor's own client sends them.
MAX_ITEMS = 500
#: Internal errors (500) in a row after which ThreatQ as a whole is taken to be broken, not one object.
MAX_FAULTS = 8

Sender = Callable[[Sequence[Json]], list[Json]]
#: What became of one item: its row, its refusal, or None where the answer does not tell.
Fate = Json | Refusal | None


def consume(caller: Caller, collection: str, items: Sequence[Json], *, to_blame: bool = False) -> list[Fate]:
    """Create `items` in bulk and return the fate of each, in their order; like `send_all`."""
    return send_all(items, partial(post, caller, collection), key_field(collection), to_blame=to_blame)


def post(caller: Caller, collection: str, items: Sequence[Json]) -> list[Json]:
    """Send one bulk call and return its rows; raises MissingRights for a bare answer, which means that."""
    body = caller.call("POST", f"/api/{collection}/consume", json=list(items))
    if items and not body:
        raise MissingRights(
            f"ThreatQ makes no {collection} for this account; give it the right to create them"
        )
    return rows(body)


def send_all(
    items: Sequence[Json], send: Sender, field: str, *, size: int = MAX_ITEMS, to_blame: bool = False
) -> list[Fate]:
    """Send `items` in chunks, halving refused ones; raises Refusal if the call itself does not exist.

    Raises ServerFault where ThreatQ fails on all of them, unless it is known that they are `to_blame` for it.
    """
    fates: list[Fate] = [None] * len(items)
    parts = deque(range(at, min(at + size, len(items))) for at in range(0, len(items), size))
    faults = 0
    while parts:
        part = parts.popleft()
        sent = [items[at] for at in part]
        try:
            answer = send(sent)
        except Refusal as error:
            if error.is_absent:
                raise
            _halve(part, parts, fates, error)
        except ServerFault as error:
            faults += 1
            if faults >= MAX_FAULTS or (len(items) == 1 and not to_blame):
                raise
            _halve(part, parts, fates, Poison(error))
        else:
            faults = 0
            for at, fate in zip(part, _fates(sent, answer, field), strict=True):
                fates[at] = fate
    return fates if to_blame else _unless_all_fault(fates)


def _halve(part: range, parts: deque[range], fates: list[Fate], error: Refusal) -> None:
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
    if said := item_error(row):
        return Refusal(f"ThreatQ refuses this item: {said}", status=200)
    return row if "id" in row else None


class Poison(Refusal):
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
