"""The first part of a run: every indicator of the collection, sorted into lists on disk."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from workers.listsync.gather import Gathering
from workers.sync.run import Run
from workers.sync.state import RunState
from workers.threatq.collections import Page, find_collection, read_pages

T = TypeVar("T")

WANTED = "wanted"

#: Pages fetched before they are needed: with fewer, ThreatQ waits for the processor time of the page before.
PAGES_AHEAD = 4


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
    pages = Ahead(read_pages(run.tools.threatq, collection, start=state.position), PAGES_AHEAD)
    try:
        for page in pages:
            _take(run, gathering, page)
            yield
    finally:
        # What was fetched already is taken too: ThreatQ would have to give it once more.
        left = pages.stop()
        if not run.slice.lost:
            for page in left:
                _take(run, gathering, page)
            state.taken = gathering.pause()
            run.save()


class Ahead(Generic[T]):
    """Iterates over `items`, of which a thread fetches up to `most` before they are asked for."""

    def __init__(self, items: Iterator[T], most: int) -> None:
        self._items, self._most = items, most
        self._pool = ThreadPoolExecutor(1)
        self._coming: deque[Future[T | None]] = deque()

    def __iter__(self) -> Iterator[T]:
        """Yield one after the other; raises what fetching raised."""
        self._coming.extend(self._pool.submit(next, self._items, None) for _ in range(self._most))
        while (item := self._coming.popleft().result()) is not None:
            self._coming.append(self._pool.submit(next, self._items, None))
            # Lets the fetching thread in: it would wait 5 ms for the interpreter each time that it wakes.
            time.sleep(0)
            yield item

    def stop(self) -> list[T]:
        """Fetch no more; return what was fetched and not yielded, up to the first that failed."""
        self._pool.shutdown(cancel_futures=True)
        left = []
        for coming in self._coming:
            if coming.cancelled() or coming.exception() or (item := coming.result()) is None:
                break
            left.append(item)
        return left


def _take(run: Run, gathering: Gathering, page: Page) -> None:
    gathering.take(page.rows)
    _note(run.state, page)
    run.progress.tell("", "gather", gathering.read, run.state.declared_last)


def _note(state: RunState, page: Page) -> None:
    """Note where the next page begins, and what casts doubt on the listing."""
    if state.declared is None:
        state.declared = page.total
    state.declared_last, state.position = page.total, page.following
    ids = [state.last_id, *(row.id for row in page.rows)]
    if ids != sorted(set(ids)) and not state.doubts:
        state.doubts.append("indicators came twice or out of order")
    state.last_id = ids[-1]
