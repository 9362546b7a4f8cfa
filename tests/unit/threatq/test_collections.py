"""Data collections: rows of either shape, pages by cursor or offset, and names that are not found."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ConfigError, ServiceAway
from workers.threatq.client import Params
from workers.threatq.collections import Collection, Position, find_collection, read_pages
from workers.threatq.errors import ServiceRefusal
from workers.threatq.rows import Row
from workers.threatq.search import search_term

QUERY = {"criteria": {}, "filters": {"+and": [{"type_name": "FQDN"}]}}
COLLECTION = Collection("C", QUERY)


def row(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "value": f"{number}.example",
        "type": "FQDN",
        "score": number % 11,
    }


class Library:
    """A threat library with `count` rows that pages by cursor, by offset, or refuses the cursor."""

    base = "https://threatq.example"

    def __init__(self, count: int, *, cursor: bool = True, refuse: bool = False, totals: bool = True) -> None:
        self.rows = [row(number) for number in range(1, count + 1)]
        self.cursor, self.refuse, self.totals = cursor, refuse, totals
        self.calls = 0

    def call(
        self, method: str, path: str, *, params: Params | None = None, json: object = None, type: Any = Any
    ) -> Any:
        self.calls += 1
        given = dict(params or {})
        if self.refuse and "cursorMark" in given:
            raise ServiceRefusal("unknown parameter", status=400)
        by_cursor = self.cursor and "cursorMark" in given
        at = int(str(given["cursorMark"]).replace("*", "0")) if by_cursor else int(given.get("offset", 0))
        page = self.rows[at : at + given["limit"]]
        body: dict[str, Any] = {"data": page or {}}
        if self.totals:
            body["total"] = len(self.rows)
        if by_cursor:
            body["nextCursorMark"] = str(at + len(page)) if page else given["cursorMark"]
        return msgspec.convert(body, type, strict=False)


class Searches:
    """Answers the list of saved searches."""

    base = "https://threatq.example"

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows

    def call(self, method: str, path: str, *, params: Params | None = None, json: object = None) -> Any:
        return {"data": list(self.rows)}


@given(
    count=st.integers(0, 60),
    size=st.integers(1, 25),
    cursor=st.booleans(),
    refuse=st.booleans(),
    totals=st.booleans(),
)
def test_every_row_is_read_once_however_threatq_pages(
    count: int, size: int, cursor: bool, refuse: bool, totals: bool
) -> None:
    library = Library(count, cursor=cursor, refuse=refuse, totals=totals)
    pages = list(read_pages(library, COLLECTION, size=size))
    assert [found.id for page in pages for found in page.rows] == list(range(1, count + 1))
    assert {page.total for page in pages} == {count if totals else None}


def test_a_page_that_fails_ends_the_listing_with_an_error() -> None:
    library = Library(10)
    pages = read_pages(library, COLLECTION, size=4)
    next(pages)
    library.rows[5] = {"value": "no id"}
    with pytest.raises(ServiceAway, match="without id"):
        next(pages)


@given(count=st.integers(1, 40), size=st.integers(1, 15), after=st.integers(1, 40), cursor=st.booleans())
def test_a_reading_goes_on_at_any_page(count: int, size: int, after: int, cursor: bool) -> None:
    library = Library(count, cursor=cursor)
    pages = list(read_pages(library, COLLECTION, size=size))
    stopped_at = pages[min(after, len(pages)) - 1].following
    if stopped_at is not None:
        pages[after:] = list(read_pages(library, COLLECTION, size=size, start=stopped_at))
    assert [found.id for page in pages for found in page.rows] == list(range(1, count + 1))


def test_rows_are_asked_for_in_an_order_that_a_cursor_can_follow() -> None:
    assert Position() == Position("*", 0)
    (page,) = read_pages(Library(1), COLLECTION)
    assert page.rows == [Row("1.example", "FQDN", 1, None, 1)]


@pytest.mark.parametrize(
    "saved",
    [
        {"api_query": QUERY, "ui_query": {}},
        json.dumps({"api_query": QUERY}),
        json.dumps(json.dumps({"api_query": QUERY})),
    ],
)
def test_a_saved_query_is_read_as_object_text_and_text_in_text(saved: object) -> None:
    assert find_collection(Searches({"name": "C", "json": saved}), "C").query == QUERY


def test_an_unreadable_query_is_never_run_as_everything() -> None:
    with pytest.raises(ConfigError, match="holds no query"):
        find_collection(Searches({"name": "C", "json": "{broken"}), "C")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        # the account sees others: absent, misspelt or not shared
        ([{"name": "Other", "json": {}}], "it sees: Other"),
        ([{"name": "c", "json": {}}], "is it 'c'"),
        # it sees none: not shared
        ([], "sees no data collection at all"),
    ],
)
def test_a_collection_that_is_not_there_says_what_is(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        find_collection(Searches(*rows), "C")


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("plain title", "plain title"),
        ("a, b", "a%"),
        ("100% sure", "100% sure"),
        ("100% sure, really", "100% sure%"),
        (r"C:\x, y", "C:%"),
        (r"back\slash", r"back\slash"),
        (",", "%"),
        ("x" * 100_000, "x" * 400 + "%"),
    ],
)
def test_a_search_term_ends_before_what_the_search_would_interpret(text: str, term: str) -> None:
    assert search_term(text) == term


@given(st.text(alphabet="ab,%\\_", max_size=12))
def test_a_search_term_always_finds_its_text(text: str) -> None:
    term = search_term(text)
    assert "," not in term
    head = term.split("%", 1)[0]
    assert text.startswith(head)
    assert "%" in term or term == text
