"""The first part of a run: every indicator of the collection, sorted into lists on disk."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from operator import lt
from typing import TypeVar

from workers.listsync.gather import Gathering
from workers.sync.run import Run
from workers.sync.state import RunState
from workers.threatq.collections import Page, find_collection, read_pages

T = TypeVar("T")

WANTED = "wanted"


def gathering_of(run: Run) -> Gathering:
    """Return the gathering as far as it is."""
    options, state = run.options, run.state
    return Gathering(
        state.collection, options.types, options.bands, run.folder.path / WANTED, since=state.taken
    )


def gather(run: Run) -> Generator[None, None, None]:
    """Read the collection from where it was left, a page a piece."""
    state = run.state
    if state.position is None:
        return
    collection = find_collection(run.tools.threatq, state.collection.name)
    gathering = gathering_of(run)
    try:
        for page in ahead(read_pages(run.tools.threatq, collection, start=state.position)):
            gathering.take(page.rows)
            _note(state, page)
            run.progress.tell("", "gather", gathering.read, state.declared_last)
            yield
    finally:
        state.taken = gathering.pause()
        run.save()


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield `items`, fetching the next one while one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _note(state: RunState, page: Page) -> None:
    """Note where the next page begins, and what casts doubt on the listing."""
    if state.declared is None:
        state.declared = page.total
    state.declared_last, state.position = page.total, page.following
    ids = [state.last_id, *(row.id for row in page.rows)]
    if not all(map(lt, ids, islice(ids, 1, None))) and not state.doubts:
        state.doubts.append("indicators came twice or out of order")
    state.last_id = ids[-1]
