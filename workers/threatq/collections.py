"""Data collections: saved searches, found by name and read page by page, a million rows in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from workers.errors import ConfigError, MissingRights, ServiceAway
from workers.threatq.client import Caller, Json, rows, total
from workers.threatq.failure import Refusal
from workers.threatq.indicators import score_of
from workers.threatq.matching import type_name

SEARCHES = "/api/search/query"
#: Rows a page; the largest that public clients ask for (vendor's SDK, Elastic).
PAGE_SIZE = 1_000
#: What a row must carry. Asked for by name, since rows of 2026 leave things out unless asked (Elastic).
FIELDS = ("id", "value", "type", "score", "status", "touched_at")


class Collection(Struct, frozen=True):
    """A data collection: its name and the query that it stands for."""

    name: str
    query: dict[str, Any]


class Row(Struct, frozen=True):
    """An indicator of a collection; `score` is None where ThreatQ gives none, `touched_at` is UTC or ""."""

    id: int
    value: str
    type: str
    score: float | None
    status: str
    touched_at: str


class Page(Struct, frozen=True):
    """Some rows, and how many ThreatQ declares in all; None where it does not say.

    A listing is complete only if all its pages together hold `total` rows.
    """

    rows: tuple[Row, ...]
    total: int | None


def find_collection(caller: Caller, name: str) -> Collection:
    """Return the collection of this name (GET /api/search/query, vendor's SDK).

    Raises ConfigError. A collection that is not shared with our account looks like one that does not
    exist; where the account sees none at all, sharing or rights are the likely cause, and it says so.
    """
    try:
        found = rows(caller.call("GET", SEARCHES))
    except Refusal as error:
        if not error.is_absent:
            raise
        raise MissingRights("ThreatQ does not show its data collections to this account") from None
    for row in found:
        if row.get("name") == name:
            return Collection(name, _query(name, row.get("json")))
    raise ConfigError(_not_found(name, found), field="sync_collections")


def read_pages(caller: Caller, collection: Collection, *, size: int = PAGE_SIZE) -> Iterator[Page]:
    """Yield the collection's indicators page by page, by cursor, or by offset where ThreatQ has no cursor.

    `sort=id` ends in a unique key, as a cursor needs. Raises ServiceAway at the first page that fails.
    """
    position: Json = {"cursorMark": "*"}
    read = 0
    while True:
        body = _first(caller, collection, size) if not read else _ask(caller, collection, size, position)
        page = Page(tuple(_row(row) for row in rows(body)), total(body))
        if page.rows or not read:
            yield page
        read += len(page.rows)
        if not page.rows or (page.total is not None and read >= page.total):
            return
        following = _next(position, body, read)
        if following is None:
            return
        position = following


def _first(caller: Caller, collection: Collection, size: int) -> Any:
    """Ask for the first page by cursor, or without one where ThreatQ refuses the parameter."""
    try:
        return _ask(caller, collection, size, {"cursorMark": "*"})
    except Refusal:
        return _ask(caller, collection, size, {"offset": 0})


def _next(position: Json, body: Json, read: int) -> Json | None:
    """Return where the next page begins, or None after the last one (a cursor that stands still)."""
    mark = body.get("nextCursorMark")
    if mark:
        return None if position == {"cursorMark": mark} else {"cursorMark": mark}
    began_by_cursor = "cursorMark" in position and position["cursorMark"] != "*"
    return None if began_by_cursor else {"offset": read}


def _ask(caller: Caller, collection: Collection, size: int, position: Json) -> Any:
    params = {"limit": size, "sort": "id", **position}
    query = {**collection.query, "fields": list(FIELDS)}
    return caller.call("POST", "/api/indicators/query", params=params, json=query)


def _row(row: Json) -> Row:
    """Return a row of either shape: type and status as names (with `fields`) or as objects (without)."""
    status = row.get("status")
    try:
        return Row(
            id=int(row["id"]),
            value=str(row["value"]),
            type=type_name(row),
            score=score_of(row),
            status=str(status.get("name", "")) if isinstance(status, dict) else str(status or ""),
            touched_at=str(row.get("touched_at") or ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceAway("threatq", f"ThreatQ gives an indicator without id or value ({error!r})") from None


def _query(name: str, saved: object) -> dict[str, Any]:
    """Return the API query of a saved search, which may be JSON in a text, even twice (vendor's SDK)."""
    for _ in range(2):
        if isinstance(saved, str):
            try:
                saved = msgspec.json.decode(saved)
            except msgspec.DecodeError:
                break
    query = saved.get("api_query", saved) if isinstance(saved, dict) else None
    if not isinstance(query, dict) or not {"criteria", "filters"} & query.keys():
        raise ConfigError(
            f"data collection {name!r} holds no query that can be run; save it again in ThreatQ",
            field="sync_collections",
        )
    return {key: query[key] for key in ("criteria", "filters") if key in query}


def _not_found(name: str, found: list[Json]) -> str:
    seen = sorted(str(row["name"]) for row in found if row.get("name"))
    if not seen:
        return (
            f"this account sees no data collection at all, so {name!r} is not shared with it; "
            "share it in ThreatQ with the account, or with everyone"
        )
    near = [other for other in seen if other.casefold() == name.casefold()]
    hint = f"is it {near[0]!r}?" if near else f"it sees: {', '.join(seen[:20])}"
    return f"no data collection {name!r} is there or shared with this account; {hint}"
