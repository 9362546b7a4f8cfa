"""/api/events/import: a spearphish e-mail becomes an event in several steps. No indicators are read out of its text."""

from __future__ import annotations

from typing import Any

import msgspec

from sandbox.threatq.handlers.drafts import Invalid, draft
from sandbox.threatq.handlers.ingest import Ingest
from sandbox.threatq.model.call import Answer, Call, not_found, refused, single
from sandbox.threatq.model.kinds import EVENTS

#: What a step may change of the event that is to be.
_OF_THE_EVENT = ("title", "happened_at", "description")


def create(call: Call) -> Answer:
    """POST: title, happened_at, text, sources; the type is Spearphish."""
    fields = call.fields
    event = {"type": "Spearphish", **fields, "description": fields.get("description") or fields.get("text")}
    for unset in ("text", "type_id"):
        event.pop(unset, None)
    _read(call, event)
    id = call.threatq.store.run("INSERT INTO imports (event) VALUES (?)", _text(event))
    return single(_row(id, event, None), 201)


def show(call: Call) -> Answer:
    """GET …/{id}: the event that is to be, under the number of the import."""
    id, event, status_id = _load(call)
    return single(_row(id, event, status_id))


def update(call: Call) -> Answer:
    """PUT …/{id}: the status of the indicators that the import would make."""
    id, event, _ = _load(call)
    status_id = call.fields.get("indicator_status_id")
    call.threatq.store.run("UPDATE imports SET status_id = ? WHERE id = ?", status_id, id)
    return single(_row(id, event, status_id))


def change_event(call: Call) -> Answer:
    """PUT …/{id}/events/{event}: its title, time and description."""
    id, event, status_id = _load(call)
    changed = {name: call.fields[name] for name in _OF_THE_EVENT if call.fields.get(name) is not None}
    event = {**event, **changed}
    _read(call, event)
    call.threatq.store.run("UPDATE imports SET event = ? WHERE id = ?", _text(event), id)
    return single(_row(id, event, status_id)["events"][0])


def commit(call: Call) -> Answer:
    """GET …/{id}/commit: make the event; answers its number."""
    id, event, _ = _load(call)
    made, _ = Ingest(call.threatq, call.account).write(_read(call, event))
    call.threatq.store.run("DELETE FROM imports WHERE id = ?", id)
    return single({"id": made})


def _read(call: Call, event: dict[str, Any]) -> Any:
    try:
        return draft(call.threatq, EVENTS, event)
    except Invalid as invalid:
        raise refused(invalid.field, invalid.message) from invalid


def _load(call: Call) -> tuple[int, dict[str, Any], int | None]:
    row = call.threatq.store.one("SELECT * FROM imports WHERE id = ?", call.path["id"])
    if row is None:
        raise not_found()
    return row["id"], msgspec.json.decode(row["event"]), row["status_id"]


def _row(id: int, event: dict[str, Any], status_id: int | None) -> dict[str, Any]:
    shown = {"id": id, **{name: event.get(name) for name in _OF_THE_EVENT}}
    return {"id": id, "indicator_status_id": status_id, "events": [shown], "attachments": []}


def _text(event: dict[str, Any]) -> str:
    return msgspec.json.encode(event).decode()
