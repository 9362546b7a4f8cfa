"""Data collections: saved searches, found by name and read page by page, a million rows in flat memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from workers.core.errors import ConfigError, MissingRights, ServiceAway
from workers.threatq.client import Caller, Json, rows, total
from workers.threatq.errors import ServiceRefusal
from workers.threatq.rows import Row

SEARCHES = "/api/search/query"
#: Rows after which a listing that declares no total is taken to be one without end.
MOST_ROWS = 20_000_000
#: Rows a page; the largest that public clients ask for (vendor's SDK, Elastic).
PAGE_SIZE = 1_000
#: What a row must carry. Asked for by name, since rows of 2026 leave things out unless asked (Elastic).
FIELDS = ("id", "value", "type", "status", "score", "created_at")


class Collection(Struct, frozen=True):
    """A data collection: its name and the query that it stands for."""

    name: str
    query: dict[str, Any]


class Position(Struct, frozen=True):
    """Where a page begins: at a cursor, or at an offset where ThreatQ has no cursor."""

    cursor: str | None = "*"
    offset: int = 0


START = Position()


class CollectionPage(Struct, frozen=True):
    """Some rows, how many ThreatQ declares in all (None where it does not say), and where the next page begins.

    A listing is complete only if all its pages together hold `total` rows.
    """

    rows: list[Row]
    total: int | None
    following: Position | None


class _Answer(Struct, frozen=True):
    """A page as ThreatQ sends it; an empty one may be an object instead of a list."""

    data: list[Row] | dict[str, Any] = {}
    total: int | str | None = None
    nextCursorMark: str | None = None


def find_collection(caller: Caller, name: str) -> Collection:
    """Return the collection of this name (GET /api/search/query, vendor's SDK).

    Raises ConfigError. A collection that is not shared with our account looks like one that does not
    exist; where the account sees none at all, sharing or rights are the likely cause, and it says so.
    """
    try:
        searches = rows(caller.call("GET", SEARCHES))
    except ServiceRefusal as error:
        if not error.is_absent:
            raise
        raise MissingRights("ThreatQ does not show its data collections to this account") from None
    for row in searches:
        if row.get("name") == name:
            return Collection(name, _query(name, row.get("json")))
    raise ConfigError(_not_found(name, searches), field="sync_collections")


def read_pages(
    caller: Caller, collection: Collection, *, size: int = PAGE_SIZE, start: Position = START
) -> Iterator[CollectionPage]:
    """Yield the collection's indicators page by page, by cursor, or by offset where ThreatQ has no cursor.

    `start` goes on where an earlier reading stopped. `sort=id` ends in a unique key, as a cursor needs. Raises
    ServiceAway at the first page that fails.
    """
    page = read_page(caller, collection, size=size, position=start)
    yield page
    while page.following is not None:
        page = read_page(caller, collection, size=size, position=page.following)
        if page.rows:
            yield page


def count_rows(caller: Caller, collection: Collection) -> int | None:
    """Return how many indicators the collection holds; None where ThreatQ does not say."""
    return read_page(caller, collection, size=1, position=Position(None)).total


def newest(caller: Caller, collection: Collection) -> Row | None:
    """Return the indicator that came last into ThreatQ; None for an empty collection."""
    answer = _ask(caller, collection, 1, Position(None), sort="-id")
    return answer.data[0] if isinstance(answer.data, list) and answer.data else None


def look_up(caller: Caller, collection: Collection | None, values: Sequence[str]) -> list[Row]:
    """Return the indicators with one of these values, in the collection or (None) anywhere in ThreatQ."""
    query = collection.query if collection else {}
    any_value = {"+or": [{"value": value} for value in values]}
    criteria = {"+and": [query["criteria"], any_value]} if query.get("criteria") else any_value
    narrowed = Collection("", {**query, "criteria": criteria})
    return read_page(caller, narrowed, size=len(values) * 10, position=Position(None)).rows


def read_page(
    caller: Caller, collection: Collection, *, size: int = PAGE_SIZE, position: Position = START
) -> CollectionPage:
    """Read one page; the first is asked for by cursor, or without one where ThreatQ refuses the parameter.

    Raises ServiceAway.
    """
    if position != START:
        answer = _ask(caller, collection, size, position)
    else:
        try:
            answer = _ask(caller, collection, size, START)
        except ServiceRefusal:
            position = Position(None)
            answer = _ask(caller, collection, size, position)
    indicators = answer.data if isinstance(answer.data, list) else []
    if 0 in [row.id for row in indicators]:
        raise ServiceAway("threatq", "ThreatQ gives an indicator without id; the listing is read again")
    declared = total({"total": answer.total})
    return CollectionPage(indicators, declared, _following(position, answer, len(indicators), declared))


def _following(position: Position, answer: _Answer, read: int, declared: int | None) -> Position | None:
    """Return where the next page begins, or None after the last one (nothing more, or a cursor that stands still)."""
    so_far = position.offset + read
    if not read or (declared is not None and so_far >= declared):
        return None
    if so_far >= MOST_ROWS:
        raise ServiceAway(
            "threatq", f"a data collection does not end after {MOST_ROWS:,} rows; check threatq_url"
        )
    mark = answer.nextCursorMark
    if mark:
        return None if mark == position.cursor else Position(mark, so_far)
    return Position(None, so_far) if position.cursor in (None, "*") else None


def _ask(
    caller: Caller, collection: Collection, size: int, position: Position, *, sort: str = "id"
) -> _Answer:
    start: Json = {"offset": position.offset} if position.cursor is None else {"cursorMark": position.cursor}
    answer: _Answer = caller.call(
        "POST",
        "/api/indicators/query",
        params={"limit": size, "sort": sort, **start},
        json={**collection.query, "fields": list(FIELDS)},
        type=_Answer,
    )
    return answer


def _query(name: str, saved: object) -> dict[str, Any]:
    """Return the API query of a saved search, which may be JSON in a text, even twice (vendor's SDK)."""
    for _ in range(2):
        if isinstance(saved, str):
            try:
                saved = msgspec.json.decode(saved)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                break
    query = saved.get("api_query", saved) if isinstance(saved, dict) else None
    if not isinstance(query, dict) or not {"criteria", "filters"} & query.keys():
        raise ConfigError(
            f"data collection {name!r} holds no query that can be run; save it again in ThreatQ",
            field="sync_collections",
        )
    return {key: query[key] for key in ("criteria", "filters") if key in query}


def _not_found(name: str, searches: list[Json]) -> str:
    seen = sorted(str(row["name"]) for row in searches if row.get("name"))
    if not seen:
        return (
            f"this account sees no data collection at all, so {name!r} is not shared with it; "
            "share it in ThreatQ with the account, or with everyone"
        )
    near = [other for other in seen if other.casefold() == name.casefold()]
    hint = f"is it {near[0]!r}?" if near else f"it sees: {', '.join(seen[:20])}"
    return f"no data collection {name!r} is there or shared with this account; {hint}"
