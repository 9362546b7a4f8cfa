"""Attributes, sources, tags, comments and relations under an object."""

from __future__ import annotations

from sandbox.threatq.handlers.drafts import Invalid, attributes_of, id_of, names_of, source_of
from sandbox.threatq.handlers.ingest import Ingest
from sandbox.threatq.handlers.objects import load
from sandbox.threatq.model import clock, rows
from sandbox.threatq.model.call import Answer, Call, kind_of, listing, not_found, refused, single
from sandbox.threatq.model.relations import Relations, unrelate
from sandbox.threatq.model.store import Row

#: The most related objects in one answer.
RELATED_LIMIT = 1000

_TABLES = {"attributes": "attributes", "comments": "comments"}

_REMOVE = {
    "attributes": ("attributes", "id"),
    "comments": ("comments", "id"),
    "sources": ("object_sources", "id"),
    "tags": ("object_tags", "tag_id"),
    "watchlist": ("watchlist", "id"),
    "spearphish": ("spearphish", "id"),
}


def index(call: Call) -> Answer:
    """GET /api/{collection}/{id}/{children}."""
    row = load(call)
    return listing(rows.children(call.threatq.store, call.kind, row["id"], call.path["children"]))


def add(call: Call) -> Answer:
    """POST /api/{collection}/{id}/{children}: one or a list."""
    load(call)
    try:
        return _ADD[call.path["children"]](call)
    except Invalid as invalid:
        raise refused(invalid.field, invalid.message) from invalid


def change(call: Call) -> Answer:
    """PUT an attribute's or a comment's value."""
    table, row = _row(call)
    call.threatq.store.run(
        f"UPDATE {table} SET value = ?, updated_at = ? WHERE id = ?",
        *(str(call.fields.get("value", "")), clock.now(), row["id"]),
    )
    return single(_child(call, table, row["id"]))


def remove(call: Call) -> Answer:
    """DELETE an attribute, a comment, a tag, an entry of the watchlist, or a source by its pivot."""
    table, column = _REMOVE[call.path["children"]]
    sql = f"DELETE FROM {table} WHERE kind = ? AND object_id = ? AND {column} = ?"
    values = (call.kind.number, call.path["id"], call.path["row"])
    if not call.threatq.store.db.execute(sql, values).rowcount:
        raise not_found()
    return Answer(None, 204)


def describe(call: Call) -> Answer:
    """POST /api/adversaries/{id}/description."""
    load(call)
    value, id = str(call.fields.get("value", "")), call.path["id"]
    call.threatq.store.run(f"UPDATE {call.kind.collection} SET description = ? WHERE id = ?", value, id)
    return single({"id": id, "value": value}, 201)


def description(call: Call) -> Answer:
    """GET /api/{collection}/{id}/description."""
    return single({"id": call.path["id"], "value": load(call)["description"]})


def related(call: Call) -> Answer:
    """GET /api/{collection}/{id}/{other}: related objects with their pivots."""
    row, other = load(call), kind_of(call.path["other"])
    relations = rows.relation_rows(call.threatq, call.kind, row["id"], other)
    offset, limit = call.number("offset", 0), min(call.number("limit", RELATED_LIMIT), RELATED_LIMIT)
    wanted = call.query.get("with", "")
    page = [rows.expand(call.threatq, other, item, wanted) for item in relations[offset : offset + limit]]
    return listing(page, len(relations))


def add_related(call: Call) -> Answer:
    """POST /api/{collection}/{id}/{other} with `{"id"}` or a list of them; again is harmless."""
    load(call)
    end, other, answers = (call.kind, call.path["id"]), kind_of(call.path["other"]), []
    relations = Relations(call.threatq.store, call.threatq.behaviour.relation_cap, clock.now())
    for item in call.items:
        row = rows.load(call.threatq, other, id_of(item.get("id") if isinstance(item, dict) else item))
        if row is None:
            raise refused("id", "The selected id is invalid.")
        relation = relations.relate(end, (other, row["id"]))
        # Beyond the cap there is no relation, and so no pivot: that is how ThreatQ tells.
        pivots = {"pivot": rows.pivot_row({**relation, "other": row["id"]}, *end, other)} if relation else {}
        answers.append({**row, **pivots})
    return listing(answers, status=201)


def remove_related(call: Call) -> Answer:
    """DELETE /api/{collection}/{id}/{other} with a list of pivot ids."""
    load(call)
    pivots = [id_of(id) for id in call.body] if isinstance(call.body, list) else []
    unrelate(call.threatq.store, (call.kind, call.path["id"]), kind_of(call.path["other"]), pivots)
    return Answer(None, 204)


def _add_attributes(call: Call) -> Answer:
    ingest = Ingest(call.threatq, call.account)
    drafts = attributes_of(call.body if call.body is not None else call.fields)
    ids = [ingest.add_attribute(call.kind, call.path["id"], draft) for draft in drafts]
    return listing([_child(call, "attributes", id) for id in ids], status=201)


def _add_sources(call: Call) -> Answer:
    ingest, answers = Ingest(call.threatq, call.account), []
    for item in call.items:
        id, existing = ingest.add_source(call.kind, call.path["id"], source_of(item))
        answers.append({**_source_row(call, id), "existing": int(existing)})
    return listing(answers, status=201)


def _add_tags(call: Call) -> Answer:
    ingest = Ingest(call.threatq, call.account)
    names = names_of(call.body if call.body is not None else [call.fields], "tags", "name")
    return listing(
        [{"id": ingest.add_tag(call.kind, call.path["id"], name), "name": name} for name in names], status=201
    )


def _add_comments(call: Call) -> Answer:
    ingest = Ingest(call.threatq, call.account)
    values = names_of([call.fields], "comments", "value")
    return single(_child(call, "comments", ingest.add_comment(call.kind, call.path["id"], values[0])), 201)


def _add_spearphish(call: Call) -> Answer:
    (value,) = names_of([call.fields], "spearphish", "value")
    sql = "INSERT INTO spearphish (kind, object_id, value) VALUES (?, ?, ?)"
    id = call.threatq.store.run(sql, call.kind.number, call.path["id"], value)
    return single({"id": id, f"{call.kind.code}_id": call.path["id"], "value": value}, 201)


def _watch(call: Call) -> Answer:
    """Put an object on the account's watchlist, where it is once."""
    kind, id = call.kind, call.path["id"]
    values = (kind.number, id, call.account.id)
    sql = "INSERT OR IGNORE INTO watchlist (kind, object_id, user_id, created_at) VALUES (?, ?, ?, ?)"
    call.threatq.store.run(sql, *values, clock.now())
    watched = rows.children(call.threatq.store, kind, id, "watchlist")
    return single(next(row for row in watched if row["user_id"] == call.account.id), 201)


_ADD = {
    "attributes": _add_attributes,
    "sources": _add_sources,
    "tags": _add_tags,
    "comments": _add_comments,
    "watchlist": _watch,
    "spearphish": _add_spearphish,
}


def _row(call: Call) -> tuple[str, Row]:
    table = _TABLES.get(call.path["children"])
    if table is None:
        raise not_found()
    sql = f"SELECT * FROM {table} WHERE id = ? AND kind = ?"
    row = call.threatq.store.one(sql, call.path["row"], call.kind.number)
    if row is None or row["object_id"] != call.path.get("id", row["object_id"]):
        raise not_found()
    return table, row


def _child(call: Call, table: str, id: int) -> Row:
    store = call.threatq.store
    if table == "comments":
        return rows.comment(store, call.kind, store.one("SELECT * FROM comments WHERE id = ?", id) or {})
    return rows.attribute(store, call.kind, store.one(f"{rows.ATTRIBUTES} WHERE a.id = ?", id) or {})


def _source_row(call: Call, id: int) -> Row:
    row = call.threatq.store.need(
        "SELECT o.id, o.object_id, o.source_id, o.creator_source_id, s.name, o.tlp_id, o.published_at"
        " FROM object_sources o JOIN sources s ON s.id = o.source_id WHERE o.id = ?",
        id,
    )
    published_at = clock.text(row["published_at"])
    return {f"{call.kind.code}_id": row.pop("object_id"), **row, "published_at": published_at}
