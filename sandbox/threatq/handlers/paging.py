"""The pages of the threat library: by offset, or by a cursor that stays fast however deep it goes."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from sandbox.threatq.handlers.query import Where
from sandbox.threatq.model.call import Call, Refused
from sandbox.threatq.model.kinds import SHORT, Kind

#: Rows of a page where the request does not say how many, and the most that one gives.
DEFAULT_LIMIT = 100

MAX_LIMIT = 1000

_SORTABLE = ("id", "created_at", "updated_at", "touched_at", "published_at", "happened_at", "score")


class Page(msgspec.Struct, frozen=True):
    """Which rows a request wants, in which order; `cursor` None pages by offset."""

    limit: int
    offset: int
    columns: tuple[str, ...]
    descending: bool
    cursor: str | None

    @property
    def order(self) -> str:
        """The ORDER BY, which ends in the id and so is total."""
        return ", ".join(f"{column} {'DESC' if self.descending else 'ASC'}" for column in self.columns)

    def after(self, *, is_few: bool) -> Where:
        """The condition that skips what the cursor has passed; of few rows the ids are no way to find them."""
        if self.cursor in (None, "*"):
            return Where("")
        values = _decode(str(self.cursor))
        if len(values) != len(self.columns):
            raise _bad_cursor()
        marks = ", ".join("?" * len(values))
        columns = ", ".join(f"+{column}" if is_few else column for column in self.columns)
        return Where(f"({columns}) {'<' if self.descending else '>'} ({marks})", tuple(values))

    def next_cursor(self, last: tuple[Any, ...] | None) -> str:
        """The mark after the last row; without one the mark stays as it is, which ends the paging."""
        return str(self.cursor) if last is None else _encode(last)


def page(call: Call) -> Page:
    """Read a request's paging; raises Refused for a sort that a cursor cannot follow."""
    names = [name.strip() for name in call.query.get("sort", "id").split(",") if name.strip()]
    directions = {name.startswith("-") for name in names}
    if len(directions) > 1:
        raise Refused(400, {"errors": ["Sort fields must all go in the same direction."]})
    limit = max(0, min(call.number("limit", DEFAULT_LIMIT), MAX_LIMIT))
    offset = max(0, call.number("offset", 0))
    return Page(limit, offset, _columns(call.kind, names), directions == {True}, call.query.get("cursorMark"))


def _columns(kind: Kind, names: list[str]) -> tuple[str, ...]:
    fields = [name.lstrip("+-") for name in names]
    columns = ["key" if field == kind.key else SHORT.get(field, field) for field in fields]
    for column in columns:
        if column != "key" and column not in _SORTABLE:
            raise Refused(400, {"errors": [f"The sort field {column} is not known."]})
    # Without the unique id at its end an order is not total, and a cursor would skip or repeat rows.
    kept = columns[: columns.index("id")] if "id" in columns else columns
    return (*(f"COALESCE({name}, -1)" if name in ("score", "happened_at") else name for name in kept), "id")


def _encode(values: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode()


def _decode(mark: str) -> list[Any]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(mark), type=list[Any])
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise _bad_cursor() from None


def _bad_cursor() -> Refused:
    return Refused(400, {"errors": ["The cursorMark cannot be read."]})
