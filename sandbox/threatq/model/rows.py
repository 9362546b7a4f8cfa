"""Gives stored rows the shapes of the REST API: the CRUD shape with its `with=` expansions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.threatq.model import clock
from sandbox.threatq.model.call import Refused
from sandbox.threatq.model.kinds import KINDS, Kind
from sandbox.threatq.model.relations import kinds_of, related
from sandbox.threatq.model.store import Row, Store, digest
from sandbox.threatq.model.type_rows import table_of, type_of

if TYPE_CHECKING:
    from sandbox.threatq.model.call import System

#: Attribute rows with their names, as `attribute` takes them.
ATTRIBUTES = "SELECT a.*, n.name FROM attributes a JOIN attribute_names n ON n.id = a.attribute_id"


def load(threatq: System, kind: Kind, id: int) -> Row | None:
    """One object in CRUD shape."""
    row = threatq.store.one(f"SELECT * FROM {kind.collection} WHERE id = ?", id)
    return shape(threatq.store, kind, row) if row else None


def shape(store: Store, kind: Kind, row: Row) -> Row:
    """A stored row in CRUD shape; its type is there by its id alone, see `typed`."""
    dates = {
        name: clock.text(row[name]) for name in ("created_at", "updated_at", "touched_at", "published_at")
    }
    named = {"id": row["id"], kind.key: row["key"], "description": row["description"]}
    if kind.is_indicator:
        return {**named, **_indicator(store, row), **dates}
    if kind.is_event:
        return {**named, **_event(row), **dates}
    if kind.is_attachment:
        return {**named, "type_id": row["type_id"], **_file(store, row["id"]), **dates}
    names = {"object_name": kind.display, "object_name_plural": kind.plural}
    return {**named, **dates, "object_id": kind.number, "object_code": kind.code, **names}


def typed(store: Store, kind: Kind, row: Row) -> Row:
    """A row in CRUD shape with its type in full, as creating answers it."""
    return {**row, "type": type_of(store, kind, row["type_id"])} if "type_id" in row else row


def _indicator(store: Store, row: Row) -> Row:
    type = store.recall("SELECT class FROM indicator_types WHERE id = ?", row["type_id"]) or {}
    dates = {
        "last_detected_at": clock.text(row["last_detected_at"]),
        **dict.fromkeys(("expires_at", "expired_at", "expires_calculated_at")),
    }
    return {
        "type_id": row["type_id"],
        "status_id": row["status_id"],
        "class": type.get("class"),
        "hash": digest(row["key"], row["type_id"], row["happened_at"]),
        "expires_needs_calc": "Y",
        **dates,
    }


def _event(row: Row) -> Row:
    return {
        "type_id": row["type_id"],
        "happened_at": clock.text(row["happened_at"]),
        "hash": digest(row["key"], row["type_id"], row["happened_at"]),
    }


def _file(store: Store, id: int) -> Row:
    columns = "name, hash, malware_locked, LENGTH(content) AS file_size, 1 AS content_type_id"
    return store.one(f"SELECT {columns} FROM files WHERE id = ?", id) or {}


def _dates(row: Row, *names: str) -> Row:
    return {name: clock.text(row[name]) for name in names}


def expand(threatq: System, kind: Kind, row: Row, wanted: str) -> Row:
    """Add the expansions of a `with` parameter, which takes `attackPattern` and gives `attack_pattern`.

    An unsupported one is a server error, as on the real one.
    """
    names = [name for name in wanted.split(",") if name]
    for name in names:
        if not _known(name) or ("_" in name and not threatq.behaviour.with_underscores):
            raise Refused(500, {"errors": [f"Call to undefined relationship [{name}]."]})
    tops = dict.fromkeys(_collection(name.split(".")[0]) for name in names)
    return {**row, **{top: _expansion(threatq, kind, row, top) for top in tops}}


def details(threatq: System, kind: Kind, row: Row) -> Row:
    """Everything about an object at once."""
    tops = ["status", "score"] if kind.is_indicator else []
    tops += ["type"] if table_of(kind) else []
    tops += ["sources", "attributes", "tags", "comments"]
    tops += [other.collection for other in kinds_of(threatq.store, (kind, row["id"]))]
    return {**row, **{top: _expansion(threatq, kind, row, top) for top in tops}}


def children(store: Store, kind: Kind, id: int, name: str) -> list[Row]:
    """The attributes, sources, tags or comments of an object."""
    rows: list[Row] = _EXPANSIONS[name](store, kind, id)
    return rows


def _known(name: str) -> bool:
    top = _collection(name.split(".", maxsplit=1)[0])
    return top in KINDS or top in {"type", *_EXPANSIONS}


def _expansion(threatq: System, kind: Kind, row: Row, top: str) -> Any:
    if top == "type":
        return type_of(threatq.store, kind, row.get("type_id"))
    if top in _EXPANSIONS:
        return _EXPANSIONS[top](threatq.store, kind, row["id"])
    return relation_rows(threatq, kind, row["id"], KINDS[top])


def _collection(name: str) -> str:
    # Two-word kinds are spelled in camel case here and with underscores in paths.
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def relation_rows(threatq: System, kind: Kind, id: int, other: Kind) -> list[Row]:
    """The objects of a kind that one object is related to, each with its pivot."""
    rows = []
    for relation in related(threatq.store, (kind, id), other):
        row = load(threatq, other, relation["other"])
        if row is not None:
            rows.append({**row, "pivot": pivot_row(relation, kind, id, other)})
    return rows


def pivot_row(relation: Row, kind: Kind, id: int, other: Kind) -> Row:
    """A relation as rows carry it."""
    dates = _dates(relation, "created_at", "updated_at")
    ends = {"src_type": kind.code, "dest_type": other.code, "src_object_id": id}
    return {"id": relation["id"], **ends, "dest_object_id": relation.get("other"), **dates}


def sources(store: Store, kind: Kind, id: int) -> list[Row]:
    """The sources of an object with their pivots."""
    rows = store.all(
        "SELECT s.id, COALESCE(s.type, 'other_sources') AS type, COALESCE(s.reference_id, s.id) AS reference_id,"
        " s.name, o.id AS pivot_id, o.creator_source_id, o.tlp_id, o.published_at, o.created_at,"
        " o.updated_at"
        " FROM object_sources o JOIN sources s ON s.id = o.source_id"
        " WHERE o.kind = ? AND o.object_id = ? ORDER BY o.id",
        *(kind.number, id),
    )
    return [_source(row, kind, id) for row in rows]


def _source(row: Row, kind: Kind, id: int) -> Row:
    pivot = {
        "id": row["pivot_id"],
        f"{kind.code}_id": id,
        "source_id": row["id"],
        "creator_source_id": row["creator_source_id"],
    }
    dates = _dates(row, "published_at", "created_at", "updated_at")
    kept = {name: row[name] for name in ("id", "type", "reference_id", "name", "tlp_id")}
    return {**kept, **dates, "pivot": pivot}


def attributes(store: Store, kind: Kind, id: int) -> list[Row]:
    """The attributes of an object, each with its sources."""
    rows = store.all(
        f"{ATTRIBUTES} WHERE a.kind = ? AND a.object_id = ? ORDER BY a.id",
        *(kind.number, id),
    )
    return [attribute(store, kind, row) for row in rows]


def attribute(store: Store, kind: Kind, row: Row) -> Row:
    """An attribute row; `row` carries its name."""
    said_by = store.all(
        "SELECT s.id, s.name FROM attribute_sources a JOIN sources s ON s.id = a.source_id"
        " WHERE a.attribute_row = ?",
        row["id"],
    )
    dates = _dates(row, "created_at", "updated_at")
    return {
        "id": row["id"],
        f"{kind.code}_id": row["object_id"],
        "attribute_id": row["attribute_id"],
        "name": row["name"],
        "value": row["value"],
        "touched_at": dates["updated_at"],
        **dates,
        "attribute": {"id": row["attribute_id"], "name": row["name"]},
        "sources": said_by,
    }


def tags(store: Store, kind: Kind, id: int) -> list[Row]:
    """The tags of an object."""
    sql = "SELECT t.id, t.name FROM object_tags o JOIN tags t ON t.id = o.tag_id"
    return store.all(f"{sql} WHERE o.kind = ? AND o.object_id = ?", kind.number, id)


def comments(store: Store, kind: Kind, id: int) -> list[Row]:
    """The comments on an object."""
    rows = store.all("SELECT * FROM comments WHERE kind = ? AND object_id = ? ORDER BY id", kind.number, id)
    return [comment(store, kind, row) for row in rows]


def comment(store: Store, kind: Kind, row: Row) -> Row:
    """A comment."""
    said_by = store.all("SELECT id, name FROM sources WHERE id = ?", row["source_id"])
    dates = _dates(row, "created_at", "updated_at")
    return {
        "id": row["id"],
        f"{kind.code}_id": row["object_id"],
        "value": row["value"],
        **dates,
        "sources": said_by,
    }


def watchlist(store: Store, kind: Kind, id: int) -> list[Row]:
    """Who watches an object."""
    rows = store.all("SELECT * FROM watchlist WHERE kind = ? AND object_id = ? ORDER BY id", kind.number, id)
    return [
        {"id": row["id"], f"{kind.code}_id": id, "user_id": row["user_id"], **_dates(row, "created_at")}
        for row in rows
    ]


def spearphish(store: Store, kind: Kind, id: int) -> list[Row]:
    """The texts of the e-mails that an event is about."""
    sql = "SELECT id, value FROM spearphish WHERE kind = ? AND object_id = ? ORDER BY id"
    return [{**row, f"{kind.code}_id": id} for row in store.all(sql, kind.number, id)]


def adversaries(store: Store, kind: Kind, id: int) -> list[Row]:
    """The relations of an object to adversaries."""
    return related(store, (kind, id), KINDS["adversaries"])


def status(store: Store, kind: Kind, id: int) -> Row | None:
    """The status of an indicator."""
    sql = f"SELECT s.id, s.name FROM {kind.collection} o JOIN statuses s ON s.id = o.status_id"
    return store.one(f"{sql} WHERE o.id = ?", id)


def score(store: Store, kind: Kind, id: int) -> Row | None:
    """The score object of an indicator; its numbers are strings."""
    row = store.one(f"SELECT * FROM {kind.collection} WHERE id = ?", id)
    if row is None or (row["generated_score"] is None and row["manual_score"] is None):
        return None
    manual = row["manual_score"]
    generated = row["generated_score"]
    return {
        "indicator_id": id,
        "generated_score": None if generated is None else f"{generated:.2f}",
        "manual_score": None if manual is None else f"{manual:g}",
        "score_config_hash": "sandbox",
        "created_at": clock.text(row["created_at"]),
        "updated_at": clock.text(row["updated_at"]),
    }


_EXPANSIONS: dict[str, Any] = {
    "sources": sources,
    "attributes": attributes,
    "tags": tags,
    "comments": comments,
    "watchlist": watchlist,
    "spearphish": spearphish,
    "status": status,
    "score": score,
}
