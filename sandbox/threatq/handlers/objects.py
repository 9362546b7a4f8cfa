"""Create, consume, find, show, change and delete: the same for every kind of object."""

from __future__ import annotations

from typing import Any

from sandbox.threatq.handlers.drafts import Draft, Invalid, description_of, draft, moment, sources_of
from sandbox.threatq.handlers.find import find
from sandbox.threatq.handlers.ingest import Ingest
from sandbox.threatq.handlers.lookups import resolve
from sandbox.threatq.model import clock, relations, rows
from sandbox.threatq.model.call import Answer, Call, Refused, listing, not_found, refused, single
from sandbox.threatq.model.kinds import INDICATORS, Kind
from sandbox.threatq.model.store import Row, Store
from sandbox.threatq.model.type_rows import table_of


def index(call: Call) -> Answer:
    """GET /api/{collection}: exact values, OR-lists, wildcards."""
    matches, total = find(call)
    shaped = [rows.shape(call.threatq.store, call.kind, row) for row in matches]
    wanted = call.query.get("with", "")
    return listing([rows.expand(call.threatq, call.kind, row, wanted) for row in shaped], total)


def create(call: Call) -> Answer:
    """POST /api/{collection}: one object or a list."""
    if isinstance(call.body, list):
        return _take(call, call.body)
    read = _read(call, call.fields)
    if isinstance(read, Invalid):
        raise _refusal(call, [read])
    ingest = Ingest(call.threatq, call.account)
    if call.kind.is_unique and ingest.find(read) is not None:
        raise refused(call.kind.key, f"The {call.kind.key} has already been taken.")
    row = _write(ingest, read)
    # Indicators answer a list even for one; every other kind answers the object.
    return listing([row], status=201) if call.kind.is_indicator else single(row, 201)


def consume(call: Call) -> Answer:
    """POST /api/{collection}/consume, /api/indicators/consume/new: a list; `?normalize=Y` is meant for each item."""
    shared = {"normalize": call.query["normalize"]} if "normalize" in call.query else {}
    return _take(call, [{**shared, **item} if isinstance(item, dict) else item for item in call.items])


def show(call: Call) -> Answer:
    """GET /api/{collection}/{id}."""
    return single(rows.expand(call.threatq, call.kind, load(call), call.query.get("with", "")))


def details(call: Call) -> Answer:
    """GET /api/{collection}/{id}/details."""
    return single(rows.details(call.threatq, call.kind, load(call)))


def update(call: Call) -> Answer:
    """PUT /api/{collection}/{id}: status, type, description, time, value or title; sources are added."""
    load(call)
    try:
        changes = _changes(call)
        sources = sources_of(call.fields)
    except Invalid as invalid:
        raise _refusal(call, [invalid]) from invalid
    now = clock.now()
    assignments = ", ".join(f"{name} = ?" for name in [*changes, "updated_at", "touched_at"])
    sql = f"UPDATE {call.kind.collection} SET {assignments} WHERE id = ?"
    call.threatq.store.run(sql, *changes.values(), now, now, call.path["id"])
    ingest = Ingest(call.threatq, call.account)
    for source in sources:
        ingest.add_source(call.kind, call.path["id"], source)
    return show(call)


def delete(call: Call) -> Answer:
    """DELETE /api/{collection}/{id}."""
    load(call)
    erase(call.threatq.store, call.kind, call.path["id"])
    return Answer(None, 204)


def erase(store: Store, kind: Kind, id: int) -> None:
    """Remove an object with all that hangs on it."""
    relations.forget(store, (kind, id))
    for table in ("attributes", "object_sources", "object_tags", "comments", "watchlist", "spearphish"):
        store.run(f"DELETE FROM {table} WHERE kind = ? AND object_id = ?", kind.number, id)
    store.run(f"DELETE FROM {kind.collection} WHERE id = ?", id)
    if kind.is_attachment:
        store.run("DELETE FROM files WHERE id = ?", id)


def set_score(call: Call) -> Answer:
    """PUT /api/indicator/{id}/scores: a manual score, or null for the generated one."""
    given, id = call.fields.get("manual_score"), call.path["id"]
    try:
        manual = None if given in (None, "") else float(str(given))
    except ValueError:
        raise refused("manual_score", "The manual score must be a number.") from None
    if rows.load(call.threatq, INDICATORS, id) is None:
        raise not_found()
    moved = {"updated_at": "updated_at = ?2", "touched_at": "touched_at = ?2", "neither": "id = id"}
    call.threatq.store.run(
        "UPDATE indicators SET manual_score = ?1, score = CAST(COALESCE(?1, generated_score) AS INTEGER),"
        f" {moved[call.threatq.behaviour.score_moves]} WHERE id = ?3",
        *(manual, clock.now(), id),
    )
    return single(rows.score(call.threatq.store, INDICATORS, id))


def load(call: Call) -> Row:
    """The object that the path names in CRUD shape; 404 without one."""
    row = rows.load(call.threatq, call.kind, call.path["id"])
    if row is None:
        raise not_found()
    return row


def _take(call: Call, items: list[Any]) -> Answer:
    """Write a list; what happens to bad items is one of the switches."""
    read = [_read(call, item) for item in items]
    bad = [item for item in read if isinstance(item, Invalid)]
    how = call.threatq.behaviour.bulk_errors
    if bad and how != "item":
        refusal = _refusal(call, bad)
        raise refusal if how == "request" else Refused(201, {"errors": [invalid.message for invalid in bad]})
    ingest = Ingest(call.threatq, call.account)
    pairs = zip(items, read, strict=True)
    return listing(
        [
            _bad_row(call, item, out) if isinstance(out, Invalid) else _write(ingest, out)
            for item, out in pairs
        ],
        status=201,
    )


def _read(call: Call, item: object) -> Draft | Invalid:
    try:
        return draft(call.threatq, call.kind, item)
    except Invalid as invalid:
        return invalid


def _write(ingest: Ingest, draft: Draft) -> Row:
    id, existing = ingest.write(draft)
    row = rows.typed(ingest.store, draft.kind, rows.load(ingest.threatq, draft.kind, id) or {})
    return {**row, "existing": "Y" if existing else "N"} if draft.kind.is_indicator else row


def _bad_row(call: Call, item: object, invalid: Invalid) -> Row:
    named = {call.kind.key: item[call.kind.key]} if isinstance(item, dict) and call.kind.key in item else {}
    return {**named, "error": invalid.message}


def _refusal(call: Call, bad: list[Invalid]) -> Refused:
    if call.threatq.behaviour.error_shape == "list":
        return Refused(400, {"errors": [invalid.message for invalid in bad]})
    fields: dict[str, list[str]] = {}
    for invalid in bad:
        fields.setdefault(invalid.field, []).append(invalid.message)
    return Refused(400, {"data": {"errors": fields}})


def _changes(call: Call) -> Row:
    given, kind = call.fields, call.kind
    changes: Row = {}
    if kind.key in given:
        changes["key"] = str(given[kind.key])
    if "description" in given:
        changes["description"] = description_of(given)
    if kind.is_event and "happened_at" in given:
        changes["happened_at"] = moment(given, "happened_at", required=True)
    table = table_of(kind)
    if table and ("type_id" in given or "type" in given):
        changes["type_id"] = _named(call, table, "type", given)
    if kind.is_indicator and ("status_id" in given or "status" in given):
        changes["status_id"] = _named(call, "statuses", "status", given)
    return changes


def _named(call: Call, table: str, field: str, given: Row) -> int:
    row = resolve(call.threatq.store, table, given.get(f"{field}_id", given.get(field)))
    if row is None:
        raise Invalid(field, f"The selected {field} is invalid.")
    return int(row["id"])
