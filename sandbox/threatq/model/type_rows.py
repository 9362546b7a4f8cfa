"""Types as the API shows them: in the lookups, and beside an object."""

from __future__ import annotations

from sandbox.threatq.model.kinds import Kind
from sandbox.threatq.model.store import Row, Store

#: The date that everything of a fresh installation carries.
INSTALLED_AT = "2024-01-01 00:00:00"

DATES = {"created_at": INSTALLED_AT, "updated_at": INSTALLED_AT}


_TABLES = {"indicators": "indicator_types", "events": "event_types", "attachments": "attachment_types"}


def table_of(kind: Kind) -> str | None:
    """The table of a kind's types; None for kinds without types."""
    return _TABLES.get(kind.collection)


def type_of(store: Store, kind: Kind, id: int | None) -> Row | None:
    """The type of an object in full, None for kinds without types."""
    table = table_of(kind)
    row = store.recall(f"SELECT * FROM {table} WHERE id = ?", id) if table else None
    if row is None:
        return None
    return indicator_type(row) if kind.is_indicator else plain_type(row)


def indicator_type(row: Row) -> Row:
    """An indicator type."""
    return {**row, "score": None, "wildcard_matching": "Y", **DATES}


def plain_type(row: Row) -> Row:
    """A type of events or files."""
    return {**row, "user_editable": "N", **DATES}
