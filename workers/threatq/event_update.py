"""Telling an event that is there of the firings that it stands for: counts, times, values and what they relate to.

All is written as it is by now, so a call that is made twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from workers.core.errors import Rejected
from workers.indicators.model import Attribute
from workers.payload.builder import cut
from workers.threatq.client import Json, row_id, rows
from workers.threatq.errors import ServiceRefusal
from workers.threatq.event_draft import Draft, EventRequest, WithheldEvent
from workers.threatq.event_relations import relate_all
from workers.threatq.objects import add_attributes, relate
from workers.threatq.service import ThreatQ

#: What stands around the part of a description that is written anew each time.
BEGIN, END = "[Firings of this event]", "[End of the firings]"


class EventNews(Struct, frozen=True):
    """What an event is told: a new title ("": it keeps its own), attributes in the place of those of their names.

    `summary` goes to the top of the description, which has `room` characters; `values` names what else to relate.
    """

    title: str
    attributes: tuple[Attribute, ...]
    summary: str
    room: int
    values: EventRequest | None = None


class EventGone(Rejected):
    """The event is in ThreatQ no more."""


def tell_event(threatq: ThreatQ, event_id: int, source: str, news: EventNews) -> tuple[str, ...]:
    """Bring an event up to date; return warnings about what ThreatQ did not take.

    Raises EventGone where an analyst has deleted it, MissingRights, ConfigError and ServiceAway.
    """
    row = _read(threatq, event_id)
    change = {"description": described(str(row.get("description") or ""), news.summary, news.room)}
    if news.title:
        change["title"] = news.title
    threatq.caller.call("PUT", f"/api/events/{event_id}", json=change)
    _set_attributes(threatq, row, news.attributes, source)
    return _relate(threatq, event_id, source, news.values) if news.values else ()


def described(before: str, summary: str, room: int) -> str:
    """Return a description with the summary in the place of an earlier one, and as much of the rest as has room."""
    _, is_there, rest = before.partition(END)
    rest = rest if is_there and before.startswith(BEGIN) else before
    block = f"{BEGIN}\n{summary}\n{END}"
    return cut(f"{block}\n\n{rest.strip()}".strip(), room)[0]


def _read(threatq: ThreatQ, event_id: int) -> Json:
    try:
        answer = threatq.caller.call("GET", f"/api/events/{event_id}", params={"with": "attributes"})
    except ServiceRefusal as error:
        if error.status == 404:
            raise EventGone(f"ThreatQ has event {event_id} no more") from error
        raise
    row = next(iter(rows(answer)), None)
    if row is None:
        raise EventGone(f"ThreatQ does not show event {event_id} any more")
    return row


def _set_attributes(threatq: ThreatQ, row: Json, attributes: Sequence[Attribute], source: str) -> None:
    """Give attributes their new values; only what differs is written."""
    path = f"/api/events/{row_id(row)}/attributes"
    entries = [entry for entry in row.get("attributes") or () if isinstance(entry, dict)]
    there = {_name(entry): entry for entry in entries}
    for attribute in attributes:
        entry = there.get(attribute.name)
        if entry is None:
            add_attributes(threatq.caller, "events", row_id(row), [attribute], source)
        elif str(entry.get("value")) != attribute.value:
            threatq.caller.call("PUT", f"{path}/{row_id(entry)}", json={"value": attribute.value})


def _name(entry: Json) -> str:
    nested = entry.get("attribute")
    return str(entry.get("name") or (nested.get("name") if isinstance(nested, dict) else ""))


def _relate(threatq: ThreatQ, event_id: int, source: str, values: EventRequest) -> tuple[str, ...]:
    draft = Draft(values)
    relate_all(threatq, [draft])
    if isinstance(draft.refused, WithheldEvent):
        draft.warnings.append(draft.refused.reason)
    for collection, ids in draft.ids().items():
        try:
            relate(threatq.caller, event_id, collection, ids)
        except ServiceRefusal as error:
            draft.warnings.append(f"{collection} could not be related: {error}")
    add_attributes(threatq.caller, "events", event_id, draft.instead, source)
    return tuple(dict.fromkeys(draft.warnings))
