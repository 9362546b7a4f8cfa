"""Finding by exact text through a search that takes `,` for "or" and `%` for "anything" (SPL2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workers.threatq.client import Caller, Json, Params, pages

#: Rows asked for at once.
PAGE_SIZE = 200
#: Characters of a search term: each takes up to twelve bytes of the request line, of which web servers take about 8 kB.
LONGEST_TERM = 400


def search_term(text: str) -> str:
    """Return a search value that surely finds `text`: cut before the first comma and when long, open at the end.

    A `%` stays, since it also matches itself; a backslash would escape it, so the term ends before one.
    """
    head = text[:LONGEST_TERM].split(",", 1)[0]
    if head == text and "%" not in text:
        return text
    plain = head.split("\\", 1)[0]
    return plain if plain == text else plain + "%"


def is_whole(text: str) -> bool:
    """Tell whether a search for `text` finds nothing else, so that it may stand beside others in one search."""
    return bool(text.strip()) and search_term(text) == text


def find_pages(
    caller: Caller, collection: str, field: str, texts: Sequence[str], params: Params
) -> Iterator[list[Json]]:
    """Yield pages of the rows whose `field` is exactly one of `texts`; a page may be empty."""
    query = {field: ",".join(map(search_term, texts)), **params}
    for page in pages(caller, f"/api/{collection}", query, size=PAGE_SIZE):
        yield [row for row in page if any(_same(row.get(field), text) for text in texts)]


def find_exact(
    caller: Caller, collection: str, field: str, text: str, params: Params | None = None
) -> Iterator[Json]:
    """Yield the rows whose `field` is exactly `text`, apart from blanks around it."""
    for page in find_pages(caller, collection, field, [text], params or {}):
        yield from page


def _same(stored: object, text: str) -> bool:
    return isinstance(stored, str) and stored.strip() == text.strip()
